//! Time on a lattice: the counters of [`Ns`], with every choice (execution times, jitters) a multiple of a tick from the least that
//! is possible. Where every declared duration is a multiple of the tick, so is every counter, and there are finitely many states of
//! them but for one number: how many jobs of a task wait. Whoever explores sets a limit to that.
//!
//! What is proved on a lattice is proved for it, and for no finer one: digital clocks keep only some properties (T. A. Henzinger, Z. Manna,
//! A. Pnueli, *What good are digital clocks?*, ICALP 1992).

use super::{Ns, NsState, Time, TimeOffer, TimeStep};
use crate::coding::Coder;
use crate::objects::{ContextSlot, Objects, State, Step};
use crate::system::System;
use crate::units::Nanos;

/// Time in ticks.
#[derive(Debug, Clone)]
pub struct Lattice {
    tick: Nanos,
    /// The largest of each counter.
    execution: Nanos,
    limit: Nanos,
    arrival: Nanos,
    jitter: Nanos,
    /// How many jobs of a task may have arrived and not be released.
    arrived: usize,
    /// How many may be released and not started.
    backlog: u64,
    /// What filling in what the core keeps takes, and how many processes it may be of.
    refill: Nanos,
    processes: usize,
    /// Are there modes, whose tasks may be held?
    modes: bool,
}

/// A duration between two points of the lattice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{what}` is {duration}, which is no multiple of the tick, {tick}")]
pub struct OffTheLattice {
    /// What it is.
    pub what: &'static str,
    /// How long.
    pub duration: Nanos,
    /// Of which it is no multiple.
    pub tick: Nanos,
}

impl Lattice {
    /// The lattice of a system, with room for so many jobs of a task that wait.
    ///
    /// # Errors
    /// If a duration of the system is no multiple of the tick.
    pub fn new(system: &System, tick: Nanos, backlog: u64) -> Result<Self, OffTheLattice> {
        let mut off = None;
        system.for_each_duration(|what, duration| {
            if tick.0 == 0 || !duration.0.is_multiple_of(tick.0) {
                off.get_or_insert(OffTheLattice { what, duration, tick });
            }
        });
        if let Some(off) = off {
            return Err(off);
        }
        let bounds = system.kernel_bounds.declared().map(|(_, bound)| bound);
        let (mut execution, mut limit) = (bounds.max().unwrap_or_default(), Nanos(0));
        system.for_each_instruction(|_, instruction| match instruction {
            crate::system::Instruction::Compute { wcet, .. } => execution = execution.max(*wcet),
            crate::system::Instruction::Wait { until: Some(until), .. } => limit = limit.max(*until),
            _ => {}
        });
        let tasks = || system.processes.iter().flat_map(|process| &process.contexts).filter_map(|context| context.task);
        let longest = |of: fn(crate::system::Task) -> Nanos| tasks().map(of).max().unwrap_or_default();
        Ok(Self {
            tick,
            execution,
            limit,
            arrival: longest(|task| task.offset.max(task.period)),
            jitter: longest(|task| task.jitter),
            arrived: tasks().map(|task| (task.jitter.0 / task.period.0.max(1)) as usize + 2).max().unwrap_or(0),
            backlog,
            refill: system.refill,
            processes: usize::from(system.process_table),
            modes: !system.modes.is_empty(),
        })
    }

    /// The tick.
    pub fn tick(&self) -> Nanos {
        self.tick
    }

    /// Writes the counters, or reads them.
    pub fn code(&self, time: &mut NsState, coder: &mut impl Coder) {
        for counters in &mut time.contexts {
            counters.execution = coder.maybe_time(counters.execution, self.execution);
            counters.limit = coder.maybe_time(counters.limit, self.limit);
            counters.arrival = coder.maybe_time(counters.arrival, self.arrival);
            let known = std::mem::take(&mut counters.releases);
            for place in 0..self.arrived {
                counters.releases.extend(coder.maybe_time(known.get(place).copied(), self.jitter));
            }
            coder.lose_if(known.len() > self.arrived);
            counters.backlog = coder.number(counters.backlog.into(), self.backlog) as u32;
            if self.modes {
                counters.held = coder.flag(counters.held);
            }
        }
        if self.refill > Nanos(0) {
            time.core.code(self.processes, self.refill, coder);
        }
    }
}

impl Time for Lattice {
    type State = NsState;

    fn initial(&self, objects: &Objects, state: &State) -> NsState {
        Ns.initial(objects, state)
    }
    fn permits(&self, time: &NsState, step: Step) -> bool {
        Ns.permits(time, step)
    }
    fn due(&self, objects: &Objects, state: &State, time: &NsState) -> Vec<TimeOffer> {
        Ns.due(objects, state, time)
    }
    fn begin(&self, objects: &Objects, state: &State, time: &NsState, context: ContextSlot) -> Option<TimeOffer> {
        Ns.begin(objects, state, time, context)
    }
    fn until_due(
        &self,
        objects: &Objects,
        state: &State,
        time: &NsState,
        running: Option<ContextSlot>,
    ) -> Option<Nanos> {
        Ns.until_due(objects, state, time, running)
    }
    fn apply(
        &self,
        objects: &Objects,
        state: &State,
        time: &mut NsState,
        step: TimeStep,
        running: Option<ContextSlot>,
    ) {
        Ns.apply(objects, state, time, step, running);
    }
    fn follow(&self, objects: &Objects, before: &State, after: &State, step: Step, time: &mut NsState) {
        Ns.follow(objects, before, after, step, time);
    }
    fn flush(&self, time: &mut NsState) {
        Ns.flush(time);
    }
    fn grain(&self) -> Nanos {
        self.tick
    }
}
