//! Pure task sets, faster: tasks that only compute, with priorities of their own, on one core that nothing else is asked of. What the relation says of them
//! is said without its states: who is ready is a word of bits, and time goes from one arrival or end to the next.
//!
//! It is a projection of the relation: the dispatches, the beginnings and the ends of jobs at their times are the same, and so is the summary; `tests/projection.rs`
//! compares both on random sets. The resolver is asked for execution times alone, for nothing else is to be chosen that decides anything.
//!
//! # Invariants
//! - A set is taken only if none of its rules is missing here; otherwise there is none ([`TaskSet::of`]).

use lacuna_model::objects::{ContextSlot, Objects, Phase};
use lacuna_model::relation::{Label, Offer};
use lacuna_model::system::{Instruction, Order};
use lacuna_model::time::{TimeOffer, TimeStep};
use lacuna_model::units::Nanos;

use crate::resolver::Resolver;
use crate::statistics::{Collector, Summary, TaskCounts};

/// Ready tasks are bits of a word.
const MOST_TASKS: usize = 64;
/// It is asked whether to stop after so many jobs.
const JOBS_BETWEEN_QUESTIONS: u64 = 1 << 16;

/// A set of tasks, the most urgent first.
#[derive(Debug)]
pub struct TaskSet<'a> {
    objects: &'a Objects,
    tasks: Vec<Task>,
}

#[derive(Debug, Clone, Copy)]
struct Task {
    context: ContextSlot,
    least: Nanos,
    most: Nanos,
    period: u64,
    deadline: u64,
    offset: u64,
}

/// Something that happens in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The core goes to this context.
    Dispatch(ContextSlot),
    /// Its job begins, and will compute for so long.
    Begin(ContextSlot, Nanos),
    /// Its job has ended.
    Done(ContextSlot),
}

/// What is under way of a task, and what was counted.
#[derive(Debug, Default)]
struct Course {
    /// Jobs that have arrived and not ended.
    waiting: u64,
    /// What is left of the one that was begun.
    left: Option<u64>,
    arrived: u64,
    finished: u64,
    missed: u64,
    first_miss: Option<u64>,
    tardiness: u64,
    responses: Tally,
}

impl<'a> TaskSet<'a> {
    /// The tasks of a system, if it is a pure set of them.
    pub fn of(objects: &'a Objects) -> Option<Self> {
        let (system, profile, initial) = (objects.system(), objects.profile(), objects.initial());
        if objects.major_frame().is_some() || system.refill > Nanos(0) || !system.modes.is_empty() {
            return None;
        }
        let mut tasks = Vec::new();
        for context in 0..initial.contexts.len() as ContextSlot {
            if initial.contexts[usize::from(context)].phase == Phase::Gone {
                continue;
            }
            let declared = objects.declaration(&initial, context);
            let [Instruction::Compute { bcet, wcet }] = declared.program[..] else { return None };
            let task = declared.task.filter(|task| task.jitter == Nanos(0))?;
            let by = objects.scheduled_by(&initial, context).map(|by| &objects.scheduling_contexts()[by.index()]);
            let is_plain = by.is_none_or(|by| {
                let has_budget = profile.time_isolation.enforces_budgets() && by.budget.is_some();
                by.order == Order::Readiness && by.threshold.is_none() && !has_budget
            });
            if !is_plain {
                return None;
            }
            let (period, deadline, offset) = (task.period.0, task.deadline.0, task.offset.0);
            let task = Task { context, least: bcet, most: wcet, period, deadline, offset };
            tasks.push((by.map(|by| by.priority), task));
        }
        tasks.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
        let distinct = tasks.windows(2).all(|pair| pair[0].0 != pair[1].0);
        let fits = !tasks.is_empty() && tasks.len() <= MOST_TASKS;
        (distinct && fits).then(|| Self { objects, tasks: tasks.into_iter().map(|(_, task)| task).collect() })
    }

