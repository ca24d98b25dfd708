//! The model as a system of packed states: Demonic × Erased, the objects alone, under every policy and every timing at once.

mod symmetry;

pub(crate) use symmetry::Explored;

use lacuna_model::expand::{Bound, Expander};
use lacuna_model::guarantee::{Asked, GuaranteeId, GuaranteeSet};
use lacuna_model::objects::{Codec, Forest, Objects, Outcome, Phase, Refusal, State};

use crate::engine::{Edge, Fairness, Live, Marks, TransitionSystem, Unrepresentable};

/// After how many bits the marks of violations begin.
const VIOLATED: u32 = 31;

/// The mark of a step that gives a guarantee something to say.
pub(crate) fn triggered(id: GuaranteeId) -> Marks {
    Marks::from(GuaranteeSet::NONE.with(id).bits())
}

/// The mark of a step that violates a guarantee.
pub(crate) fn violated(id: GuaranteeId) -> Marks {
    triggered(id) << VIOLATED
}

/// The mark of a step of an adversary who is stopped by nothing but the bound on its steps.
pub(crate) const CUT: Marks = 1 << 62;
/// The mark of a fork that a full process table refused.
pub(crate) const TABLE_FULL: Marks = 1 << 63;

/// What holds of a state: nobody is in the middle of anything.
pub(crate) const AT_REST: u64 = 1;
/// What holds of every state.
pub(crate) const ALWAYS: u64 = 2;

/// A system under a profile, in states of `W` words, with the marks of some guarantees.
#[derive(Debug)]
pub(crate) struct Kernel<'a, const W: usize> {
    objects: &'a Objects,
    expander: Expander<'a, W>,
    initial: [u64; W],
    fairness: Fairness,
}

/// Room to expand, to unpack and to order processes in; and what is asked of each step.
#[derive(Debug)]
pub(crate) struct Room<'a, const W: usize> {
    asked: Asked,
    expander: Expander<'a, W>,
    state: State,
    forest: Forest,
}

impl<'a, const W: usize> Kernel<'a, W> {
    /// With the marks of the guarantees that `objects` watches, if its states fit; and as fair to every context as this.
    pub(crate) fn new(objects: &'a Objects, fairness: Fairness) -> Option<Self> {
        let expander = Expander::new(objects)?;
        let initial = expander.initial().ok()?;
        Some(Self { objects, expander, initial, fairness })
    }

    fn is_at_rest(&self, state: &State) -> bool {
        state.contexts.iter().all(|context| matches!(context.phase, Phase::Gone | Phase::Sleeping))
    }
}

impl<'a, const W: usize> TransitionSystem for Kernel<'a, W> {
    type State = [u64; W];
    type Scratch = Room<'a, W>;

