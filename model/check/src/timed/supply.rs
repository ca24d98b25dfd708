//! Temporal isolation: the scheduler alone, against contexts of which nothing is known. At every point of the lattice every context may
//! become ready or stop being so; one context stands for all that a scheduling context has. What holds against them holds
//! whatever the programs do. Each budget is one search, and all windows of the major frame together are one.
//!
//! What is promised of a budget depends on its server ([`g19_temporal_isolation`](lacuna_model::guarantee::g19_temporal_isolation)), and is read off an account
//! of it that the search keeps itself, whether the scheduler keeps one or not.

use lacuna_model::coding::{Coder, Reader, Width, Writer};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::objects::ContextSlot;
use lacuna_model::relation::Label;
use lacuna_model::sched::servers::refills::Refills;
use lacuna_model::sched::servers::{Account, Use};
use lacuna_model::sched::{Sched, SchedStep};
use lacuna_model::system::{Budget, MajorFrame, RefillsFrom, SchedulingContextId, Server, System, Window};
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
    watched: Watched,
}

impl<S: Sched> Clone for Moment<S> {
    fn clone(&self) -> Self {
        Self { sched: self.sched.clone(), ready: self.ready, watched: self.watched.clone() }
    }
}

/// What is kept of a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Watched {
    /// Of windows, and of a budget that is there in every period of its own.
    Period {
        /// Since the last multiple of the promise's period.
        phase: Nanos,
        /// Of a budget, since which phase its target is ready,
        since: Option<Nanos>,
        /// and what it has had since then.
        had: Nanos,
    },
    /// Of a budget whose account says what is to be had by when.
    Account(Account),
    /// Of a budget of which all that may be used is to be had within a period.
    Debt {
        account: Account,
        /// How much of it, and in what time; none, while nobody wants it or there is nothing.
        open: Option<(Nanos, Nanos)>,
    },
}

impl Watched {
    fn new(promise: Promise<'_>) -> Self {
        let period = Self::Period { phase: Nanos(0), since: None, had: Nanos(0) };
        let Promise::Budget { budget, .. } = promise else { return period };
        let account = Account::full(&budget);
        match budget.server {
            Server::Deferrable | Server::Polling => period,
            Server::Mcs { from: RefillsFrom::Dispatch, .. } => Self::Debt { account, open: None },
            _ => Self::Account(account),
        }
    }

    /// A context of the target's is ready for the next tick, or not. Nobody knows yet who has it.
    fn begin(&mut self, budget: &Budget, is_ready: bool, was_ready: bool) {
        match self {
            Self::Period { phase, since, had } => {
                if !is_ready {
                    (*since, *had) = (None, Nanos(0));
                } else if !was_ready {
                    (*since, *had) = (Some(*phase), Nanos(0));
                }
            }
            Self::Account(account) => replenish(account, budget),
            Self::Debt { account, open } => {
                replenish(account, budget);
                if !is_ready {
                    *open = None;
                } else if open.is_none() {
                    let usable = usable(account);
                    *open = (usable > Nanos(0)).then_some((usable, budget.period));
                }
            }
        }
    }

    /// A tick has passed: is less had than is promised?
    fn pass(&mut self, budget: &Budget, tick: Nanos, is_ready: bool, has_core: bool) -> Marks {
        let (triggered, short) = match self {
            Self::Period { phase, since, had } => {
                phase.0 += tick.0;
                if has_core {
                    had.0 += tick.0;
                }
                if *phase < budget.period {
                    return 0;
                }
                *phase = Nanos(0);
                let Some(from) = since.replace(Nanos(0)).filter(|_| is_ready) else {
                    *since = None;
                    return 0;
                };
                let had = std::mem::take(had);
                // A poll is for whoever is there when it comes.
                let promised = match budget.server {
                    Server::Polling if from > Nanos(0) => Nanos(0),
                    _ => Nanos(budget.amount.0.saturating_sub(from.0)),
                };
                (promised > Nanos(0), had < promised)
            }
            Self::Account(account) => {
                pass(account, budget, tick, is_ready, has_core);
                let left = is_ready && account.left() > Nanos(0);
                let is_late = match account.refills() {
                    Some(refills) => {
                        refills.queue().first().is_some_and(|first| first.time <= -i128::from(budget.period.0))
                    }
                    None => account.deadline().is_some_and(|due| due <= 0),
                };
                (left, left && is_late)
            }
            Self::Debt { account, open } => {
                pass(account, budget, tick, is_ready, has_core);
                let Some((owed, until)) = open else { return 0 };
                if has_core {
                    owed.0 = owed.0.saturating_sub(tick.0);
                }
                // What was put off, being too little, may not be used any more.
                *owed = usable(account).min(*owed);
                until.0 = until.0.saturating_sub(tick.0);
                let short = *owed > Nanos(0) && *until == Nanos(0);
                if *owed == Nanos(0) || short {
                    *open = None;
                }
                (true, short)
            }
        };
        if short {
            TRIGGERED | SHORT
        } else if triggered {
            TRIGGERED
        } else {
            0
        }
    }

