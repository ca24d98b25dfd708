//! A major frame: the core's time, cut into windows that belong to some scheduling contexts, and gaps that belong to whoever has no window.
//!
//! Source: ARINC Specification 653, *Avionics application software standard interface*, where a partition has windows in a major time frame,
//! each with an offset and a duration (known from others); the seL4 reference manual, Domains, where the schedule is a list of
//! durations.
//!
//! Who has a window never runs in another one's, nor in a gap; and nobody else runs in it, whether they use it or not (*idle substitution*:
//! M. Völp, C.-J. Hamann, H. Härtig, *Avoiding timing channels in fixed-priority schedulers*, ASIACCS 2008, leave the core idle where another
//! would be let in). So who has the core in a window follows from what the window's own contexts do.
//!
//! A kernel that flushes empties what the core keeps for whoever runs on it at the beginning of each window and each gap. That takes a declared time
//! whatever there was to empty, and longer than it needs (*padded*: Q. Ge et al., *Time protection*, EuroSys 2019), during which nobody runs.
//!
//! # Invariants
//! - The segments are the whole frame, each longer than nothing.
//! - A [`Place`] has some of its segment left: at the end of one it is at the beginning of the next.

use crate::coding::Coder;
use crate::system::{MajorFrame, SchedulingContextId};
use crate::units::Nanos;

/// A major frame, as its segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    length: Nanos,
    segments: Vec<Segment>,
    /// Who has a window at all.
    partitioned: Vec<SchedulingContextId>,
}

/// A window or a gap, or the flush at its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    duration: Nanos,
    admits: Admits,
}

/// Who may have the core.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Admits {
    /// Whose window it is.
    Owners(Vec<SchedulingContextId>),
    /// Whoever has no window.
    Rest,
    /// Nobody: the core is flushed.
    Nobody,
}

/// Where in a major frame it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    segment: usize,
    left: Nanos,
}

impl Place {
    /// How much is left of the window, or of the gap.
    pub fn left(self) -> Nanos {
        self.left
    }
}

impl Frame {
    /// The segments of a declared frame, in which each window and each gap begins with so long a flush.
    pub fn new(declared: &MajorFrame, flush: Nanos) -> Self {
        let (mut segments, mut until) = (Vec::new(), Nanos(0));
        let mut segment = |from: Nanos, to: Nanos, admits: Admits| {
            let duration = to.0.saturating_sub(from.0);
            let flush = flush.0.min(duration);
            let parts = [(flush, Admits::Nobody), (duration - flush, admits)];
            let parts = parts.into_iter().filter(|(duration, _)| *duration > 0);
            segments.extend(parts.map(|(duration, admits)| Segment { duration: Nanos(duration), admits }));
        };
        for window in &declared.windows {
            segment(until, window.offset, Admits::Rest);
            segment(window.offset, window.end(), Admits::Owners(window.scheduling_contexts.clone()));
            until = window.end();
        }
        segment(until, declared.length, Admits::Rest);
        let partitioned = declared.windows.iter().flat_map(|window| window.scheduling_contexts.iter().copied());
        Self { length: declared.length, segments, partitioned: partitioned.collect() }
    }

    /// The beginning of the frame.
    pub fn start(&self) -> Place {
        self.beginning_of(0)
    }

    fn beginning_of(&self, segment: usize) -> Place {
        let segment = if segment < self.segments.len() { segment } else { 0 };
        let left = self.segments.get(segment).map_or(self.length, |segment| segment.duration);
        Place { segment, left }
    }

    /// May whoever runs by that have the core now?
    pub fn admits(&self, place: Place, by: Option<SchedulingContextId>) -> bool {
        match self.admitted(place) {
            Some(Admits::Owners(owners)) => by.is_some_and(|by| owners.contains(&by)),
            Some(Admits::Nobody) => false,
            Some(Admits::Rest) | None => by.is_none_or(|by| !self.partitioned.contains(&by)),
        }
    }

    fn admitted(&self, place: Place) -> Option<&Admits> {
        self.segments.get(place.segment).map(|segment| &segment.admits)
    }

    /// Is the core flushed while so much time passes?
    pub fn flushes(&self, place: Place, duration: Nanos) -> bool {
        let is_flush = |segment: &Segment| segment.admits == Admits::Nobody;
        // Whatever comes after the segment begins with one.
        self.segments.get(place.segment).is_some_and(is_flush)
            || (duration > place.left && self.segments.iter().any(is_flush))
    }

