//! For how long a kill of a job group (G4) or a lock-down of a domain (G12) has been under way, and how long ago one was begun that has returned
//! and left somebody. Both clocks run from when a program comes to it, and end a tick after the largest bound.

use lacuna_model::coding::Coder;
use lacuna_model::guarantee::{BOUNDED, GuaranteeId, ends_within};
use lacuna_model::objects::{Ending, Objects, ProcessSlot, State, Step};
use lacuna_model::system::System;
use lacuna_model::units::Nanos;

/// How many guarantees ask for it.
const MANY: usize = BOUNDED.len();

/// Within what time whoever is ended is to have ended, by the place of the guarantee in [`BOUNDED`]; none, where that is not asked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Within {
    within: [Option<Nanos>; MANY],
    /// At which the clocks stop.
    most: Nanos,
}

impl Within {
    /// What a system asks, of these guarantees.
    pub(super) fn of(system: &System, ids: &[GuaranteeId], tick: Nanos) -> Self {
        let mut within = [None; MANY];
        for (within, id) in within.iter_mut().zip(BOUNDED) {
            *within = ends_within(system, *id).filter(|_| ids.contains(id));
        }
        let largest = within.iter().flatten().max();
        Self { within, most: largest.map_or(Nanos(0), |largest| Nanos(largest.0.saturating_add(tick.0))) }
    }

    /// Is it asked of that guarantee?
    pub(super) fn asks(&self, id: GuaranteeId) -> bool {
        self.get(id).is_some()
    }

    fn get(&self, id: GuaranteeId) -> Option<Nanos> {
        self.within[place(id)?]
    }
}

/// The guarantee that an end is of.
fn guarantee(ending: Ending) -> GuaranteeId {
    match ending {
        Ending::Group(_) => GuaranteeId::G4,
        Ending::Domain(_) => GuaranteeId::G12,
    }
}

fn place(id: GuaranteeId) -> Option<usize> {
    BOUNDED.iter().position(|known| *known == id)
}

/// The clocks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Deaths {
    /// Of each context that is at a kill or a lock-down of which it is asked, for how long. Empty, where nothing is asked.
    under_way: Vec<Option<Nanos>>,
    /// Of each entry of the process table, by the place of the guarantee: how long ago the program came to one that has returned and was
    /// to end whoever lives there; the longest.
    left: [Vec<Option<Nanos>>; MANY],
}

impl Deaths {
    /// At the start.
    pub(super) fn new(objects: &Objects, state: &State, within: &Within) -> Self {
        if within.within.iter().all(Option::is_none) {
            return Self::default();
        }
        let mut deaths = Self {
            under_way: vec![None; state.contexts.len()],
            left: std::array::from_fn(|_| vec![None; state.processes.len()]),
        };
        deaths.begin(objects, state, within);
        deaths
    }

    /// Whoever has come to one begins, and who is no longer at one has none under way.
    fn begin(&mut self, objects: &Objects, state: &State, within: &Within) {
        for (context, clock) in (0..).zip(&mut self.under_way) {
            let ending = objects.ending(state, context).filter(|ending| within.asks(guarantee(*ending)));
            *clock = ending.map(|_| clock.unwrap_or_default());
        }
    }

    /// For how long the process of an entry should be ending already, at most; none, if nobody is at ending it.
    fn longest(&self, objects: &Objects, state: &State, slot: usize, id: GuaranteeId) -> Option<Nanos> {
        let left = self.left[place(id)?].get(slot).copied().flatten();
        let under_way = (0..).zip(&self.under_way).filter_map(|(context, clock)| {
            let ending = objects.ending(state, context).filter(|ending| guarantee(*ending) == id)?;
            clock.filter(|_| objects.is_to_end(state, slot, ending))
        });
        under_way.chain(left.filter(|_| state.processes[slot].lives())).max()
    }

    /// Is there somebody whom one that is under way is to end?
    pub(super) fn is_triggered(&self, objects: &Objects, state: &State, id: GuaranteeId) -> bool {
        !self.under_way.is_empty()
            && (0..state.processes.len()).any(|slot| self.longest(objects, state, slot, id).is_some())
    }

    /// A process that lives beyond its time if so much more passes, and that time.
    pub(super) fn first_late(
        &self,
        objects: &Objects,
        state: &State,
        (within, duration): (&Within, Nanos),
        id: GuaranteeId,
    ) -> Option<(ProcessSlot, Nanos)> {
        let bound = within.get(id)?;
        let late = |slot: &usize| {
            let clock = self.longest(objects, state, *slot, id);
            clock.is_some_and(|clock| clock.0.saturating_add(duration.0) > bound.0)
        };
        (0..state.processes.len()).find(late).map(|slot| (slot as ProcessSlot, bound))
    }

    /// Time passes.
    pub(super) fn elapse(&mut self, duration: Nanos, within: &Within) {
        let clocks = self.under_way.iter_mut().chain(self.left.iter_mut().flatten());
        clocks.flatten().for_each(|clock| clock.0 = clock.0.saturating_add(duration.0).min(within.most.0));
    }

    /// A step was taken. Tells the longest clock of whom it has ended, by the place of the guarantee.
    pub(super) fn follow(
        &mut self,
        objects: &Objects,
        (before, step, after): (&State, Step, &State),
        within: &Within,
    ) -> [Option<Nanos>; MANY] {
        let mut ended = [None; MANY];
        if self.under_way.is_empty() {
            return ended;
        }
        for slot in (0..before.processes.len()).filter(|slot| !after.processes[*slot].lives()) {
            for (place, id) in BOUNDED.iter().enumerate() {
                ended[place] = ended[place].max(self.longest(objects, before, slot, *id));
                self.left[place][slot] = None;
            }
        }
        let of = step.context;
        if objects.has_returned(step.action, after, of)
            && let (Some(ending), Some(clock)) = (objects.ending(before, of), self.under_way[usize::from(of)].take())
            && let Some(place) = place(guarantee(ending))
        {
            for (slot, left) in self.left[place].iter_mut().enumerate() {
                if objects.is_to_end(after, slot, ending) {
                    *left = (*left).max(Some(clock));
                }
            }
        }
        self.begin(objects, after, within);
        ended
    }

    /// Writes the clocks, or reads them.
    pub(super) fn code(&mut self, within: &Within, coder: &mut impl Coder) {
        for clock in self.under_way.iter_mut().chain(self.left.iter_mut().flatten()) {
            *clock = coder.maybe_time(*clock, within.most);
        }
    }
}
