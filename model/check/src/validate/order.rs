//! Which events are before which: an interval order, with the orders of queues and contexts.

use lacuna_model::record::Record;

use super::RecordError;

/// A set of events, a bit each.
pub(super) type Cut = Box<[u64]>;

pub(super) fn contains(cut: &Cut, event: usize) -> bool {
    cut[event / 64] >> (event % 64) & 1 != 0
}

pub(super) fn with(cut: &Cut, event: usize) -> Cut {
    let mut cut = cut.clone();
    cut[event / 64] |= 1 << (event % 64);
    cut
}

/// For each event, those before it.
pub(super) struct Order {
    before: Vec<Cut>,
    events: usize,
}

impl Order {
    /// # Errors
    /// If an interval ends before it begins, or some event is before itself.
    pub(super) fn of(record: &Record) -> Result<Self, RecordError> {
        let events = record.events.len();
        if let Some(wrong) = record.events.iter().position(|event| event.from_ns > event.to_ns) {
            return Err(RecordError::Interval(wrong));
        }
        let empty: Cut = vec![0; events.div_ceil(64)].into();
        let mut before = vec![empty; events];
        for (event, set) in before.iter_mut().enumerate() {
            for other in (0..events).filter(|other| record.is_before(*other, event)) {
                set[other / 64] |= 1 << (other % 64);
            }
        }
        let order = Self { before, events };
        // Whoever can be taken once all before it were is in no circle.
        let mut cut = order.empty();
        loop {
            let minimal = order.minimal(&cut);
            if minimal.is_empty() {
                break;
            }
            for event in minimal {
                cut = with(&cut, event);
            }
        }
        match (0..events).find(|event| !contains(&cut, *event)) {
            Some(event) => Err(RecordError::Circle(event)),
            None => Ok(order),
        }
    }

    pub(super) fn empty(&self) -> Cut {
        vec![0; self.events.div_ceil(64)].into()
    }

    /// The events outside of a cut all before which are in it.
    pub(super) fn minimal(&self, cut: &Cut) -> Vec<usize> {
        let outside = (0..self.events).filter(|event| !contains(cut, *event));
        let is_next = |event: &usize| self.before[*event].iter().zip(cut).all(|(before, cut)| before & !cut == 0);
        outside.filter(is_next).collect()
    }
}