    fn scratch(&self) -> Room<'a, W> {
        let forest = self.expander.codec().forest();
        Room {
            asked: Asked::of(self.objects.watched()),
            expander: self.expander.clone(),
            state: self.objects.initial(),
            forest,
        }
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
        room.expander.successors(state, room.asked, |step| {
            // An edge is named by its place, so what comes after one that does not fit has no name.
            if fits.is_err() {
                return;
            }
            let full = step.outcome == Outcome::Refused(Refusal::TableFull);
            let marks = Marks::from(step.marks.triggered.bits())
                | (Marks::from(step.marks.violated.bits()) << VIOLATED)
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

    fn want(&self, room: &mut Room<'a, W>, wanted: Marks) {
        let watched = self.objects.watched();
        let asked = |first: u32| watched.iter().filter(|id| (wanted >> first) & triggered(*id) != 0).collect();
        room.asked = Asked { triggered: asked(0), violated: asked(VIOLATED) };
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

    fn fairness(&self, _: u32) -> Fairness {
        self.fairness
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
pub(crate) fn with_kernel<D: WithKernel>(objects: &Objects, fairness: Fairness, does: D) -> Option<D::Out> {
    macro_rules! widths {
        ($($words:literal)*) => {
            match Codec::new(objects).words() {
                $(needed if needed <= $words => Some(does.with(&Kernel::<$words>::new(objects, fairness)?)),)*
                _ => None,
            }
        };
    }
    widths!(1 2 3 4 6 8 16 64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;
    use crate::engine::{End, Limits, explore};
    use lacuna_model::profile::Profile;

    /// `eats` may take more memory than a state can say; `before` and `after` are asked before and after it.
    const GREEDY: &str = r#"Scenario(name: "greedy", about: "It takes too much.", domains: ["d"], processes: { "p": (domain: "d", contexts: {
        "before": (program: [Compute("1ms")]),
        "eats": (program: [Forever([Allocate("1B"), Allocate("8GiB")])]),
        "after": (program: [Compute("1ms")]) }) })"#;

    /// A kernel that says everything of every edge, whatever is wanted.
    struct Thorough<'k, 'a>(&'k Kernel<'a, 4>);

    impl<'a> TransitionSystem for Thorough<'_, 'a> {
        type State = [u64; 4];
        type Scratch = Room<'a, 4>;

        fn scratch(&self) -> Self::Scratch {
            self.0.scratch()
        }

        fn initial(&self) -> Vec<[u64; 4]> {
            self.0.initial()
        }

        fn edges(
            &self,
            room: &mut Self::Scratch,
            state: &[u64; 4],
            visit: impl FnMut(Edge<[u64; 4]>),
        ) -> Result<(), Unrepresentable> {
            self.0.edges(room, state, visit)
        }

        fn may_stop(&self, state: &[u64; 4]) -> bool {
            self.0.may_stop(state)
        }
    }

    #[test]
    fn marks_that_are_known_already_are_saved_and_none_is_lost() {
        let mut violations = 0;
        for name in ["double-fork", "parallel-spawn", "pid-reuse", "signal-kinds", "orphaned-lock"] {
            let entry = lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap();
            let ids: Vec<GuaranteeId> = lacuna_model::guarantee::safety().iter().map(|one| one.id()).collect();
            let objects = Objects::new(&entry.system().unwrap(), &Profile::linux()).unwrap().watching(&ids);
            let kernel = Kernel::<4>::new(&objects, Fairness::Weak).unwrap();
            let thorough = explore(&Thorough(&kernel), &Limits::default()).summary;
            for threads in [1, 2] {
                let limits = Limits { threads: std::num::NonZeroUsize::new(threads).unwrap(), ..Limits::default() };
                let found = explore(&kernel, &limits).summary;
                assert_eq!(found.marks, thorough.marks, "{name}");
                assert_eq!(found.transitions, thorough.transitions, "{name}");
                for mark in 0..64 {
                    assert_eq!(found.first(mark), thorough.first(mark), "{name}: {mark}");
                }
            }
            violations += ((thorough.marks & !(CUT | TABLE_FULL)) >> VIOLATED).count_ones();
            // What is known is not asked again.
            let (mut room, mut marks) = (kernel.scratch(), 0);
            kernel.want(&mut room, !thorough.marks);
            let all = explore(&kernel, &Limits::default());
            for state in all.iter() {
                kernel.edges(&mut room, &state, |edge| marks |= edge.marks & !(CUT | TABLE_FULL)).unwrap();
            }
            assert_eq!(marks, 0, "{name}");
        }
        assert_eq!(violations, 5, "as the scenarios expect");
    }

    #[test]
    fn an_edge_that_does_not_fit_ends_the_story_of_its_state() {
        let scenario = lacuna_scenarios::Source::new("greedy.ron", GREEDY.to_owned()).parse().unwrap();
        let objects = Objects::new(&scenario.system, &Profile::linux()).unwrap();
        let kernel = Kernel::<4>::new(&objects, Fairness::Weak).unwrap();
        let mut room = kernel.scratch();
        let mut actors = |state: &[u64; 4]| {
            let (mut actors, mut last) = (Vec::new(), *state);
            let result = kernel.edges(&mut room, state, |edge| {
                actors.push(kernel.actor(edge.label));
                if kernel.actor(edge.label) == 1 {
                    last = edge.after;
                }
            });
            (result.is_ok(), actors, last)
        };
        // It takes one byte, which every context sees. Then it would take more than fits: of those that come before it
        // something is told, of it and those after it nothing.
        let (fits, all, eaten) = actors(&kernel.initial()[0]);
        assert_eq!((fits, all), (true, vec![0, 1, 2]));
        assert_eq!(actors(&eaten).1, [0]);
        assert!(!actors(&eaten).0);
        let found = explore(&kernel, &Limits::default()).summary;
        assert!(matches!(found.end, End::Unrepresentable(_)), "{:?}", found.end);
    }
}
