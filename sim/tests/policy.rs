//! Priorities, deadlines, thresholds and budgets, judged from outside: by readiness as the objects define it, and by an account of jobs and
//! budgets in absolute time.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::{HashMap, HashSet};

use lacuna_model::objects::{Action, ContextSlot, Objects, Phase, State, Step};
use lacuna_model::profile::{Coupling, Profile};
use lacuna_model::relation::Label;
use lacuna_model::sched::SchedStep;
use lacuna_model::system::{Order, SchedulingContextId, most_computing};
use lacuna_model::time::TimeStep;
use lacuna_model::units::Nanos;
use lacuna_sim::log::Record;
use lacuna_sim::policy::{FixedPriority, Policy};
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, simulate};
use proptest::prelude::*;
use support::servers::Reference;

/// The budget of each scheduling context that has one.
type Accounts = HashMap<SchedulingContextId, Reference>;

/// The jobs of each context, in absolute time: when each that has not ended is due, in the order in which they arrived.
#[derive(Debug, Default)]
struct Jobs {
    due: HashMap<ContextSlot, Vec<u64>>,
    /// What the one under way has had of the core.
    had: HashMap<ContextSlot, u64>,
    /// Who was dispatched and has not blocked since.
    started: HashSet<ContextSlot>,
}

impl Jobs {
    fn follow(&mut self, objects: &Objects, before: &State, record: &Record, after: &State) {
        match record.label {
            Label::Time(TimeStep::Arrive { context, .. }) => {
                let deadline = objects.declaration(before, context).task.unwrap().deadline;
                self.due.entry(context).or_default().push(record.at.0 + deadline.0);
            }
            Label::Object(Step { context, action: Action::JobDone }) => {
                // A copy that an attacking job made of itself has none.
                let due = self.due.entry(context).or_default();
                _ = (!due.is_empty()).then(|| due.remove(0));
                self.had.remove(&context);
            }
            Label::Sched(SchedStep::Dispatch(context)) => _ = self.started.insert(context),
            _ => {}
        }
        self.due.retain(|context, _| after.contexts[usize::from(*context)].phase != Phase::Gone);
        self.had.retain(|context, _| after.contexts[usize::from(*context)].phase != Phase::Gone);
        self.started.retain(|context| {
            let lives = after.contexts[usize::from(*context)].phase != Phase::Gone;
            lives && objects.is_ready(after, *context)
        });
    }

    /// The larger the more urgent.
    fn urgency(
        &self,
        objects: &Objects,
        state: &State,
        accounts: &Accounts,
        (context, now): (ContextSlot, u64),
    ) -> (i64, bool, i64) {
        let Some(by) = schedule(objects, state, context) else { return (-1, false, i64::MIN) };
        let of_server = accounts.get(&by).and_then(Reference::due);
        let by = &objects.system().scheduling_contexts[by.index()];
        let of_job = self.due.get(&context).and_then(|due| due.first().copied());
        let soonest = match by.order {
            Order::Readiness => None,
            Order::Deadline => of_server.or(of_job).map(|due| due as i64),
            Order::Laxity { quantum: Nanos(quantum) } => of_job.map(|due| {
                let most = most_computing(&objects.declaration(state, context).program).map_or(0, |most| most.0);
                let left = most.saturating_sub(self.had.get(&context).copied().unwrap_or(0));
                let laxity = due as i64 - now as i64 - left as i64;
                (laxity as f64 / quantum as f64).ceil() as i64
            }),
        };
        let soonest = soonest.map_or(i64::MIN, |soonest| -soonest);
        match by.threshold.filter(|_| self.started.contains(&context)) {
            Some(threshold) => (threshold.into(), true, soonest),
            None => (by.priority.into(), false, soonest),
        }
    }
}