    /// Time passes, however long.
    pub fn pass(&self, place: &mut Place, duration: Nanos) {
        let mut duration = duration.0;
        if duration >= place.left.0 {
            duration = (duration - place.left.0) % self.length.0.max(1);
            *place = self.beginning_of(place.segment + 1);
            while duration >= place.left.0 {
                duration -= place.left.0;
                *place = self.beginning_of(place.segment + 1);
            }
        }
        place.left.0 -= duration;
    }

    /// Writes a place, or reads it.
    pub fn code(&self, place: &mut Place, coder: &mut impl Coder) {
        let most = self.segments.len().saturating_sub(1) as u64;
        place.segment = coder.number(place.segment as u64, most) as usize;
        let longest = self.segments.iter().map(|segment| segment.duration).max().unwrap_or(self.length);
        place.left = coder.time(place.left, longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Window;

    fn window(offset: u64, duration: u64, of: &[u8]) -> Window {
        let scheduling_contexts = of.iter().copied().map(SchedulingContextId).collect();
        Window { offset: Nanos(offset), duration: Nanos(duration), scheduling_contexts }
    }

    /// Of each unit of time from the start, which of the scheduling contexts 0 to 2, or of those without one (3), may run.
    fn course(frame: &Frame, steps: &[u64]) -> Vec<Vec<u8>> {
        let mut place = frame.start();
        let who = |place| {
            let by = |id: &u8| (*id < 3).then_some(SchedulingContextId(*id));
            (0..4).filter(|id| frame.admits(place, by(id))).collect()
        };
        let mut course = vec![who(place)];
        for step in steps {
            frame.pass(&mut place, Nanos(*step));
            assert!(place.left() > Nanos(0));
            course.push(who(place));
        }
        course
    }

    #[test]
    fn windows_are_their_owners_and_gaps_are_the_rest_s() {
        let windows = vec![window(1, 2, &[0]), window(3, 1, &[1, 0])];
        let frame = Frame::new(&MajorFrame { length: Nanos(5), windows }, Nanos(0));
        let one_frame = [vec![2, 3], vec![0], vec![0], vec![0, 1], vec![2, 3]];
        let twice: Vec<_> = one_frame.iter().chain(&one_frame).cloned().collect();
        assert_eq!(course(&frame, &[1; 9]), twice);
    }

    #[test]
    fn however_time_passes_it_is_the_same_place() {
        let windows = vec![window(0, 2, &[0]), window(2, 3, &[1]), window(6, 1, &[2])];
        let frame = Frame::new(&MajorFrame { length: Nanos(9), windows }, Nanos(0));
        for far in 0..40 {
            let (mut at_once, mut step_by_step) = (frame.start(), frame.start());
            frame.pass(&mut at_once, Nanos(far));
            (0..far).for_each(|_| frame.pass(&mut step_by_step, Nanos(1)));
            assert_eq!(at_once, step_by_step, "{far}");
        }
    }

    #[test]
    fn each_window_and_each_gap_begins_with_a_flush() {
        // Window 0 to 3, gap 3 to 4, window 4 to 6.
        let windows = vec![window(0, 3, &[0]), window(4, 2, &[1])];
        let frame = Frame::new(&MajorFrame { length: Nanos(6), windows }, Nanos(1));
        let one_frame = [vec![], vec![0], vec![0], vec![], vec![], vec![1]];
        let twice: Vec<_> = one_frame.iter().chain(&one_frame).cloned().collect();
        assert_eq!(course(&frame, &[1; 11]), twice);
        let mut place = frame.start();
        assert!(frame.flushes(place, Nanos(1)), "it begins with one");
        frame.pass(&mut place, Nanos(1));
        assert!(!frame.flushes(place, Nanos(2)), "to the end of the window");
        assert!(frame.flushes(place, Nanos(3)), "and into what comes then");
        assert!(frame.flushes(place, Nanos(40)));
        let never = Frame::new(&MajorFrame { length: Nanos(6), windows: vec![window(0, 3, &[0])] }, Nanos(0));
        assert!(!never.flushes(never.start(), Nanos(40)));
    }
}
