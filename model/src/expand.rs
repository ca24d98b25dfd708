//! The untimed relation as a search wants it: a packed state in; out of it every step with the packed state that it leads
//! to, and what it says of the guarantees. Demonic × Erased, in the order of [`Objects::enabled`].
//!
//! Most steps change one process. So there are two copies of a state: a step is taken in the second, packed again where
//! it has touched that, and undone from the first. States that follow each other in a search differ little, too, and
//! only the difference is unpacked.

use crate::guarantee::{Asked, Marks, Transition, marks, violated_in};
use crate::objects::{Action, Codec, DoesNotFit, Objects, Outcome, State, Step};

/// A step and where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Successor<const W: usize> {
    /// The step.
    pub step: Step,
    /// What comes of it.
    pub outcome: Outcome,
    /// What it says of the guarantees asked.
    pub marks: Marks,
    /// Is it all that is left to an adversary who was stopped by nothing but the bound on its steps?
    pub bound: Bound,
    /// The state after it, if that fits its packed form.
    pub after: Result<[u64; W], DoesNotFit>,
}

/// Was something left out before a step?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Nothing was.
    Whole,
    /// An adversary gives up that was stopped by nothing but the bound on its steps. Of the steps of a state one is so if
    /// the state is cut, as [`Objects::is_cut`] has it.
    Cut,
}

/// Expands the states of one system, packed into `W` words. Each thread of a search has its own.
#[derive(Debug, Clone)]
pub struct Expander<'a, const W: usize> {
    objects: &'a Objects,
    codec: Codec,
    /// The state that was expanded last, packed,
    packed: [u64; W],
    /// unpacked,
    before: State,
    /// and a copy of it, but while a step is taken.
    after: State,
}

impl<'a, const W: usize> Expander<'a, W> {
    /// For the states of `objects`, if they fit into `W` words.
    pub fn new(objects: &'a Objects) -> Option<Self> {
        let codec = Codec::new(objects);
        let (initial, mut packed) = (objects.initial(), [0; W]);
        codec.pack(&initial, &mut packed).ok()?;
        Some(Self { objects, codec, packed, before: initial.clone(), after: initial })
    }

    /// How states are packed.
    pub fn codec(&self) -> &Codec {
        &self.codec
    }

    /// The initial state, packed.
    ///
    /// # Errors
    /// Never, for [`Expander::new`] has packed it.
    pub fn initial(&self) -> Result<[u64; W], DoesNotFit> {
        let mut packed = [0; W];
        self.codec.pack(&self.objects.initial(), &mut packed)?;
        Ok(packed)
    }

    /// Calls `visit` with every step of a state. It is marked only with what is `asked`; what is known already need not be
    /// asked again.
    pub fn successors(&mut self, packed: &[u64; W], asked: Asked, mut visit: impl FnMut(&Successor<W>)) {
        let Self { objects, codec, packed: known, before, after } = self;
        let differs = codec.unpack_over(known, packed, before);
        objects.copy_touched(differs, before, after);
        *known = *packed;
        let asked = asked.and(objects.watched());
        let already = violated_in(objects, before, asked.violated);
        objects.for_each_enabled(before, |step| {
            // Whoever can give up attacks; and with no step left can do nothing else.
            let cut = step.action == Action::GiveUp && before.attack_steps == Some(0);
            let bound = if cut { Bound::Cut } else { Bound::Whole };
            let (outcome, touched) = objects.take(after, step);
            let transition = Transition { before, step, outcome, after };
            let marks = marks(objects, &transition, touched, asked, already);
            let mut words = *packed;
            let fits = codec.repack(after, touched, &mut words);
            objects.copy_touched(touched, before, after);
            visit(&Successor { step, outcome, marks, bound, after: fits.map(|()| words) });
        });
    }
}
