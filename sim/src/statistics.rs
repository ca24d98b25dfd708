//! What is counted of a run: jobs of tasks, kills of groups, creations of processes. Every number is exact.
//!
//! **Jobs.** Job k of a task arrives k periods after the first; its deadline is relative to its arrival, and its response
//! runs from arrival to end. A job that is unfinished when its deadline has passed is missed, whether it ends later, is
//! killed later, or is still there at the horizon. One whose process ends before its deadline is abandoned, not missed.

use lacuna_model::analysis::response_time::task_name;
use lacuna_model::evidence::SimVerdict;
use lacuna_model::objects::{Action, ContextSlot, Objects, Outcome, Phase, State, Step};
use lacuna_model::relation::Label;
use lacuna_model::sched::SchedStep;
use lacuna_model::system::{GroupId, ProcessId, Task};
use lacuna_model::time::TimeStep;
use lacuna_model::units::Nanos;
use serde::Serialize;

use crate::durations::Durations;
pub use crate::durations::Quantiles;
use crate::steady::Repetition;

/// What a run says, as it is printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Of each task, in the file's order.
    pub contexts: Vec<ContextSummary>,
    /// Of each job group that was killed, from the beginning of the kill until it returned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kills: Vec<OperationSummary>,
    /// Of each process that was created, from the beginning of its creation until its program runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spawns: Vec<OperationSummary>,
    /// How often the core went to another context than had it last.
    pub switches: u64,
    /// How often a context lost the core that could have gone on: to a more urgent one, or at the end of its budget or its window.
    pub preemptions: u64,
    /// How long was simulated, in nanoseconds.
    pub horizon_ns: u64,
    /// If nothing was ever going to happen any more: since when, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiescent_at_ns: Option<u64>,
    /// If part of it was counted without being run, for it repeats what was run: what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Repetition>,
}

/// What a run says of one task; of all its instances, where there are several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContextSummary {
    /// Its name.
    pub name: String,
    /// How many jobs arrived before the horizon.
    pub jobs: u64,
    /// How many of them missed their deadline.
    pub missed: u64,
    /// How many of them ended.
    pub finished: u64,
    /// How many of them were still within their deadline when their process ended.
    pub abandoned: u64,
    /// The relative deadline, in nanoseconds.
    pub deadline_ns: u64,
    /// The tardiness of the job that was late the most, in nanoseconds: from its deadline to its end, or to that of the run or of its process;
    /// 0, if none was late.
    pub tardiness_ns: u64,
    /// Response times of the jobs that ended, from arrival, in nanoseconds.
    pub response_ns: Option<Quantiles>,
    /// The verdict on G18; the first miss is reported by its number and its arrival.
    #[serde(flatten)]
    pub verdict: SimVerdict,
}

/// What a run says of a kernel operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperationSummary {
    /// On what.
    pub name: String,
    /// How often.
    pub count: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: Option<Quantiles>,
}

/// Counts of one declared task.
#[derive(Debug, Clone)]
struct Jobs {
    name: String,
    task: Task,
    arrived: u64,
    abandoned: u64,
    missed: u64,
    first_miss: Option<(u64, Nanos)>,
    tardiness: Nanos,
    responses: Durations,
}

/// What was counted of a task, by its context.
#[derive(Debug)]
pub(crate) struct TaskCounts {
    pub(crate) context: ContextSlot,
    pub(crate) first_arrival: u64,
    pub(crate) arrived: u64,
    pub(crate) finished: u64,
    pub(crate) missed: u64,
    /// The number of the job.
    pub(crate) first_miss: Option<u64>,
    pub(crate) tardiness: Nanos,
    /// In nanoseconds, each with how often it was seen.
    pub(crate) responses: Vec<(u64, u64)>,
}

/// What is under way in one entry of the context table.
#[derive(Debug, Clone, Default)]
struct Slot {
    /// Index of its [`Jobs`].
    task: Option<usize>,
    first_arrival: u64,
    arrived: u64,
    finished: u64,
    /// The next end of a job is of one that never arrived: an attacking job made a copy of itself.
    copied: bool,
    begun: Option<Nanos>,
    kill: Option<(GroupId, Nanos)>,
    creation: Option<(ProcessId, Nanos)>,
}

