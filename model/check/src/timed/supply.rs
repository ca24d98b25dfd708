//! Temporal isolation: the scheduler alone, against contexts of which nothing is known. At every point of the lattice every context may
//! become ready or stop being so; one context stands for all that a scheduling context has. What holds against them holds
//! whatever the programs do.

use lacuna_model::coding::{Coder, Reader, Width, Writer};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::objects::ContextSlot;
use lacuna_model::relation::Label;
use lacuna_model::sched::{Sched, SchedStep};
use lacuna_model::system::{Budget, SchedulingContextId, System};
use lacuna_model::time::TimeStep;
use lacuna_model::trace::{Event, Observer, Trace, When};
use lacuna_model::units::Nanos;

use super::ended_early;
use crate::engine::{Edge, Limits, Marks, TransitionSystem, Unrepresentable, explore};

/// More scheduling contexts than this have too many ways through one instant.
const MOST_CONTEXTS: usize = 12;
const SHORT: Marks = 1;
const TRIGGERED: Marks = 2;

/// What is said of all budgets, and in how many states.
pub(super) fn check<S: Sched + Sync>(
    system: &System,
    policy: &S,
    tick: Nanos,
    limits: &Limits<'_>,
) -> (ModelVerdict, u64) {
    let used: Vec<SchedulingContextId> = (0u8..)
        .map(SchedulingContextId)
        .take(system.scheduling_contexts.len())
        .filter(|id| {
            let mut contexts = system.processes.iter().flat_map(|process| &process.contexts);
            contexts.any(|context| context.schedule == Some(*id))
        })
        .collect();
    let (mut states, mut verdict) = (0, ModelVerdict::Vacuous);
    for (target, id) in used.iter().enumerate() {
        let Some(budget) = system.scheduling_contexts[id.index()].budget else { continue };
        if used.len() > MOST_CONTEXTS {
            let limit = format!("{} scheduling contexts are in use; at most {MOST_CONTEXTS} are explored", used.len());
            return (ModelVerdict::Unknown { limit }, states);
        }
        let isolated = Isolated { system, policy, tick, used: &used, target, budget };
        let (of_one, more) = isolated.search(limits);
        states += more;
        match (of_one, &verdict) {
            (refuted @ ModelVerdict::Refuted { .. }, _) => return (refuted, states),
            (_, ModelVerdict::Unknown { .. }) => {}
            (of_one, _) => verdict = of_one,
        }
    }
    (verdict, states)
}

/// A scheduling context, among the others.
struct Isolated<'a, S> {
    system: &'a System,
    policy: &'a S,
    tick: Nanos,
    used: &'a [SchedulingContextId],
    target: usize,
    budget: Budget,
}

/// Time has just passed.
struct Moment<S: Sched> {
    sched: S::State,
    /// Who is ready, a bit each.
    ready: u64,
    /// Since the last multiple of the target's period.
    phase: Nanos,
    /// Since which phase of it the target is ready, and what it has had since then.
    since: Option<Nanos>,
    had: Nanos,
}

impl<S: Sched> Clone for Moment<S> {
    fn clone(&self) -> Self {
        let Self { ready, phase, since, had, .. } = *self;
        Self { sched: self.sched.clone(), ready, phase, since, had }
    }
}