/// By its own scheduling context; where groups are scheduled, by the first that is declared in its group.
fn schedule(objects: &Objects, state: &State, context: ContextSlot) -> Option<SchedulingContextId> {
    let own = objects.declaration(state, context).schedule;
    let Some(group) = state.processes[usize::from(objects.process_of(context))].group else { return own };
    let members = objects.system().processes.iter().filter(|process| process.group == Some(group));
    let mut schedules = members.flat_map(|process| &process.contexts).filter_map(|context| context.schedule);
    match objects.profile().coupling {
        Coupling::WithGroup => schedules.next().or(own),
        _ => own,
    }
}

/// While time passes, the core belongs to a ready context with budget, the most urgent; it is idle only if there is none.
fn obeys(objects: &Objects, seed: u64, horizon: u64) -> Result<(), TestCaseError> {
    let policy = FixedPriority::new(&objects.system().scheduling_contexts);
    let run = simulate(objects, policy, &mut Seeded::new(seed), &Options::new(Nanos(horizon))).unwrap();
    let budgets = (0u8..).map(SchedulingContextId).zip(&objects.system().scheduling_contexts);
    let mut accounts: Accounts =
        budgets.filter_map(|(id, by)| Some((id, Reference::new(by.budget.as_ref()?)))).collect();
    let mut jobs = Jobs::default();
    let mut wrong = None;
    run.log.replay(objects, |state, record, after| {
        jobs.follow(objects, state, record, after);
        let Label::Time(TimeStep::Elapse(_)) = record.label else { return };
        let (from, to) = (record.at.0, record.end().0);
        let contexts = 0..state.contexts.len() as ContextSlot;
        let live =
            contexts.filter(|context| state.contexts[usize::from(*context)] != lacuna_model::objects::Context::FREE);
        let ready: Vec<ContextSlot> = live.filter(|context| objects.is_ready(state, *context)).collect();
        let wanted = |id| ready.iter().any(|context| schedule(objects, state, *context) == Some(id));
        accounts.iter_mut().for_each(|(id, account)| account.begin(from, wanted(*id)));
        let has_budget = |context: &ContextSlot| {
            let account = schedule(objects, state, *context).and_then(|id| accounts.get(&id));
            account.is_none_or(|account| account.left(from) > 0)
        };
        let candidates: Vec<ContextSlot> = ready.iter().copied().filter(has_budget).collect();
        let charged = record.running.and_then(|running| schedule(objects, state, running));
        for now in from..to {
            let urgency = |context: ContextSlot| jobs.urgency(objects, state, &accounts, (context, now));
            let highest = candidates.iter().map(|context| urgency(*context)).max();
            let right = match record.running {
                None => candidates.is_empty(),
                Some(running) => candidates.contains(&running) && Some(urgency(running)) == highest,
            };
            if !right {
                wrong.get_or_insert_with(|| format!("{record:?} at {now}, candidates {candidates:?}, {accounts:?}"));
            }
            if let Some(running) = record.running {
                *jobs.had.entry(running).or_default() += 1;
            }
            for (id, account) in &mut accounts {
                account.begin(now, wanted(*id));
                let is_charged = charged == Some(*id);
                if is_charged && account.left(now) == 0 {
                    wrong.get_or_insert_with(|| format!("{record:?}: {id:?} is over its budget at {now}"));
                    return;
                }
                account.pass(now, is_charged);
            }
        }
    });
    prop_assert_eq!(wrong, None);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_core_goes_to_the_most_urgent_that_has_budget(
        objects in support::random::objects(),
        by in proptest::sample::select(Policy::ALL.to_vec()),
        seed: u64,
    ) {
        // Not every system has optimal priorities.
        let system = by.assign(objects.system()).unwrap_or_else(|_| objects.system().clone());
        obeys(&Objects::new(&system, objects.profile()).unwrap(), seed, 60)?;
    }
    /// Nothing but servers, and more of their time.
    #[test]
    fn servers_keep_their_rules(system in support::random::served(), seed: u64) {
        obeys(&support::objects(&system, &Profile::ideal()), seed, 300)?;
    }
}