impl Slot {
    /// Is the same under way as in another, which is of so much earlier?
    fn is_as(&self, earlier: &Self, later_by: Nanos, task: Option<Task>) -> bool {
        let next = |slot: &Self| {
            let before = task.map_or(0, |task| u128::from(slot.finished) * u128::from(task.period.0));
            u128::from(slot.first_arrival) + before
        };
        let later = |at: Nanos| Nanos(at.0 + later_by.0);
        self.task == earlier.task
            && self.copied == earlier.copied
            && self.arrived.wrapping_sub(self.finished) == earlier.arrived.wrapping_sub(earlier.finished)
            && (self.arrived > 0) == (earlier.arrived > 0)
            && (self.arrived == 0 || next(self) == next(earlier) + u128::from(later_by.0))
            && self.begun == earlier.begun.map(later)
            && self.kill == earlier.kill.map(|(group, at)| (group, later(at)))
            && self.creation == earlier.creation.map(|(process, at)| (process, later(at)))
    }

    /// The same is under way so much later.
    fn put_off(&mut self, by: Nanos) {
        self.first_arrival += by.0;
        let times =
            [self.begun.as_mut(), self.kill.as_mut().map(|(_, at)| at), self.creation.as_mut().map(|(_, at)| at)];
        times.into_iter().flatten().for_each(|at| at.0 += by.0);
    }
}

