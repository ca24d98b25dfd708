//! What a timed search watches beside the system: how old jobs are, how long less urgent contexts have kept a job waiting, and for how long whoever is to
//! be ended lives.

use lacuna_model::coding::Coder;
use lacuna_model::guarantee::g20_bounded_inversion::{bound, is_inverted};
use lacuna_model::objects::{ContextSlot, Objects, Phase};
use lacuna_model::relation::{Relation, StateOf};
use lacuna_model::sched::Sched;
use lacuna_model::system::Task;
use lacuna_model::time::Lattice;
use lacuna_model::units::Nanos;

use super::deaths::{Deaths, Within};

/// A state of the relation, and what is watched of it.
pub(super) struct Situation<S: Sched> {
    pub(super) state: StateOf<S, Lattice>,
    /// Of each context, for how long its job was kept waiting by less urgent ones, at most a tick more than the largest bound. Empty,
    /// where no bound is declared or asked for.
    pub(super) waited: Vec<Nanos>,
    /// How long whoever is to be ended has lived since.
    pub(super) deaths: Deaths,
}

/// At which clocks stop.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Most {
    /// Those of waiting; 0 where there are none.
    pub(super) waited: Nanos,
    /// Those of being ended.
    pub(super) within: Within,
}

impl<S: Sched> Clone for Situation<S> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), waited: self.waited.clone(), deaths: self.deaths.clone() }
    }
}

impl<S: Sched> Situation<S> {
    /// With no clocks beside it.
    pub(super) fn bare(state: StateOf<S, Lattice>) -> Self {
        Self { state, waited: Vec::new(), deaths: Deaths::default() }
    }

    pub(super) fn contexts(&self) -> std::ops::Range<ContextSlot> {
        0..self.state.objects.contexts.len() as ContextSlot
    }

    /// The task of a context that is one and lives, and how many of its jobs have arrived and not ended.
    pub(super) fn jobs(&self, objects: &Objects, context: ContextSlot) -> Option<(Task, u64)> {
        let phase = self.state.objects.contexts[usize::from(context)].phase;
        if matches!(phase, Phase::Gone | Phase::BeforeExec) {
            return None;
        }
        let task = objects.declaration(&self.state.objects, context).task?;
        let counters = &self.state.time.contexts[usize::from(context)];
        let waiting = u64::from(counters.backlog) + counters.releases.len() as u64;
        Some((task, waiting + u64::from(phase != Phase::Sleeping)))
    }

    /// How long ago the oldest job of a context that has not ended arrived: jobs arrive a period apart, and the counter says
    /// when the next one does.
    pub(super) fn age(&self, objects: &Objects, context: ContextSlot) -> Option<(Task, Nanos)> {
        let (task, jobs) = self.jobs(objects, context)?;
        let until = self.state.time.contexts[usize::from(context)].arrival?;
        let before = jobs.checked_sub(1)?.saturating_mul(task.period.0);
        Some((task, Nanos(task.period.0.saturating_sub(until.0).saturating_add(before))))
    }

    /// A context one of whose jobs does not end by its deadline if so much time passes, and that deadline.
    pub(super) fn first_miss(&self, objects: &Objects, duration: Nanos) -> Option<(ContextSlot, Nanos)> {
        self.contexts().find_map(|context| {
            let (task, age) = self.age(objects, context)?;
            (age.0.saturating_add(duration.0) > task.deadline.0).then_some((context, task.deadline))
        })
    }

    /// Do more jobs of a task wait than can without a miss?
    pub(super) fn is_overrun(&self, objects: &Objects) -> bool {
        self.contexts().any(|context| self.jobs(objects, context).is_some_and(|(task, jobs)| jobs > most_jobs(task)))
    }

    /// A context that is kept waiting for longer than its bound if so much time passes, and that bound.
    pub(super) fn first_inversion(
        &self,
        relation: &Relation<'_, S, Lattice>,
        duration: Nanos,
    ) -> Option<(ContextSlot, Nanos)> {
        (0..).zip(&self.waited).find_map(|(context, waited)| {
            let bound = self.inverted(relation, context)?;
            (waited.0.saturating_add(duration.0) > bound.0).then_some((context, bound))
        })
    }

    /// The bound of a context that has one, if a less urgent one keeps it waiting now.
    fn inverted(&self, relation: &Relation<'_, S, Lattice>, context: ContextSlot) -> Option<Nanos> {
        let (objects, state) = (relation.objects(), &self.state.objects);
        let running = relation.sched().running(&self.state.sched).filter(|running| *running != context)?;
        if state.contexts[usize::from(context)].phase == Phase::Gone {
            return None;
        }
        let bound = bound(objects, state, context)?;
        let inverted = is_inverted(objects, state, context, running)
            && relation.sched().may_be_dispatched(&self.state.sched, context);
        inverted.then_some(bound)
    }

    /// Does a context that has a bound wait for a lock that another holds?
    pub(super) fn somebody_waits(&self, objects: &Objects) -> bool {
        let state = &self.state.objects;
        (0..).zip(&self.waited).any(|(context, _)| {
            state.contexts[usize::from(context)].phase != Phase::Gone
                && objects.awaited_owner(state, context).is_some()
                && bound(objects, state, context).is_some()
        })
    }

    /// Time is about to pass.
    pub(super) fn elapse(&mut self, relation: &Relation<'_, S, Lattice>, duration: Nanos, most: &Most) {
        for context in 0..self.waited.len() {
            if self.inverted(relation, context as ContextSlot).is_some() {
                let waited = &mut self.waited[context];
                waited.0 = waited.0.saturating_add(duration.0).min(most.waited.0);
            }
        }
        self.deaths.elapse(duration, &most.within);
    }

    /// A step was taken: whoever's job has ended has waited for nothing.
    pub(super) fn settle(&mut self) {
        for (context, waited) in self.state.objects.contexts.iter().zip(&mut self.waited) {
            if matches!(context.phase, Phase::Gone | Phase::Sleeping) {
                *waited = Nanos(0);
            }
        }
    }

    /// Writes all but the objects, or reads it.
    pub(super) fn code(
        &mut self,
        relation: &Relation<'_, S, Lattice>,
        lattice: &Lattice,
        most: &Most,
        coder: &mut impl Coder,
    ) {
        let contexts = self.state.objects.contexts.len();
        lattice.code(&mut self.state.time, coder);
        relation.sched().code(&mut self.state.sched, contexts, coder);
        for waited in &mut self.waited {
            *waited = coder.time(*waited, most.waited);
        }
        self.deaths.code(&most.within, coder);
    }
}

/// How many jobs of a task are followed: one more than can wait without a miss, and one that has just arrived.
pub(super) fn most_jobs(task: Task) -> u64 {
    task.deadline.0 / task.period.0.max(1) + 2
}