    fn code(&mut self, promise: Promise<'_>, coder: &mut impl Coder) {
        let period = promise.period();
        match (self, promise) {
            (Self::Period { phase, since, had }, promise) => {
                *phase = coder.time(*phase, period);
                if let Promise::Budget { .. } = promise {
                    *since = coder.maybe_time(*since, period);
                    *had = coder.time(*had, period);
                }
            }
            (Self::Account(account), Promise::Budget { budget, .. }) => account.code(&budget, coder),
            (Self::Debt { account, open }, Promise::Budget { budget, .. }) => {
                account.code(&budget, coder);
                let owed = coder.maybe_time(open.map(|(owed, _)| owed), budget.amount);
                let until = coder.time(open.map_or(Nanos(0), |(_, until)| until), period);
                *open = owed.map(|owed| (owed, until));
            }
            (Self::Account(_) | Self::Debt { .. }, Promise::Windows(_)) => {}
        }
    }
}

fn replenish(account: &mut Account, budget: &Budget) {
    while account.is_due(budget) {
        account.replenish(budget);
    }
}

/// What may be charged now, one refill after the other.
fn usable(account: &Account) -> Nanos {
    account.refills().map_or(account.left(), Refills::usable)
}

/// Whoever has the core without budget is charged nothing: the scheduler does not keep it.
fn pass(account: &mut Account, budget: &Budget, tick: Nanos, is_ready: bool, has_core: bool) {
    let used = match (is_ready, has_core && account.left() > Nanos(0)) {
        (true, true) => Use::Charged,
        (true, false) => Use::Wanted,
        (false, _) => Use::None,
    };
    account.pass(budget, tick, used);
}

impl<S: Sched + Sync> Isolated<'_, S> {
    fn start(&self) -> Moment<S> {
        Moment { sched: self.policy.initial(), ready: 0, watched: Watched::new(self.promise) }
    }

    fn code(&self, moment: &mut Moment<S>, coder: &mut impl Coder) {
        self.policy.code(&mut moment.sched, self.used.len(), coder);
        moment.ready = coder.number(moment.ready, (1 << self.used.len()) - 1);
        moment.watched.code(self.promise, coder);
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
            Promise::Budget { target, budget: Budget { amount, period, server } } => {
                let (name, server) = (self.name(target), server.name());
                match server_has_periods(self.promise) {
                    true => format!(
                        "`{name}` has less than {amount} in {period}, though it would compute (see the last period)"
                    ),
                    false => format!(
                        "`{name}` ({server}, {amount} in {period}) has not had what it may use by the time it is due, though it would compute"
                    ),
                }
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
            if let Promise::Budget { target, budget } = self.promise {
                moment.watched.begin(&budget, ready >> target & 1 == 1, from.ready >> target & 1 == 1);
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
        // Of its windows nothing is promised while the core is flushed, at the beginning of each.
        let flushes = self.policy.flushes(&moment.sched, self.tick);
        self.policy.elapse(&mut moment.sched, self.tick);
        let marks = match (self.promise, &mut moment.watched) {
            (Promise::Budget { target, budget }, watched) => {
                watched.pass(&budget, self.tick, moment.ready >> target & 1 == 1, running == Some(target))
            }
            (Promise::Windows(frame), Watched::Period { phase, .. }) => {
                let marks = if flushes { 0 } else { self.account_of_window(frame, moment.ready, *phase, running) };
                phase.0 = (phase.0 + self.tick.0) % frame.length.0.max(1);
                marks
            }
            (Promise::Windows(_), _) => 0,
        };
        visit(marks, &moment);
    }

    /// Is somebody ready whose window it is and who has no budget, and does another have the core, or nobody?
    fn account_of_window(&self, frame: &MajorFrame, ready: u64, phase: Nanos, running: Option<usize>) -> Marks {
        let is_now = |window: &&Window| window.offset <= phase && phase < window.end();
        let Some(window) = frame.windows.iter().find(is_now) else { return 0 };
        let is_its = |context: usize| window.scheduling_contexts.contains(&self.used[context]);
        let has_no_budget =
            |context: usize| self.system.scheduling_contexts[self.used[context].index()].budget.is_none();
        let mut who = (0..self.used.len()).filter(|context| ready >> context & 1 == 1);
        if !who.any(|context| is_its(context) && has_no_budget(context)) {
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

/// Is the promise one of every period?
fn server_has_periods(promise: Promise<'_>) -> bool {
    matches!(Watched::new(promise), Watched::Period { .. })
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
