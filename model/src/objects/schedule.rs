//! What contexts are scheduled by; and another system in the place of one.

use super::{ContextSlot, Objects, ObjectsError, State};
use crate::profile::Class;
use crate::system::{MajorFrame, SchedulingContext, SchedulingContextId, System};

impl Objects {
    /// The scheduling contexts, as the kernel gives them ([`crate::profile::scheduling`]).
    pub fn scheduling_contexts(&self) -> &[SchedulingContext] {
        &self.scheduling.scheduling_contexts
    }

    /// The ceilings of the locks, in the priorities of these.
    pub fn ceilings(&self) -> &[Option<u32>] {
        &self.scheduling.ceilings
    }

    /// What was asked for of scheduling and is not offered, in words: each with what it became.
    pub fn scheduled_instead(&self) -> &[&'static str] {
        &self.scheduling.instead
    }

    /// The major frame, if its windows are kept.
    pub fn major_frame(&self) -> Option<&MajorFrame> {
        let keeps =
            self.profile.time_isolation.enforces_windows() && self.profile.scheduling.offers(Class::StaticTable);
        self.system.major_frame.as_ref().filter(|_| keeps)
    }

    /// What a context is scheduled by: its own declared scheduling context, unless the kernel schedules groups or domains
    /// ([`crate::profile::coupling`]): then what the first that is declared there has.
    pub fn scheduled_by(&self, state: &State, context: ContextSlot) -> Option<SchedulingContextId> {
        let own = self.declaration(state, context).schedule;
        let slot = usize::from(self.process_of(context));
        let (domain, group) = (self.domain_of(state, slot), state.processes[slot].group);
        let together =
            self.system.processes.iter().filter(|process| self.profile.coupling.joins(domain, group, process));
        together.flat_map(|process| &process.contexts).find_map(|context| context.schedule).or(own)
    }

    /// The same kernel with another system: the same profile, checks and ghosts.
    ///
    /// # Errors
    /// If that has no semantics.
    pub fn with_system(&self, system: &System) -> Result<Self, ObjectsError> {
        let mut other = Self::new(system, &self.profile)?;
        (other.watched, other.omitted) = (self.watched, self.omitted);
        other.makes = other.find_makes();
        Ok(other)
    }
}