/// Counts what happens, label by label.
#[derive(Debug, Clone)]
pub(crate) struct Collector<'a> {
    objects: &'a Objects,
    jobs: Vec<Jobs>,
    /// Of each declared process, of each of its contexts: the index of its [`Jobs`].
    task_of: Vec<Vec<Option<usize>>>,
    slots: Vec<Slot>,
    kills: Vec<Durations>,
    spawns: Vec<Durations>,
    switches: u64,
    preemptions: u64,
    /// Who had the core last.
    last: Option<ContextSlot>,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(objects: &'a Objects, initial: &State) -> Self {
        let system = objects.system();
        let mut jobs = Vec::new();
        let mut task_of = Vec::new();
        for process in &system.processes {
            let mut of_process = Vec::new();
            for context in &process.contexts {
                of_process.push(context.task.map(|_| jobs.len()));
                jobs.extend(context.task.map(|task| Jobs {
                    name: task_name(system, process, &context.name),
                    task,
                    arrived: 0,
                    abandoned: 0,
                    missed: 0,
                    first_miss: None,
                    tardiness: Nanos(0),
                    responses: Durations::default(),
                }));
            }
            task_of.push(of_process);
        }
        Self {
            objects,
            jobs,
            task_of,
            slots: vec![Slot::default(); initial.contexts.len()],
            kills: vec![Durations::default(); system.job_groups.len()],
            spawns: vec![Durations::default(); system.processes.len()],
            switches: 0,
            preemptions: 0,
            last: None,
        }
    }

    /// What was counted of tasks elsewhere, and of switches and preemptions.
    pub(crate) fn of_tasks(
        objects: &'a Objects,
        initial: &State,
        counts: impl Iterator<Item = TaskCounts>,
        [switches, preemptions]: [u64; 2],
    ) -> Self {
        let mut collector = Self { switches, preemptions, ..Self::new(objects, initial) };
        for counted in counts {
            let process = initial.processes[usize::from(objects.process_of(counted.context))].instance_of;
            let index = objects.index_in_process(counted.context);
            let Some(task) = collector.task_of[process.index()].get(index).copied().flatten() else { continue };
            let TaskCounts { first_arrival, arrived, finished, .. } = counted;
            let jobs = &mut collector.jobs[task];
            (jobs.arrived, jobs.missed, jobs.tardiness) = (arrived, counted.missed, counted.tardiness);
            jobs.first_miss = counted.first_miss.map(|job| (job, Nanos(first_arrival + job * jobs.task.period.0)));
            for (duration, times) in counted.responses {
                jobs.responses.add_times(Nanos(duration), times);
            }
            let slot = Slot { task: Some(task), first_arrival, arrived, finished, ..Slot::default() };
            collector.slots[usize::from(counted.context)] = slot;
        }
        collector
    }

    /// The scheduler takes a step while that context has the core.
    pub(crate) fn schedule(&mut self, step: SchedStep, running: Option<ContextSlot>) {
        match step {
            SchedStep::Dispatch(context) => {
                self.switches += u64::from(self.last != Some(context));
                self.last = Some(context);
            }
            SchedStep::Idle => {}
            SchedStep::Replenish(_) => return,
        }
        self.preemptions += u64::from(running.is_some());
    }

    /// A label has been taken at `now`.
    pub(crate) fn observe(&mut self, after: &State, label: Label, outcome: Option<Outcome>, attack: bool, now: Nanos) {
        match label {
            Label::Time(TimeStep::Arrive { context, .. }) => self.arrive(after, context, now),
            Label::Time(TimeStep::Begin { context, .. }) => self.slots[usize::from(context)].begun = Some(now),
            Label::Object(step) => self.step(after, step, outcome, attack, now),
            _ => {}
        }
    }

    fn arrive(&mut self, state: &State, context: ContextSlot, now: Nanos) {
        let process = state.processes[usize::from(self.objects.process_of(context))].instance_of;
        let index = self.objects.index_in_process(context);
        let Some(task) = self.task_of[process.index()].get(index).copied().flatten() else { return };
        let slot = &mut self.slots[usize::from(context)];
        if slot.arrived == 0 {
            slot.task = Some(task);
            slot.first_arrival = now.0;
        }
        slot.arrived += 1;
        self.jobs[task].arrived += 1;
    }

    fn step(&mut self, after: &State, step: Step, outcome: Option<Outcome>, attack: bool, now: Nanos) {
        let at = usize::from(step.context);
        let since = self.slots[at].begun.take().unwrap_or(now);
        let lasted = |since: Nanos| Nanos(now.0 - since.0);
        match (step.action, outcome) {
            (Action::JobDone, _) => self.end_job(at, now),
            (Action::Kill(group), _) => match after.contexts[at].phase {
                Phase::Walking(_) => self.slots[at].kill = Some((group, since)),
                _ => self.kills[group.index()].add(lasted(since)),
            },
            (Action::KillReturns(_), _) => {
                if let Some((group, since)) = self.slots[at].kill.take() {
                    self.kills[group.index()].add(lasted(since));
                }
            }
            (Action::Fork(_), Some(Outcome::Created(child))) if attack => {
                let copy = self.objects.contexts_of(child).start + self.objects.index_in_process(step.context);
                self.slots[copy].copied = true;
            }
            (Action::Fork(id) | Action::Spawn(id), Some(Outcome::Created(child))) => {
                let first = self.objects.contexts_of(child).start;
                if after.contexts[first].phase == Phase::BeforeExec {
                    self.slots[first].creation = Some((id, since));
                } else {
                    self.spawns[id.index()].add(lasted(since));
                }
            }
            (Action::Exec(_), _) => {
                if let Some((id, since)) = self.slots[at].creation.take() {
                    self.spawns[id.index()].add(lasted(since));
                }
            }
            _ => {}
        }
        if step.action.may_end_a_process() {
            for context in 0..after.contexts.len() {
                if after.contexts[context].phase == Phase::Gone {
                    let slot = std::mem::take(&mut self.slots[context]);
                    self.close(&slot, now, Left::Ended);
                }
            }
        }
    }

    fn end_job(&mut self, at: usize, now: Nanos) {
        let slot = &mut self.slots[at];
        if std::mem::take(&mut slot.copied) {
            return;
        }
        let Some(jobs) = slot.task.and_then(|task| self.jobs.get_mut(task)) else { return };
        let arrival = Nanos(slot.first_arrival + slot.finished * jobs.task.period.0);
        let response = Nanos(now.0 - arrival.0);
        jobs.responses.add(response);
        if response > jobs.task.deadline {
            jobs.miss(slot.finished, arrival, Nanos(response.0 - jobs.task.deadline.0));
        }
        slot.finished += 1;
    }

    /// No more jobs of this entry will end; those there are have missed if their deadlines have passed. One that is due now may still end in time, if
    /// it is a job of no time.
    fn close(&mut self, slot: &Slot, now: Nanos, left: Left) {
        let Some(jobs) = slot.task.and_then(|task| self.jobs.get_mut(task)) else { return };
        for job in slot.finished..slot.arrived {
            let arrival = Nanos(slot.first_arrival + job * jobs.task.period.0);
            let late = u128::from(now.0).checked_sub(u128::from(arrival.0) + u128::from(jobs.task.deadline.0));
            if let Some(late) = late.filter(|late| *late > 0) {
                jobs.miss(job, arrival, Nanos(u64::try_from(late).unwrap_or(u64::MAX)));
            } else if left == Left::Ended {
                jobs.abandoned += 1;
            }
        }
    }

    /// Is the same under way as there was so much earlier?
    pub(crate) fn is_under_way_as(&self, earlier: &Self, later_by: Nanos) -> bool {
        let same = |(slot, before): (&Slot, &Slot)| {
            slot.is_as(before, later_by, slot.task.and_then(|task| self.jobs.get(task)).map(|jobs| jobs.task))
        };
        self.last == earlier.last && self.slots.iter().zip(&earlier.slots).all(same)
    }

    /// What was counted since then happens again so often, and takes so long in all. A first miss is behind it, if there is any.
    pub(crate) fn repeat(&mut self, since: &Self, times: u64, later_by: Nanos) {
        for (jobs, before) in self.jobs.iter_mut().zip(&since.jobs) {
            jobs.arrived += (jobs.arrived - before.arrived) * times;
            jobs.abandoned += (jobs.abandoned - before.abandoned) * times;
            jobs.missed += (jobs.missed - before.missed) * times;
            jobs.responses.repeat(&before.responses, times);
        }
        let operations = self.kills.iter_mut().chain(&mut self.spawns);
        for (operation, before) in operations.zip(since.kills.iter().chain(&since.spawns)) {
            operation.repeat(before, times);
        }
        self.switches += (self.switches - since.switches) * times;
        self.preemptions += (self.preemptions - since.preemptions) * times;
        self.slots.iter_mut().for_each(|slot| slot.put_off(later_by));
    }

    /// The run is over: whatever ends at all ends after the horizon.
    pub(crate) fn finish(
        mut self,
        horizon: Nanos,
        quiescent_at: Option<Nanos>,
        repeats: Option<Repetition>,
    ) -> Summary {
        for slot in std::mem::take(&mut self.slots) {
            self.close(&slot, horizon, Left::UnderWay);
        }
        let system = self.objects.system();
        let operations = |names: Vec<&String>, durations: Vec<Durations>| {
            let both = names.into_iter().zip(durations).filter(|(_, durations)| durations.count() > 0);
            both.map(|(name, durations)| OperationSummary {
                name: name.clone(),
                count: durations.count(),
                duration_ns: durations.quantiles(),
            })
            .collect()
        };
        Summary {
            contexts: self.jobs.into_iter().map(Jobs::summary).collect(),
            kills: operations(system.job_groups.iter().map(|group| &group.name).collect(), self.kills),
            spawns: operations(system.processes.iter().map(|process| &process.name).collect(), self.spawns),
            switches: self.switches,
            preemptions: self.preemptions,
            horizon_ns: horizon.0,
            quiescent_at_ns: quiescent_at.map(|at| at.0),
            repeats,
        }
    }
}

/// Why jobs are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Their context has ended.
    Ended,
    /// The run is over.
    UnderWay,
}

impl Jobs {
    fn miss(&mut self, job: u64, arrival: Nanos, late: Nanos) {
        self.missed += 1;
        self.tardiness = self.tardiness.max(late);
        self.first_miss.get_or_insert((job, arrival));
    }

    fn summary(self) -> ContextSummary {
        let verdict = match self.first_miss {
            Some((job, arrival)) => SimVerdict::Missed { job, released_ns: arrival.0 },
            None if self.responses.count() == 0 => SimVerdict::Vacuous,
            None => SimVerdict::Held,
        };
        ContextSummary {
            name: self.name,
            jobs: self.arrived,
            missed: self.missed,
            finished: self.responses.count(),
            abandoned: self.abandoned,
            deadline_ns: self.task.deadline.0,
            tardiness_ns: self.tardiness.0,
            response_ns: self.responses.quantiles(),
            verdict,
        }
    }
}
