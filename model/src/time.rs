//! Time: relative counters, never a clock. [`Erased`] has none: whatever waits for time may go on at any moment.
//! [`Ns`] counts nanoseconds: executions take what the resolver chose for them, tasks arrive when their period is over.
//! [`Lattice`] is the same with every choice a multiple of a tick: few enough for a search.
//!
//! A step that takes no time by declaration is complete as soon as it is reached, and needs no [`TimeStep::Begin`]: so
//! the end of a job belongs to the instant at which its last computation ends, whatever else happens at that instant.

mod core_local;
mod lattice;

pub use core_local::CoreLocal;
pub use lattice::{Lattice, OffTheLattice};

use std::fmt::Debug;
use std::hash::Hash;

use crate::objects::{Action, ContextSlot, Objects, Phase, ProcessSlot, State, Step};
use crate::units::Nanos;

/// A step of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeStep {
    /// A job of the task arrives; it will be released after the jitter.
    Arrive {
        /// Of which context.
        context: ContextSlot,
        /// By how much its release is late.
        jitter: Nanos,
    },
    /// An arrived job becomes ready.
    Release(ContextSlot),
    /// The context's next step is begun, and will take that long on a core.
    Begin {
        /// Which context.
        context: ContextSlot,
        /// How long.
        execution: Nanos,
    },
    /// Time passes.
    Elapse(Nanos),
}

/// A step of time that is possible, with whatever is left for the resolver to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOffer {
    /// [`TimeStep::Arrive`] with any jitter up to this.
    Arrive {
        /// Of which context.
        context: ContextSlot,
        /// At most.
        jitter: Nanos,
    },
    /// [`TimeStep::Release`].
    Release(ContextSlot),
    /// [`TimeStep::Begin`] with any execution time in this interval.
    Begin {
        /// Which context.
        context: ContextSlot,
        /// At least.
        least: Nanos,
        /// At most.
        most: Nanos,
    },
    /// [`TimeStep::Elapse`] of anything above zero up to this; nothing, if nothing is ever going to happen.
    Elapse {
        /// At most.
        most: Nanos,
    },
}

/// An instance of time.
pub trait Time {
    /// Its counters.
    type State: Clone + Eq + Hash + Debug;

    /// At the start.
    fn initial(&self, objects: &Objects, state: &State) -> Self::State;
    /// Does time let this step happen now?
    fn permits(&self, time: &Self::State, step: Step) -> bool;
    /// What happens by time alone at this moment: arrivals and releases.
    fn due(&self, objects: &Objects, state: &State, time: &Self::State) -> Vec<TimeOffer>;
    /// Must the running context's next step be begun first, and how long may it take?
    fn begin(&self, objects: &Objects, state: &State, time: &Self::State, context: ContextSlot) -> Option<TimeOffer>;
    /// How much time may pass until something is due or the running context's step is done.
    fn until_due(
        &self,
        objects: &Objects,
        state: &State,
        time: &Self::State,
        running: Option<ContextSlot>,
    ) -> Option<Nanos>;
    /// Takes a step of time.
    fn apply(
        &self,
        objects: &Objects,
        state: &State,
        time: &mut Self::State,
        step: TimeStep,
        running: Option<ContextSlot>,
    );
    /// The objects have taken a step; counters of contexts that moved are set anew.
    fn follow(&self, objects: &Objects, before: &State, after: &State, step: Step, time: &mut Self::State);
    /// The kernel empties what the core keeps for whoever runs on it.
    fn flush(&self, _: &mut Self::State) {}
    /// What is chosen lies so far apart, from the least that is possible.
    fn grain(&self) -> Nanos {
        Nanos(1)
    }
}

/// No time at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Erased;

impl Time for Erased {
    type State = ();