impl<S: Sched + Sync> Isolated<'_, S> {
    fn start(&self) -> Moment<S> {
        Moment { sched: self.policy.initial(), ready: 0, phase: Nanos(0), since: None, had: Nanos(0) }
    }

    fn code(&self, moment: &mut Moment<S>, coder: &mut impl Coder) {
        self.policy.code(&mut moment.sched, self.used.len(), coder);
        moment.ready = coder.number(moment.ready, (1 << self.used.len()) - 1);
        moment.phase = coder.time(moment.phase, self.budget.period);
        moment.since = coder.maybe_time(moment.since, self.budget.period);
        moment.had = coder.time(moment.had, self.budget.period);
    }

    fn search(&self, limits: &Limits<'_>) -> (ModelVerdict, u64) {
        let mut width = Width::new(self.tick);
        self.code(&mut self.start(), &mut width);
        macro_rules! widths {
            ($($words:literal)*) => {
                match width.bits.div_ceil(64) {
                    $(needed if needed <= $words => self.search_in::<$words>(limits),)*
                    _ => (ModelVerdict::Unknown { limit: "a state is too wide".into() }, 0),
                }
            };
        }
        widths!(2 4 8)
    }

    fn search_in<const W: usize>(&self, limits: &Limits<'_>) -> (ModelVerdict, u64) {
        let packed = Packed::<S, W>(self);
        let found = explore(&packed, limits);
        let summary = &found.summary;
        let verdict = match summary.first(SHORT.trailing_zeros()) {
            Some(first) => {
                let mut path = found.paths(&packed, &[(first.level, first.sighting.state)]).remove(0).steps;
                path.push(first.sighting);
                let path = path.iter().map(|sighting| (packed.unpack(&sighting.state), sighting.ordinal));
                let name = &self.system.scheduling_contexts[self.used[self.target].index()].name;
                let Budget { amount, period } = self.budget;
                let violation = format!(
                    "`{name}` has less than {amount} in {period}, though it would compute (see the last period)"
                );
                ModelVerdict::Refuted { trace: self.story(path), violation }
            }
            None => match ended_early(summary, limits) {
                Some(limit) => ModelVerdict::Unknown { limit },
                None if summary.marks & TRIGGERED == 0 => ModelVerdict::Vacuous,
                None => ModelVerdict::Proved,
            },
        };
        (verdict, summary.states)
    }

    /// Goes every way through the instant and the tick after it.
    fn ways(&self, from: &Moment<S>, visit: &mut impl FnMut(Marks, &Moment<S>)) {
        let mut begun = from.clone();
        while let Some(step) =
            self.policy.steps(&begun.sched).into_iter().find(|step| matches!(step, SchedStep::Replenish(_)))
        {
            self.policy.apply(&mut begun.sched, step);
        }
        for ready in 0..1u64 << self.used.len() {
            let mut moment = begun.clone();
            for (context, by) in (0..).zip(self.used) {
                match (from.ready >> context & 1, ready >> context & 1) {
                    (1, 0) => self.policy.block(&mut moment.sched, context),
                    (0, 1) => self.policy.ready(&mut moment.sched, context, Some(*by)),
                    _ => {}
                }
            }
            let (was, is) = (from.ready >> self.target & 1, ready >> self.target & 1);
            moment.ready = ready;
            if is == 0 {
                (moment.since, moment.had) = (None, Nanos(0));
            } else if was == 0 {
                (moment.since, moment.had) = (Some(moment.phase), Nanos(0));
            }
            let steps = self.policy.steps(&moment.sched);
            if steps.is_empty() {
                self.pass(moment, visit);
                continue;
            }
            for step in steps {
                let mut moment = moment.clone();
                self.policy.apply(&mut moment.sched, step);
                self.pass(moment, visit);
            }
        }
    }

    /// A tick passes; at the end of a period the account is made.
    fn pass(&self, mut moment: Moment<S>, visit: &mut impl FnMut(Marks, &Moment<S>)) {
        let running = self.policy.running(&moment.sched);
        self.policy.elapse(&mut moment.sched, self.tick);
        moment.phase.0 += self.tick.0;
        if running.map(usize::from) == Some(self.target) {
            moment.had.0 += self.tick.0;
        }
        let mut marks = 0;
        if moment.phase >= self.budget.period {
            if let Some(since) = moment.since {
                marks |= TRIGGERED;
                if moment.had.0.saturating_add(since.0) < self.budget.amount.0 {
                    marks |= SHORT;
                }
                moment.since = Some(Nanos(0));
            }
            (moment.phase, moment.had) = (Nanos(0), Nanos(0));
        }
        visit(marks, &moment);
    }

    /// One event a tick: who has the core, who else would.
    fn story(&self, path: impl Iterator<Item = (Moment<S>, u32)>) -> Trace {
        let name = |context: usize| self.system.scheduling_contexts[self.used[context].index()].name.as_str();
        let mut events = Vec::new();
        for (at, (from, ordinal)) in path.enumerate() {
            let (mut place, mut chosen) = (0, None);
            self.ways(&from, &mut |_, after| {
                if place == ordinal {
                    chosen = Some((self.policy.running(&after.sched), after.ready));
                }
                place += 1;
            });
            let Some((running, ready)) = chosen else { break };
            let others = (0..self.used.len())
                .filter(|context| ready >> context & 1 == 1 && running.map(usize::from) != Some(*context));
            let others: Vec<String> = others.map(|context| format!("`{}`", name(context))).collect();
            let who = running.map_or("core 0", |context: ContextSlot| name(usize::from(context)));
            let doing = if running.is_some() { "computes" } else { "is idle" };
            let waits = if others.is_empty() { String::new() } else { format!("; ready too: {}", others.join(", ")) };
            let ns = self.tick.0.saturating_mul(at as u64);
            events.push(Event {
                when: Some(When { from_ns: ns, to_ns: ns }),
                who: who.into(),
                process: None,
                context: None,
                action: "elapse",
                label: Label::Time(TimeStep::Elapse(self.tick)),
                target: None,
                listed: None,
                outcome: None,
                text: format!("{who} {doing} for {}{waits}", self.tick),
            });
        }
        Trace { observer: Observer::Checker, events }
    }
}

/// The same in words.
struct Packed<'a, S, const W: usize>(&'a Isolated<'a, S>);

impl<S: Sched + Sync, const W: usize> Packed<'_, S, W> {
    fn pack(&self, moment: &Moment<S>) -> Result<[u64; W], Unrepresentable> {
        let mut words = [0; W];
        let mut writer = Writer::new(&mut words, self.0.tick);
        self.0.code(&mut moment.clone(), &mut writer);
        if writer.fits() { Ok(words) } else { Err(Unrepresentable("a number is too large")) }
    }

    fn unpack(&self, words: &[u64; W]) -> Moment<S> {
        let mut moment = self.0.start();
        self.0.code(&mut moment, &mut Reader::new(words, self.0.tick));
        moment
    }
}

impl<S: Sched + Sync, const W: usize> TransitionSystem for Packed<'_, S, W> {
    type State = [u64; W];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; W]> {
        self.pack(&self.0.start()).into_iter().collect()
    }

    fn edges(
        &self,
        (): &mut (),
        packed: &[u64; W],
        mut visit: impl FnMut(Edge<[u64; W]>),
    ) -> Result<(), Unrepresentable> {
        let (mut label, mut fits) = (0, Ok(()));
        self.0.ways(&self.unpack(packed), &mut |marks, after| {
            match self.pack(after) {
                Ok(after) if fits.is_ok() => visit(Edge { after, marks, label }),
                Ok(_) => {}
                Err(error) => fits = Err(error),
            }
            label += 1;
        });
        fits
    }
}
