//! Temporal isolation: the scheduler alone, against contexts of which nothing is known. At every point of the lattice every context may
//! become ready or stop being so; one context stands for all that a scheduling context has. What holds against them holds
//! whatever the programs do. Each budget is one search, and all windows of the major frame together are one.

use lacuna_model::coding::{Coder, Reader, Width, Writer};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::objects::ContextSlot;
use lacuna_model::relation::Label;
use lacuna_model::sched::{Sched, SchedStep};
use lacuna_model::system::{Budget, MajorFrame, SchedulingContextId, System, Window};
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
    let budgets = used.iter().enumerate().filter_map(|(target, id)| {
        let budget = system.scheduling_contexts[id.index()].budget?;
        Some(Promise::Budget { target, budget })
    });
    let promises: Vec<Promise<'_>> = budgets.chain(system.major_frame.as_ref().map(Promise::Windows)).collect();
    let (mut states, mut verdict) = (0, ModelVerdict::Vacuous);
    if !promises.is_empty() && used.len() > MOST_CONTEXTS {
        let limit = format!("{} scheduling contexts are in use; at most {MOST_CONTEXTS} are explored", used.len());
        return (ModelVerdict::Unknown { limit }, states);
    }
    for promise in promises {
        let isolated = Isolated { system, policy, tick, used: &used, promise };
        let (of_one, more) = isolated.search(limits);
        states += more;
        match (of_one, &verdict) {
            (refuted @ ModelVerdict::Refuted { .. }, _) => return (refuted, states),
            (_, ModelVerdict::Unknown { .. }) | (ModelVerdict::Vacuous, _) => {}
            (of_one, _) => verdict = of_one,
        }
    }
    (verdict, states)
}

/// What is promised.
#[derive(Debug, Clone, Copy)]
enum Promise<'a> {
    /// A budget, to one of those in use.
    Budget {
        /// Which.
        target: usize,
        /// How much.
        budget: Budget,
    },
    /// Its windows, to everybody who has no budget.
    Windows(&'a MajorFrame),
}

impl Promise<'_> {
    /// After how long it begins anew.
    fn period(&self) -> Nanos {
        match self {
            Self::Budget { budget, .. } => budget.period,
            Self::Windows(frame) => frame.length,
        }
    }
}

/// A promise, among all who are scheduled.
struct Isolated<'a, S> {
    system: &'a System,
    policy: &'a S,
    tick: Nanos,
    used: &'a [SchedulingContextId],
    promise: Promise<'a>,
}

/// Time has just passed.
struct Moment<S: Sched> {
    sched: S::State,
    /// Who is ready, a bit each.
    ready: u64,
    /// Since the last multiple of the promise's period.
    phase: Nanos,
    /// Of a budget, since which phase its target is ready, and what it has had since then.
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
        moment.phase = coder.time(moment.phase, self.promise.period());
        if let Promise::Budget { budget, .. } = self.promise {
            moment.since = coder.maybe_time(moment.since, budget.period);
            moment.had = coder.time(moment.had, budget.period);
        }
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
                ModelVerdict::Refuted { trace: self.story(path), violation: self.violation(), runs: None }
            }
            None => match ended_early(summary, limits) {
                Some(limit) => ModelVerdict::Unknown { limit },
                None if summary.marks & TRIGGERED == 0 => ModelVerdict::Vacuous,
                None => ModelVerdict::Proved,
            },
        };
        (verdict, summary.states)
    }

    /// What is wrong where it is broken.
    fn violation(&self) -> String {
        match self.promise {
            Promise::Budget { target, budget: Budget { amount, period } } => {
                let name = self.name(target);
                format!("`{name}` has less than {amount} in {period}, though it would compute (see the last period)")
            }
            Promise::Windows(_) => {
                "the core is not with anybody whose window it is, though one of them would compute".into()
            }
        }
    }

    fn name(&self, context: usize) -> &str {
        &self.system.scheduling_contexts[self.used[context].index()].name
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
            moment.ready = ready;
            if let Promise::Budget { target, .. } = self.promise {
                let (was, is) = (from.ready >> target & 1, ready >> target & 1);
                if is == 0 {
                    (moment.since, moment.had) = (None, Nanos(0));
                } else if was == 0 {
                    (moment.since, moment.had) = (Some(moment.phase), Nanos(0));
                }
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

    /// A tick passes; at the end of a period the account of a budget is made, and that of a window at each tick.
    fn pass(&self, mut moment: Moment<S>, visit: &mut impl FnMut(Marks, &Moment<S>)) {
        let running = self.policy.running(&moment.sched).map(usize::from);
        let mut marks = match self.promise {
            Promise::Windows(frame) => self.account_of_window(frame, &moment, running),
            Promise::Budget { .. } => 0,
        };
        self.policy.elapse(&mut moment.sched, self.tick);
        moment.phase.0 += self.tick.0;
        if let Promise::Budget { target, budget } = self.promise {
            if running == Some(target) {
                moment.had.0 += self.tick.0;
            }
            if let Some(since) = moment.since.filter(|_| moment.phase >= budget.period) {
                marks |= TRIGGERED;
                if moment.had.0.saturating_add(since.0) < budget.amount.0 {
                    marks |= SHORT;
                }
                (moment.since, moment.had) = (Some(Nanos(0)), Nanos(0));
            }
        }
        if moment.phase >= self.promise.period() {
            moment.phase = Nanos(0);
        }
        visit(marks, &moment);
    }

    /// Is somebody ready whose window it is and who has no budget, and does another have the core, or nobody?
    fn account_of_window(&self, frame: &MajorFrame, moment: &Moment<S>, running: Option<usize>) -> Marks {
        // Of its windows, but for the flush at the beginning of each.
        if self.policy.flushes(&moment.sched, self.tick) {
            return 0;
        }
        let is_now = |window: &&Window| window.offset <= moment.phase && moment.phase < window.end();
        let Some(window) = frame.windows.iter().find(is_now) else { return 0 };
        let is_its = |context: usize| window.scheduling_contexts.contains(&self.used[context]);
        let has_no_budget =
            |context: usize| self.system.scheduling_contexts[self.used[context].index()].budget.is_none();
        let mut ready = (0..self.used.len()).filter(|context| moment.ready >> context & 1 == 1);
        if !ready.any(|context| is_its(context) && has_no_budget(context)) {
            return 0;
        }
        if running.is_some_and(is_its) { TRIGGERED } else { TRIGGERED | SHORT }
    }

    /// One event a tick: who has the core, who else would.
    fn story(&self, path: impl Iterator<Item = (Moment<S>, u32)>) -> Trace {
        let name = |context: usize| self.name(context);
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
