//! The model as a system of packed states: Demonic × Erased, the objects alone, under every policy and every timing at once.

use lacuna_model::expand::{Bound, Expander};
use lacuna_model::guarantee::{GuaranteeId, GuaranteeSet};
use lacuna_model::objects::{Codec, Objects, Outcome, Phase, Refusal, State};

use crate::engine::{Edge, Fairness, Live, Marks, TransitionSystem, Unrepresentable};

/// The mark of a step that gives a guarantee something to say.
pub(crate) fn triggered(id: GuaranteeId) -> Marks {
    Marks::from(GuaranteeSet::NONE.with(id).bits())
}

/// The mark of a step that violates a guarantee.
pub(crate) fn violated(id: GuaranteeId) -> Marks {
    triggered(id) << 8
}

/// The mark of a step of an adversary who is stopped by nothing but the bound on its steps.
pub(crate) const CUT: Marks = 1 << 16;
/// The mark of a fork that a full process table refused.
pub(crate) const TABLE_FULL: Marks = 1 << 17;

/// What holds of a state: nobody is in the middle of anything.
pub(crate) const AT_REST: u64 = 1;
/// What holds of every state.
pub(crate) const ALWAYS: u64 = 2;

/// A system under a profile, in states of `W` words, with the marks of some guarantees.
#[derive(Debug)]
pub(crate) struct Kernel<'a, const W: usize> {
    objects: &'a Objects,
    asked: GuaranteeSet,
    expander: Expander<'a, W>,
    initial: [u64; W],
}

/// Room to expand and to unpack in.
#[derive(Debug)]
pub(crate) struct Room<'a, const W: usize> {
    expander: Expander<'a, W>,
    state: State,
}

impl<'a, const W: usize> Kernel<'a, W> {
    /// With the marks of the guarantees that `objects` watches, if its states fit.
    pub(crate) fn new(objects: &'a Objects) -> Option<Self> {
        let expander = Expander::new(objects)?;
        let initial = expander.initial().ok()?;
        Some(Self { objects, asked: objects.watched(), expander, initial })
    }

    fn is_at_rest(&self, state: &State) -> bool {
        state.contexts.iter().all(|context| matches!(context.phase, Phase::Gone | Phase::Sleeping))
    }
}

impl<'a, const W: usize> TransitionSystem for Kernel<'a, W> {
    type State = [u64; W];
    type Scratch = Room<'a, W>;

    fn scratch(&self) -> Room<'a, W> {
        Room { expander: self.expander.clone(), state: self.objects.initial() }
    }

    fn initial(&self) -> Vec<[u64; W]> {
        vec![self.initial]
    }

    #[inline]
    fn edges(
        &self,
        room: &mut Room<'a, W>,
        state: &[u64; W],
        mut visit: impl FnMut(Edge<[u64; W]>),
    ) -> Result<(), Unrepresentable> {
        let mut fits = Ok(());
        let mut choice = 0;
        room.expander.successors(state, self.asked, |step| {
            // An edge is named by its place, so what comes after one that does not fit has no name.
            if fits.is_err() {
                return;
            }
            let full = step.outcome == Outcome::Refused(Refusal::TableFull);
            let marks = Marks::from(step.marks.triggered.bits())
                | (Marks::from(step.marks.violated.bits()) << 8)
                | (Marks::from(step.bound == Bound::Cut) * CUT)
                | (Marks::from(full) * TABLE_FULL);
            let label = u32::from(step.step.context) << 16 | choice;
            choice += 1;
            match step.after {
                Ok(after) => visit(Edge { after, marks, label }),
                Err(_) => fits = Err(Unrepresentable("an amount of memory, or another number, is too large")),
            }
        });
        fits
    }

    /// Nobody waits for what never comes.
    fn may_stop(&self, state: &[u64; W]) -> bool {
        let mut unpacked = self.objects.initial();
        self.expander.codec().unpack(state, &mut unpacked);
        self.is_at_rest(&unpacked)
    }
}

impl<const W: usize> Live for Kernel<'_, W> {
    fn propositions(&self, room: &mut Self::Scratch, state: &[u64; W]) -> u64 {
        self.expander.codec().unpack(state, &mut room.state);
        ALWAYS | (u64::from(self.is_at_rest(&room.state)) * AT_REST)
    }

    fn actor(&self, label: u32) -> u32 {
        label >> 16
    }

    /// Every context that can run for ever does run: whatever else a scheduler may do, it starves nobody.
    fn fairness(&self, _: u32) -> Fairness {
        Fairness::Weak
    }
}

/// Something to be done with a kernel, whatever its width.
pub(crate) trait WithKernel {
    /// What comes of it.
    type Out;
    /// Does it.
    fn with<const W: usize>(self, kernel: &Kernel<'_, W>) -> Self::Out;
}

/// The states of some systems need more words than this.
pub(crate) const MOST_WORDS: usize = 64;

/// Chooses the width: the least of some that the states fit into. None does if they need more than [`MOST_WORDS`].
pub(crate) fn with_kernel<D: WithKernel>(objects: &Objects, does: D) -> Option<D::Out> {
    macro_rules! widths {
        ($($words:literal)*) => {
            match Codec::new(objects).words() {
                $(needed if needed <= $words => Some(does.with(&Kernel::<$words>::new(objects)?)),)*
                _ => None,
            }
        };
    }
    widths!(1 2 3 4 5 6 8 12 24 64)
}