    fn initial(&self, _: &Objects, _: &State) {}
    fn permits(&self, (): &(), _: Step) -> bool {
        true
    }
    fn due(&self, _: &Objects, _: &State, (): &()) -> Vec<TimeOffer> {
        Vec::new()
    }
    fn begin(&self, _: &Objects, _: &State, (): &(), _: ContextSlot) -> Option<TimeOffer> {
        None
    }
    fn until_due(&self, _: &Objects, _: &State, (): &(), _: Option<ContextSlot>) -> Option<Nanos> {
        None
    }
    fn apply(&self, _: &Objects, _: &State, (): &mut (), _: TimeStep, _: Option<ContextSlot>) {}
    fn follow(&self, _: &Objects, _: &State, _: &State, _: Step, (): &mut ()) {}
}

/// Nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ns;

/// The counters of one context.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Counters {
    /// What is left of the step that was begun.
    pub execution: Option<Nanos>,
    /// What is left of a wait with a limit.
    pub limit: Option<Nanos>,
    /// Until the next job arrives.
    pub arrival: Option<Nanos>,
    /// Until each job that has arrived and is not yet released will be, least first. Several, where the jitter is
    /// longer than the period.
    pub releases: Vec<Nanos>,
    /// Jobs released and not yet started, besides the one in progress. Saturates.
    pub backlog: u32,
    /// Has the mode come with the task, and waits for an instant at which no job is in progress? Then no time passes for its arrival.
    pub held: bool,
}

/// The counters of all contexts, and what the core keeps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NsState {
    /// By context.
    pub contexts: Vec<Counters>,
    /// Followed only where it costs time ([`crate::system::System::refill`]).
    pub core: CoreLocal,
}

impl Ns {
    fn task(objects: &Objects, state: &State, context: ContextSlot) -> Option<crate::system::Task> {
        objects.declaration(state, context).task
    }

    /// May jobs of the context arrive?
    fn arrives(objects: &Objects, state: &State, context: ContextSlot, counters: &Counters) -> bool {
        !counters.held && (objects.system().modes.is_empty() || objects.is_in_mode(state, context))
    }

    /// Is a job of the context in progress, or about to be?
    fn is_busy(objects: &Objects, state: &State, context: ContextSlot, counters: &Counters) -> bool {
        let phase = state.contexts[usize::from(context)].phase;
        let waits = counters.backlog > 0 || !counters.releases.is_empty();
        let lives = !matches!(phase, Phase::Gone | Phase::BeforeExec);
        lives && Self::task(objects, state, context).is_some() && (waits || phase != Phase::Sleeping)
    }

    /// The mode has changed, or what was in progress may have ended. A task that comes with a mode arrives first when its offset is over since then, and
    /// no sooner than its period after it last did. One whose job is in progress still goes on as if it had not left.
    fn change_modes(objects: &Objects, before: &State, after: &State, time: &mut NsState) {
        let contexts = || 0..time.contexts.len() as ContextSlot;
        let busy: Vec<bool> =
            contexts().map(|at| Self::is_busy(objects, after, at, &time.contexts[usize::from(at)])).collect();
        let waits = objects.profile().mode_change.waits() && busy.contains(&true);
        for context in contexts() {
            let at = usize::from(context);
            if after.contexts[at].phase == Phase::Gone || before.contexts[at].phase == Phase::Gone {
                continue;
            }
            let comes = objects.is_in_mode(after, context) && !objects.is_in_mode(before, context) && !busy[at];
            let counters = &mut time.contexts[at];
            if let (true, Some(task)) = (comes, Self::task(objects, after, context)) {
                counters.arrival = counters.arrival.max(Some(task.offset));
                counters.held = waits;
            }
            counters.held &= waits && objects.is_in_mode(after, context);
        }
    }

    /// Sets the counters of a context that has come to a new instruction.
    fn reset(objects: &Objects, state: &State, context: ContextSlot, counters: &mut Counters) {
        let (_, most) = objects.execution_time(state, context);
        counters.execution = (most == Nanos(0)).then_some(most);
        counters.limit = objects.time_limit(state, context);
    }
}

impl Time for Ns {
    type State = NsState;