    /// Simulates it up to a horizon; none, if it was told to stop.
    pub fn simulate(
        &self,
        resolver: &mut impl Resolver,
        Nanos(horizon): Nanos,
        mut stop: impl FnMut() -> bool,
        mut observe: impl FnMut(Nanos, Event),
    ) -> Option<Summary> {
        let mut courses: Vec<Course> = self.tasks.iter().map(|_| Course::default()).collect();
        // When the next job of each arrives; side by side, for that is looked at most.
        let mut arrivals: Vec<u64> = self.tasks.iter().map(|task| task.offset).collect();
        let (mut now, mut soonest) = (0, arrivals.iter().copied().min().unwrap_or(u64::MAX));
        let (mut ready, mut running, mut last) = (0u64, None, None);
        let (mut switches, mut preemptions, mut jobs) = (0u64, 0u64, 0u64);
        while now < horizon {
            if now == soonest {
                soonest = u64::MAX;
                for (index, arrival) in arrivals.iter_mut().enumerate() {
                    if *arrival == now {
                        *arrival = now.saturating_add(self.tasks[index].period);
                        courses[index].arrived += 1;
                        courses[index].waiting += 1;
                        ready |= 1 << index;
                    }
                    soonest = soonest.min(*arrival);
                }
            }
            // Jobs of no time end one after the other, at one instant.
            let mut end = soonest;
            while ready != 0 {
                let first = ready.trailing_zeros() as usize;
                let (task, course) = (&self.tasks[first], &mut courses[first]);
                if running != Some(first) {
                    switches += u64::from(last != Some(first));
                    preemptions += u64::from(running.is_some());
                    (running, last) = (Some(first), Some(first));
                    observe(Nanos(now), Event::Dispatch(task.context));
                }
                let left = match course.left {
                    Some(left) => left,
                    None => {
                        let left = self.execution(task, resolver);
                        if task.most > Nanos(0) {
                            observe(Nanos(now), Event::Begin(task.context, Nanos(left)));
                        }
                        course.left = Some(left);
                        left
                    }
                };
                if left > 0 {
                    end = end.min(now.saturating_add(left));
                    break;
                }
                course.end(task, now);
                observe(Nanos(now), Event::Done(task.context));
                (ready, running) = (ready & !(u64::from(course.waiting == 0) << first), None);
                jobs += 1;
            }
            let until = end.min(horizon);
            if let Some(first) = running {
                let (task, course) = (&self.tasks[first], &mut courses[first]);
                let left = course.left.unwrap_or(0) - (until - now);
                course.left = Some(left);
                if left == 0 {
                    course.end(task, until);
                    observe(Nanos(until), Event::Done(task.context));
                    (ready, running) = (ready & !(u64::from(course.waiting == 0) << first), None);
                    jobs += 1;
                }
            }
            now = until;
            if jobs >= JOBS_BETWEEN_QUESTIONS {
                jobs = 0;
                if stop() {
                    return None;
                }
            }
        }
        let state = self.objects.initial();
        let counts = self.tasks.iter().zip(courses).map(|(task, course)| course.counts(task));
        Some(Collector::of_tasks(self.objects, &state, counts, [switches, preemptions]).finish(
            Nanos(horizon),
            None,
            None,
        ))
    }

    fn execution(&self, task: &Task, resolver: &mut impl Resolver) -> u64 {
        if task.most == Nanos(0) {
            return 0;
        }
        let Task { context, least, most, .. } = *task;
        match resolver.resolve(&[Offer::Time(TimeOffer::Begin { context, least, most })]) {
            Label::Time(TimeStep::Begin { execution, .. }) => execution.0,
            _ => most.0,
        }
    }
}

impl Course {
    /// The job that was begun ends.
    fn end(&mut self, task: &Task, now: u64) {
        let response = now - (task.offset + self.finished * task.period);
        self.responses.add(response);
        if response > task.deadline {
            self.missed += 1;
            self.first_miss.get_or_insert(self.finished);
            self.tardiness = self.tardiness.max(response - task.deadline);
        }
        self.finished += 1;
        self.waiting -= 1;
        self.left = None;
    }

    fn counts(self, task: &Task) -> TaskCounts {
        TaskCounts {
            context: task.context,
            first_arrival: task.offset,
            arrived: self.arrived,
            finished: self.finished,
            missed: self.missed,
            first_miss: self.first_miss,
            tardiness: Nanos(self.tardiness),
            responses: self.responses.slots.into_iter().filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// How often each number was seen: an open hash table.
#[derive(Debug, Default)]
struct Tally {
    /// Numbers and counts; free, where the count is 0. Of a power of two, or none.
    slots: Vec<(u64, u64)>,
    used: usize,
}

impl Tally {
    fn add(&mut self, number: u64) {
        if 2 * self.used >= self.slots.len() {
            self.grow();
        }
        let slot = self.place(number);
        let is_new = slot.1 == 0;
        *slot = (number, slot.1 + 1);
        self.used += usize::from(is_new);
    }

    fn place(&mut self, number: u64) -> &mut (u64, u64) {
        let mask = self.slots.len() - 1;
        let mut at = (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask;
        while self.slots[at].1 > 0 && self.slots[at].0 != number {
            at = (at + 1) & mask;
        }
        &mut self.slots[at]
    }

    fn grow(&mut self) {
        let larger = vec![(0, 0); (2 * self.slots.len()).max(16)];
        for (number, count) in std::mem::replace(&mut self.slots, larger) {
            if count > 0 {
                *self.place(number) = (number, count);
            }
        }
    }
}
