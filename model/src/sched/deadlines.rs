//! Until when the job of each context is due: relative, and negative once that has passed. And how much it still computes at most, where that is
//! asked for.
//!
//! Jobs of a task arrive a period apart and end in the order in which they arrived; so the deadline of the first that has not ended, and
//! how many there are, say everything.

use super::JobEvent;
use crate::coding::Coder;
use crate::objects::ContextSlot;
use crate::system::{Order, System, most_computing};
use crate::units::Nanos;

/// The jobs of each context that have arrived and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Deadlines {
    /// By context; no longer than the last that has a job.
    jobs: Vec<Option<Jobs>>,
}

/// The jobs of one context; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Jobs {
    /// In nanoseconds until the deadline of the first.
    due: i128,
    /// How much the first still computes at most, and each of the others.
    left: Nanos,
    demand: Nanos,
    /// Between the deadlines of one and the next.
    period: Nanos,
    count: u32,
}

/// The longest times of any task: as far as deadlines are followed where there must be an end of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Longest {
    demand: Nanos,
    deadline: Nanos,
    period: Nanos,
    jobs: u32,
}

impl Longest {
    /// Those of a system. A search follows ⌊deadline / period⌋ + 2 jobs that wait for the one that is under way, which is then late by no
    /// more than their periods.
    pub fn of(system: &System) -> Self {
        let contexts = || system.processes.iter().flat_map(|process| &process.contexts);
        let tasks = || contexts().filter_map(|context| context.task);
        let by_laxity = system.scheduling_contexts.iter().any(|by| matches!(by.order, Order::Laxity { .. }));
        let computing = contexts().filter(|_| by_laxity).filter_map(|context| most_computing(&context.program));
        let jobs = tasks().map(|task| task.deadline.0 / task.period.0.max(1)).max().unwrap_or(0).saturating_add(4);
        Self {
            demand: computing.max().unwrap_or_default(),
            deadline: tasks().map(|task| task.deadline).max().unwrap_or_default(),
            period: tasks().map(|task| task.period).max().unwrap_or_default(),
            jobs: u32::try_from(jobs).unwrap_or(u32::MAX),
        }
    }
}

impl Deadlines {
    /// Until when the job of a context is due, in nanoseconds from now, if it has one.
    pub fn of(&self, context: ContextSlot) -> Option<i128> {
        self.jobs.get(usize::from(context)).copied().flatten().map(|jobs| jobs.due)
    }

    /// How long the job of a context may wait at most, in nanoseconds, and still compute all that it may by its deadline.
    pub fn laxity_of(&self, context: ContextSlot) -> Option<i128> {
        self.jobs.get(usize::from(context)).copied().flatten().map(|jobs| jobs.due - i128::from(jobs.left.0))
    }

    /// Something has become of a job.
    pub fn follow(&mut self, context: ContextSlot, event: JobEvent) {
        let at = usize::from(context);
        if self.jobs.len() <= at {
            self.jobs.resize(at + 1, None);
        }
        let jobs = &mut self.jobs[at];
        match (event, jobs.as_mut()) {
            (JobEvent::Arrived { deadline, period, demand }, None) => {
                *jobs = Some(Jobs { due: i128::from(deadline.0), left: demand, demand, period, count: 1 });
            }
            (JobEvent::Arrived { .. }, Some(jobs)) => jobs.count = jobs.count.saturating_add(1),
            (JobEvent::Ended, Some(jobs)) if jobs.count > 1 => {
                jobs.count -= 1;
                jobs.due += i128::from(jobs.period.0);
                jobs.left = jobs.demand;
            }
            (JobEvent::Ended | JobEvent::Gone, _) => *jobs = None,
        }
        // Equal situations are equal states.
        while self.jobs.last().is_some_and(Option::is_none) {
            self.jobs.pop();
        }
    }

    /// Time passes, and one context computes.
    pub fn pass(&mut self, duration: Nanos, running: Option<ContextSlot>) {
        self.jobs.iter_mut().flatten().for_each(|jobs| jobs.due -= i128::from(duration.0));
        if let Some(jobs) = running.and_then(|running| self.jobs.get_mut(usize::from(running))?.as_mut()) {
            jobs.left.0 = jobs.left.0.saturating_sub(duration.0);
        }
    }

