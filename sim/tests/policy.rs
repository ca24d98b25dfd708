//! Fixed priorities and budgets, judged from outside: by readiness as the objects define it, and by an account of budgets
//! in absolute time.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::HashMap;

use lacuna_model::objects::{ContextSlot, Objects, State};
use lacuna_model::relation::Label;
use lacuna_model::system::SchedulingContextId;
use lacuna_model::time::TimeStep;
use lacuna_model::units::Nanos;
use lacuna_sim::policy::FixedPriority;
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, simulate};
use proptest::prelude::*;

/// What each scheduling context has used in each of its windows.
#[derive(Debug, Default)]
struct Account {
    used: HashMap<(SchedulingContextId, u64), u64>,
}

impl Account {
    fn left(&self, objects: &Objects, id: SchedulingContextId, at: u64) -> Option<u64> {
        let budget = objects.system().scheduling_contexts[id.index()].budget?;
        let used = self.used.get(&(id, at / budget.period.0)).copied().unwrap_or(0);
        Some(budget.amount.0.checked_sub(used).unwrap_or_else(|| panic!("{id:?} is over its budget at {at}")))
    }

    /// Charges nanosecond by nanosecond, and so whatever the windows' borders are.
    fn charge(&mut self, objects: &Objects, id: SchedulingContextId, from: u64, to: u64) {
        if let Some(budget) = objects.system().scheduling_contexts[id.index()].budget {
            (from..to).for_each(|at| *self.used.entry((id, at / budget.period.0)).or_default() += 1);
        }
    }
}

fn schedule(objects: &Objects, state: &State, context: ContextSlot) -> Option<SchedulingContextId> {
    objects.declaration(state, context).schedule
}

/// While time passes, the core belongs to a ready context with budget, of the highest priority; it is idle only if there
/// is none.
fn obeys(objects: &Objects, seed: u64) -> Result<(), TestCaseError> {
    let policy = FixedPriority::new(&objects.system().scheduling_contexts);
    let run = simulate(objects, policy, &mut Seeded::new(seed), &Options::new(Nanos(60))).unwrap();
    let priority = |state: &State, context| {
        schedule(objects, state, context).map(|id| objects.system().scheduling_contexts[id.index()].priority)
    };
    let mut account = Account::default();
    let mut wrong = None;
    run.log.replay(objects, |state, record, _| {
        let Label::Time(TimeStep::Elapse(_)) = record.label else { return };
        let (from, to) = (record.at.0, record.end().0);
        let eligible = |context: &ContextSlot| {
            let left = schedule(objects, state, *context).and_then(|id| account.left(objects, id, from));
            objects.is_ready(state, *context) && left != Some(0)
        };
        let contexts = 0..state.contexts.len() as ContextSlot;
        let live =
            contexts.filter(|context| state.contexts[usize::from(*context)] != lacuna_model::objects::Context::FREE);
        let candidates: Vec<ContextSlot> = live.filter(eligible).collect();
        let highest = candidates.iter().map(|context| priority(state, *context)).max();
        let right = match record.running {
            None => candidates.is_empty(),
            Some(running) => candidates.contains(&running) && Some(priority(state, running)) == highest,
        };
        if !right {
            wrong.get_or_insert_with(|| format!("{record:?}, candidates {candidates:?}"));
        }
        if let Some(id) = record.running.and_then(|running| schedule(objects, state, running)) {
            account.charge(objects, id, from, to);
            account.left(objects, id, to - 1);
        }
    });
    prop_assert_eq!(wrong, None);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_core_goes_to_the_highest_priority_that_has_budget(objects in support::random::objects(), seed: u64) {
        obeys(&objects, seed)?;
    }
}