    fn initial(&self, objects: &Objects, state: &State) -> NsState {
        let mut time =
            NsState { contexts: vec![Counters::default(); state.contexts.len()], core: CoreLocal::default() };
        for (context, counters) in (0..).zip(&mut time.contexts) {
            if state.contexts[usize::from(context)].phase == Phase::Gone {
                continue;
            }
            Self::reset(objects, state, context, counters);
            counters.arrival = objects.declaration(state, context).task.map(|task| task.offset);
        }
        time
    }

    fn permits(&self, time: &NsState, step: Step) -> bool {
        let counters = &time.contexts[usize::from(step.context)];
        match step.action {
            Action::Wake => counters.backlog > 0,
            Action::Timeout => counters.limit == Some(Nanos(0)),
            // It interrupts whatever the context is doing, which goes on afterwards.
            Action::Deliver(_) => true,
            _ => counters.execution == Some(Nanos(0)),
        }
    }

    fn due(&self, objects: &Objects, state: &State, time: &NsState) -> Vec<TimeOffer> {
        let mut due = Vec::new();
        for (context, counters) in (0..).zip(&time.contexts) {
            if counters.releases.first() == Some(&Nanos(0)) {
                due.push(TimeOffer::Release(context));
            } else if counters.arrival == Some(Nanos(0)) && Self::arrives(objects, state, context, counters) {
                let jitter = Self::task(objects, state, context).map_or(Nanos(0), |task| task.jitter);
                due.push(TimeOffer::Arrive { context, jitter });
            }
        }
        due
    }

    fn begin(&self, objects: &Objects, state: &State, time: &NsState, context: ContextSlot) -> Option<TimeOffer> {
        if time.contexts[usize::from(context)].execution.is_some() {
            return None;
        }
        let (least, most) = objects.execution_time(state, context);
        Some(TimeOffer::Begin { context, least, most })
    }

    fn until_due(
        &self,
        objects: &Objects,
        state: &State,
        time: &NsState,
        running: Option<ContextSlot>,
    ) -> Option<Nanos> {
        let refill = objects.system().refill;
        let execution = running.and_then(|context| {
            let left = time.contexts[usize::from(context)].execution.filter(|left| left.0 > 0)?;
            Some(Nanos(left.0.saturating_add(time.core.to_fill(objects.process_of(context), refill).0)))
        });
        let timers = (0..).zip(&time.contexts).flat_map(|(context, counters)| {
            let arrival = counters.arrival.filter(|_| Self::arrives(objects, state, context, counters));
            [counters.limit, arrival, counters.releases.first().copied()]
        });
        timers.chain([execution]).flatten().filter(|left| left.0 > 0).min()
    }

    fn apply(
        &self,
        objects: &Objects,
        state: &State,
        time: &mut NsState,
        step: TimeStep,
        running: Option<ContextSlot>,
    ) {
        match step {
            TimeStep::Arrive { context, jitter } => {
                let counters = &mut time.contexts[usize::from(context)];
                counters.arrival = Self::task(objects, state, context).map(|task| task.period);
                let place = counters.releases.partition_point(|left| *left <= jitter);
                counters.releases.insert(place, jitter);
            }
            TimeStep::Release(context) => {
                let counters = &mut time.contexts[usize::from(context)];
                if !counters.releases.is_empty() {
                    counters.releases.remove(0);
                }
                counters.backlog = counters.backlog.saturating_add(1);
            }
            TimeStep::Begin { context, execution } => {
                time.contexts[usize::from(context)].execution = Some(execution);
            }
            TimeStep::Elapse(duration) => {
                let refill = objects.system().refill;
                let computes = match running {
                    Some(context) if refill > Nanos(0) => time.core.fill(objects.process_of(context), refill, duration),
                    _ => duration,
                };
                for (context, counters) in (0..).zip(time.contexts.iter_mut()) {
                    let arrival = counters.arrival.as_mut().filter(|_| !counters.held);
                    let timers = counters.limit.iter_mut().chain(arrival);
                    timers.chain(&mut counters.releases).for_each(|left| left.0 = left.0.saturating_sub(duration.0));
                    if running == Some(context)
                        && let Some(left) = &mut counters.execution
                    {
                        left.0 = left.0.saturating_sub(computes.0);
                    }
                }
            }
        }
    }