    /// Writes them, or reads them.
    pub fn code(&mut self, contexts: usize, longest: Longest, coder: &mut impl Coder) {
        // The one that is late the most has all the others' periods behind it.
        let most = u64::from(longest.jobs).saturating_mul(longest.period.0).max(longest.deadline.0);
        let known = std::mem::take(&mut self.jobs);
        coder.lose_if(known.len() > contexts);
        for at in 0..contexts {
            let jobs = known.get(at).copied().flatten();
            let count = coder.number(jobs.map_or(0, |jobs| jobs.count.into()), longest.jobs.into());
            let due = jobs.map_or(0, |jobs| jobs.due);
            let is_late = coder.flag(due < 0);
            coder.lose_if(u64::try_from(due.unsigned_abs()).is_err());
            let due = coder.time(Nanos(due.unsigned_abs() as u64), Nanos(most)).0;
            let period = coder.time(jobs.map_or(Nanos(0), |jobs| jobs.period), longest.period);
            let due = if is_late { -i128::from(due) } else { i128::from(due) };
            let left = coder.time(jobs.map_or(Nanos(0), |jobs| jobs.left), longest.demand);
            let demand = coder.time(jobs.map_or(Nanos(0), |jobs| jobs.demand), longest.demand);
            self.jobs.push((count > 0).then_some(Jobs { due, left, demand, period, count: count as u32 }));
        }
        while self.jobs.last().is_some_and(Option::is_none) {
            self.jobs.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARRIVED: JobEvent = JobEvent::Arrived { deadline: Nanos(5), period: Nanos(7), demand: Nanos(3) };

    #[test]
    fn the_first_job_that_has_not_ended_is_the_one_that_counts() {
        let mut deadlines = Deadlines::default();
        assert_eq!(deadlines.of(1), None);
        deadlines.follow(1, ARRIVED);
        deadlines.pass(Nanos(7), None);
        assert_eq!(deadlines.of(1), Some(-2));
        deadlines.follow(1, ARRIVED);
        assert_eq!(deadlines.of(1), Some(-2), "the first is still there");
        deadlines.follow(1, JobEvent::Ended);
        assert_eq!(deadlines.of(1), Some(5), "the second arrived just now");
        deadlines.follow(1, JobEvent::Ended);
        assert_eq!(deadlines, Deadlines::default());
        // An attacking job's copy ends without ever having arrived.
        deadlines.follow(2, JobEvent::Ended);
        deadlines.follow(0, ARRIVED);
        deadlines.follow(0, ARRIVED);
        deadlines.follow(0, JobEvent::Gone);
        assert_eq!(deadlines, Deadlines::default());
    }

    #[test]
    fn whoever_computes_keeps_its_laxity() {
        let mut deadlines = Deadlines::default();
        deadlines.follow(0, ARRIVED);
        deadlines.follow(1, ARRIVED);
        deadlines.pass(Nanos(2), Some(0));
        assert_eq!((deadlines.laxity_of(0), deadlines.laxity_of(1)), (Some(2), Some(0)));
        deadlines.pass(Nanos(2), Some(0));
        assert_eq!(deadlines.laxity_of(0), Some(1), "it computed 3, and more than that is not known of it");
        deadlines.follow(0, ARRIVED);
        deadlines.follow(0, JobEvent::Ended);
        assert_eq!(deadlines.laxity_of(0), Some(5 - 4 + 7 - 3), "the next has all of its computing before it");
    }

    #[test]
    fn what_is_written_is_read() {
        use crate::coding::{Reader, Width, Writer};
        let longest = Longest { demand: Nanos(3), deadline: Nanos(5), period: Nanos(7), jobs: 4 };
        let mut deadlines = Deadlines::default();
        for (context, passed) in [(0, 7), (3, 2)] {
            deadlines.follow(context, ARRIVED);
            deadlines.pass(Nanos(passed), None);
        }
        deadlines.follow(0, ARRIVED);
        let mut width = Width::new(Nanos(1));
        deadlines.clone().code(5, longest, &mut width);
        let mut words = vec![0; width.bits.div_ceil(64)];
        let mut writer = Writer::new(&mut words, Nanos(1));
        deadlines.clone().code(5, longest, &mut writer);
        assert!(writer.fits());
        let mut read = Deadlines::default();
        read.code(5, longest, &mut Reader::new(&words, Nanos(1)));
        assert_eq!(read, deadlines);
    }
}