    fn flush(&self, time: &mut NsState) {
        time.core.empty();
    }

    fn follow(&self, objects: &Objects, before: &State, after: &State, step: Step, time: &mut NsState) {
        // Rights that another context gave up for it do not end what it is at.
        let elsewhere = |before: &State, after: &State, at: usize| {
            let place = |state: &State| (state.contexts[at].position, state.contexts[at].phase);
            place(before) != place(after)
        };
        let over = |slot: &ProcessSlot| !after.processes[usize::from(*slot)].lives();
        if time.core.of().as_ref().is_some_and(over) {
            time.core.empty();
        }
        for (context, counters) in (0..).zip(time.contexts.iter_mut()) {
            let at = usize::from(context);
            let taken = step.context == context && !matches!(step.action, Action::Deliver(_));
            if taken && step.action == Action::Wake {
                counters.backlog = counters.backlog.saturating_sub(1);
            }
            if after.contexts[at].phase == Phase::Gone {
                *counters = Counters::default();
            } else if taken || elsewhere(before, after, at) {
                let born = before.contexts[at].phase == Phase::Gone || before.contexts[at].phase == Phase::BeforeExec;
                Self::reset(objects, after, context, counters);
                if born && after.contexts[at].phase != Phase::BeforeExec {
                    counters.arrival = objects.declaration(after, context).task.map(|task| task.offset);
                }
            }
        }
        if !objects.system().modes.is_empty() {
            Self::change_modes(objects, before, after, time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;
    use crate::system::{Context, DomainId, EndsWithin, Instruction, KernelBounds, Process, System, Task};

    /// One task of period 10, deadline 10 and that jitter, whose jobs run `program`.
    fn one_task(program: Vec<Instruction>, jitter: u64) -> Objects {
        let task = Task { period: Nanos(10), deadline: Nanos(10), offset: Nanos(0), jitter: Nanos(jitter) };
        let context = Context { name: "task".into(), schedule: None, program, task: Some(task) };
        let process = Process { name: "p".into(), domain: DomainId(0), group: None, contexts: vec![context] };
        let system = System {
            name: "one".into(),
            about: String::new(),
            domains: vec!["d".into()],
            flows: None,
            users: vec![],
            objects: vec![],
            job_groups: vec![],
            buffers: vec![],
            locks: vec![],
            modes: vec![],
            handles: vec![],
            processes: vec![process],
            scheduling_contexts: vec![],
            major_frame: None,
            refill: Nanos(0),
            kernel_bounds: KernelBounds::default(),
            ends_within: EndsWithin::default(),
            tick: None,
            process_table: 1,
            expect: vec![],
        };
        Objects::new(&system, &Profile::ideal()).unwrap()
    }

    #[test]
    fn a_job_ends_at_the_instant_at_which_its_last_computation_ends() {
        let objects = one_task(vec![Instruction::Compute { bcet: Nanos(3), wcet: Nanos(3) }], 0);
        let mut state = objects.initial();
        let mut time = Ns.initial(&objects, &state);
        let mut take = |action, time: &mut NsState| {
            let step = Step { context: 0, action };
            assert!(Ns.permits(time, step), "{action:?}");
            let after = objects.apply(&state, step).0;
            Ns.follow(&objects, &state, &after, step, time);
            state = after;
        };
        let idle = objects.initial();
        for step in [TimeStep::Arrive { context: 0, jitter: Nanos(0) }, TimeStep::Release(0)] {
            Ns.apply(&objects, &idle, &mut time, step, None);
        }
        take(Action::Wake, &mut time);
        assert!(!Ns.permits(&time, Step { context: 0, action: Action::Compute }), "it has not begun");
        Ns.apply(&objects, &idle, &mut time, TimeStep::Begin { context: 0, execution: Nanos(3) }, Some(0));
        Ns.apply(&objects, &idle, &mut time, TimeStep::Elapse(Nanos(3)), Some(0));
        take(Action::Compute, &mut time);
        take(Action::JobDone, &mut time);
        assert_eq!(state.contexts[0].phase, Phase::Sleeping);
    }

    #[test]
    fn what_a_process_that_has_ended_leaves_is_nobody_s() {
        let objects = one_task(vec![Instruction::Exit], 0);
        let mut state = objects.initial();
        let mut time = Ns.initial(&objects, &state);
        assert_eq!(time.core.fill(0, Nanos(3), Nanos(5)), Nanos(2));
        for (action, of) in [(Action::Wake, Some(0)), (Action::Exit, None)] {
            let step = Step { context: 0, action };
            let after = objects.apply(&state, step).0;
            Ns.follow(&objects, &state, &after, step, &mut time);
            assert_eq!(time.core.of(), of, "{action:?}");
            state = after;
        }
    }

    #[test]
    fn no_job_is_lost_when_the_jitter_is_longer_than_the_period() {
        let objects = one_task(vec![], 25);
        let state = objects.initial();
        let mut time = Ns.initial(&objects, &state);
        for jitter in [25, 3] {
            Ns.apply(&objects, &state, &mut time, TimeStep::Arrive { context: 0, jitter: Nanos(jitter) }, None);
            Ns.apply(&objects, &state, &mut time, TimeStep::Elapse(Nanos(10)), None);
        }
        assert_eq!(time.contexts[0].releases, [Nanos(0), Nanos(5)], "the second job is released before the first");
        Ns.apply(&objects, &state, &mut time, TimeStep::Release(0), None);
        Ns.apply(&objects, &state, &mut time, TimeStep::Elapse(Nanos(5)), None);
        assert!(Ns.due(&objects, &state, &time).contains(&TimeOffer::Release(0)));
    }

    /// Two tasks, the first in the first mode and the second in the other, both of period 10 and the second of offset 3; in mode 1 already, at time 4.
    fn changed(mode_change: crate::profile::ModeChange, in_progress: bool) -> (Objects, State, NsState) {
        use crate::system::{Mode, ModeId, ProcessId};
        let objects = one_task(vec![Instruction::Compute { bcet: Nanos(3), wcet: Nanos(3) }], 0);
        let mut system = objects.system().clone();
        let mut second = system.processes[0].clone();
        second.contexts[0].task.as_mut().unwrap().offset = Nanos(3);
        system.processes.push(second);
        system.process_table = 2;
        let mode = |process| Mode {
            name: "m".into(),
            processes: vec![ProcessId(process)],
            by: vec![DomainId(0)],
            next: vec![ModeId(1 - process)],
        };
        system.modes = vec![mode(0), mode(1)];
        let objects = Objects::new(&system, &Profile { mode_change, ..Profile::ideal() }).unwrap();
        let before = objects.initial();
        let mut time = Ns.initial(&objects, &before);
        let arrive = TimeStep::Arrive { context: 0, jitter: Nanos(0) };
        assert_eq!(Ns.due(&objects, &before, &time), [TimeOffer::Arrive { context: 0, jitter: Nanos(0) }]);
        if in_progress {
            Ns.apply(&objects, &before, &mut time, arrive, None);
        }
        Ns.apply(&objects, &before, &mut time, TimeStep::Elapse(Nanos(4)), None);
        assert_eq!(time.contexts[1].arrival, Some(Nanos(0)), "and it does not arrive: it is not its mode");
        assert!(
            Ns.due(&objects, &before, &time).iter().all(|due| !matches!(due, TimeOffer::Arrive { context: 1, .. }))
        );
        let after = State { mode: ModeId(1), ..before.clone() };
        Ns.follow(&objects, &before, &after, Step { context: 0, action: Action::SwitchMode(ModeId(1)) }, &mut time);
        (objects, after, time)
    }

    #[test]
    fn a_task_that_comes_with_a_mode_arrives_when_its_offset_is_over() {
        use crate::profile::ModeChange::{AtIdle, AtOnce};
        for (mode_change, in_progress) in [(AtOnce, true), (AtIdle, false)] {
            let (objects, state, time) = changed(mode_change, in_progress);
            assert_eq!((time.contexts[1].arrival, time.contexts[1].held), (Some(Nanos(3)), false));
            let jobs = if in_progress { Some(Nanos(0)) } else { None };
            assert_eq!(time.contexts[0].releases.first().copied(), jobs, "what is in progress goes on");
            let next = Ns.until_due(&objects, &state, &time, None);
            assert_eq!(next, Some(Nanos(3)), "the first task, whose arrival would be sooner or later, does not count");
        }
        let (objects, state, mut time) = changed(AtIdle, true);
        assert!(time.contexts[1].held);
        Ns.apply(&objects, &state, &mut time, TimeStep::Elapse(Nanos(5)), None);
        assert_eq!(time.contexts[1].arrival, Some(Nanos(3)), "no time passes for it");
        // The job in progress is over.
        time.contexts[0].releases.clear();
        Ns.follow(&objects, &state, &state, Step { context: 0, action: Action::JobDone }, &mut time);
        assert!(!time.contexts[1].held);
        assert_eq!(Ns.until_due(&objects, &state, &time, None), Some(Nanos(3)));
    }

    #[test]
    fn a_task_that_comes_back_keeps_its_period() {
        use crate::system::ModeId;
        let (objects, second, mut time) = changed(crate::profile::ModeChange::AtOnce, true);
        // It arrived at 0, and it is 4 now: back at once, it arrives at 10. But its job has ended, or it had never left.
        time.contexts[0].releases.clear();
        let first = State { mode: ModeId(0), ..second.clone() };
        Ns.follow(&objects, &second, &first, Step { context: 0, action: Action::SwitchMode(ModeId(0)) }, &mut time);
        assert_eq!(time.contexts[0].arrival, Some(Nanos(6)));
        // While its job is in progress it has never left, and does not wait for an idle instant.
        let (objects, second, mut time) = changed(crate::profile::ModeChange::AtIdle, true);
        Ns.follow(&objects, &second, &first, Step { context: 0, action: Action::SwitchMode(ModeId(0)) }, &mut time);
        assert!(!time.contexts[0].held);
        assert!(!time.contexts[1].held, "that has left again");
        assert_eq!(time.contexts[0].arrival, Some(Nanos(6)));
    }

    #[test]
    fn rights_that_another_context_gives_up_do_not_begin_a_computation_again() {
        let objects = one_task(vec![Instruction::Compute { bcet: Nanos(3), wcet: Nanos(3) }], 0);
        let mut system = objects.system().clone();
        system.objects.push(crate::system::Object {
            name: "o".into(),
            class: crate::system::ObjectClass::File,
            allow: vec![],
            output: false,
        });
        let mut context = system.processes[0].contexts[0].clone();
        context.task = None;
        let drops = vec![Instruction::DropRights(vec![crate::system::ObjectId(0)])];
        system.processes[0].contexts = vec![context.clone(), Context { program: drops, ..context }];
        let objects = Objects::new(&system, &Profile::ideal()).unwrap();
        let before = objects.initial();
        let mut time = Ns.initial(&objects, &before);
        Ns.apply(&objects, &before, &mut time, TimeStep::Begin { context: 0, execution: Nanos(3) }, Some(0));
        Ns.apply(&objects, &before, &mut time, TimeStep::Elapse(Nanos(2)), Some(0));
        let step = Step { context: 1, action: Action::DropRights(1) };
        let after = objects.apply(&before, step).0;
        assert_ne!(before.contexts[0], after.contexts[0], "its process has given them up");
        Ns.follow(&objects, &before, &after, step, &mut time);
        assert_eq!(time.contexts[0].execution, Some(Nanos(1)));
    }
}
