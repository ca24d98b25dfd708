//! The model's symmetry: entries of the process table are interchangeable, where `Objects::asymmetry` knows no reason why not.

use lacuna_model::objects::ProcessSlot;

use super::Kernel;
use crate::engine::{Edge, Limits, Marks, Reduced, Room, Symmetric, TransitionSystem, Unrepresentable, verify};

/// So many permuted states are compared before a system is taken to be equivariant.
const COMPARED: u64 = 20_000;

impl<const W: usize> Symmetric for Kernel<'_, W> {
    fn canonical(&self, room: &mut Self::Scratch, state: &[u64; W]) -> [u64; W] {
        let mut canonical = *state;
        self.expander.codec().make_canonical(&mut canonical, &mut room.forest);
        canonical
    }

    /// Two entries that follow each other change places.
    fn permuted(&self, room: &mut Self::Scratch, state: &[u64; W], choice: u64) -> [u64; W] {
        let one = choice as ProcessSlot;
        let other = one + 1;
        let to = |slot: ProcessSlot| match slot {
            slot if slot == one => other,
            slot if slot == other => one,
            slot => slot,
        };
        self.expander.codec().unpack(state, &mut room.state);
        let mut permuted = [0; W];
        match self.expander.codec().pack(&self.objects.renamed(&room.state, to), &mut permuted) {
            Ok(()) => permuted,
            // No state at all, and so none of the orbit.
            Err(_) => [u64::MAX; W],
        }
    }

    fn permutations(&self) -> u64 {
        u64::from(self.objects.system().process_table).saturating_sub(1)
    }
}

/// What is explored. One type for both: the engine is compiled once for each type and width, and that takes minutes.
pub(crate) enum Explored<'a, 'k, const W: usize> {
    /// The model as it is.
    Whole(&'a Kernel<'k, W>),
    /// Its orbits.
    Orbits(Reduced<'a, Kernel<'k, W>>),
}

impl<'a, 'k, const W: usize> Explored<'a, 'k, W> {
    /// The orbits, if it is those.
    pub(crate) fn reduced(&self) -> Option<&Reduced<'a, Kernel<'k, W>>> {
        match self {
            Self::Whole(_) => None,
            Self::Orbits(reduced) => Some(reduced),
        }
    }
}

impl<'k, const W: usize> TransitionSystem for Explored<'_, 'k, W> {
    type State = [u64; W];
    type Scratch = Room<Kernel<'k, W>>;

    fn scratch(&self) -> Self::Scratch {
        match self {
            Self::Whole(kernel) => Room::new(*kernel),
            Self::Orbits(reduced) => reduced.scratch(),
        }
    }

    fn initial(&self) -> Vec<[u64; W]> {
        match self {
            Self::Whole(kernel) => kernel.initial(),
            Self::Orbits(reduced) => reduced.initial(),
        }
    }

    #[inline]
    fn edges(
        &self,
        room: &mut Self::Scratch,
        state: &[u64; W],
        visit: impl FnMut(Edge<[u64; W]>),
    ) -> Result<(), Unrepresentable> {
        match self {
            Self::Whole(kernel) => kernel.edges(room.of_system(), state, visit),
            Self::Orbits(reduced) => reduced.edges(room, state, visit),
        }
    }

    fn want(&self, room: &mut Self::Scratch, wanted: Marks) {
        match self {
            Self::Whole(kernel) => kernel.want(room.of_system(), wanted),
            Self::Orbits(reduced) => reduced.want(room, wanted),
        }
    }

    fn may_stop(&self, state: &[u64; W]) -> bool {
        match self {
            Self::Whole(kernel) => kernel.may_stop(state),
            Self::Orbits(reduced) => reduced.may_stop(state),
        }
    }
}

impl<const W: usize> Kernel<'_, W> {
    /// The system of orbits, or why there is none.
    pub(crate) fn reduced(&self, limits: &Limits<'_>) -> Result<Reduced<'_, Self>, String> {
        if let Some(why) = self.objects.asymmetry() {
            return Err(why.to_string());
        }
        verify(self, COMPARED / self.permutations().max(1), limits).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::collections::HashSet;

    use lacuna_model::objects::{Objects, Process};
    use lacuna_model::profile::{Kill, Profile, Tracking};
    use lacuna_model::system::{Instruction, System};

    use super::*;
    use crate::engine::{Fairness, Sighting, explore};

    const WORDS: usize = 4;

    fn library(name: &str) -> System {
        lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap().system().unwrap()
    }

    /// With so many steps of the adversary.
    fn ci_job(steps: u8) -> System {
        let mut system = library("ci-job");
        for process in &mut system.processes {
            for instruction in process.contexts.iter_mut().flat_map(|context| &mut context.program) {
                if let Instruction::Adversary { depth } = instruction {
                    *depth = Some(steps);
                }
            }
        }
        system
    }

    fn with_kernel_of(system: &System, profile: &Profile, does: impl FnOnce(&Kernel<'_, WORDS>)) {
        let objects = Objects::new(system, profile).unwrap();
        does(&Kernel::new(&objects, Fairness::Weak).unwrap());
    }

    #[test]
    fn orbits_are_as_many_as_canonical_forms_of_all_states() {
        for profile in Profile::all().filter(|profile| profile.kill == Kill::Atomic) {
            for system in
                [ci_job(2), ci_job(3), library("fork-bomb"), library("double-fork"), library("parallel-spawn")]
            {
                with_kernel_of(&system, &profile, |kernel| {
                    let all = explore(kernel, &Limits::default());
                    let mut room = kernel.scratch();
                    let forms: HashSet<_> = all.iter().map(|state| kernel.canonical(&mut room, &state)).collect();
                    let found = explore(&kernel.reduced(&Limits::default()).unwrap(), &Limits::default());
                    assert_eq!(found.summary.states, forms.len() as u64, "{} {}", system.name, profile.name);
                    assert!(found.summary.states < all.summary.states, "{} {}", system.name, profile.name);
                    assert_eq!(found.summary.marks, all.summary.marks, "{} {}", system.name, profile.name);
                });
            }
        }
    }

    #[test]
    fn what_is_found_in_orbits_is_a_path_of_the_model() {
        with_kernel_of(&library("ci-job"), &Profile::linux(), |kernel| {
            let reduced = kernel.reduced(&Limits::default()).unwrap();
            let found = explore(&reduced, &Limits::default());
            let whole = explore(kernel, &Limits::default());
            let (mut room, mut moved) = (kernel.scratch(), 0);
            for (mark, first) in &found.summary.firsts {
                let path = found.paths(&reduced, &[(first.level, first.sighting.state)]).pop().unwrap();
                let orbits: Vec<Sighting<_>> = path.steps.iter().copied().chain([first.sighting]).collect();
                let path = reduced.unfold(&path, Some(first.sighting)).unwrap();
                assert_eq!(first.level, whole.summary.first(*mark).unwrap().level);
                assert_eq!(path.steps.len(), first.level as usize + 1);
                let (mut at, mut marks) = (kernel.initial, 0);
                for (step, orbit) in path.steps.iter().zip(orbits) {
                    assert_eq!(step.state, at);
                    assert_eq!(kernel.canonical(&mut room, &at), orbit.state);
                    moved += usize::from(at != orbit.state);
                    let mut edges = Vec::new();
                    kernel.edges(&mut room, &at, |edge| edges.push(edge)).unwrap();
                    (at, marks) = (edges[step.ordinal as usize].after, edges[step.ordinal as usize].marks);
                }
                assert_ne!(marks & 1 << mark, 0, "the last step has mark {mark}");
            }
            assert!(moved > 0, "some state on the way is not canonical");
        });
    }

    /// Two launchers that differ in nothing but which was the first to start a worker, and so supervises the group.
    const LAUNCHERS: &str = r#"Scenario(name: "launchers", about: "y", domains: ["d"], job_groups: { "job": () }, process_table: 6,
        processes: {
            "first": (domain: "d", contexts: { "main": (program: [Spawn(process: "launcher"), Spawn(process: "launcher")]) }),
            "launcher": (domain: "d", contexts: { "main": (program: [Spawn(process: "worker"), Compute("1ms")]) }),
            "worker": (domain: "d", group: "job", contexts: { "main": (program: [Exit]) }),
        })"#;

    #[test]
    fn who_supervises_a_group_is_part_of_what_a_process_is() {
        let system = lacuna_scenarios::parse(LAUNCHERS).unwrap();
        let profile = Profile { tracking: Tracking::Subreaper, ..Profile::linux_hardened() };
        with_kernel_of(&system, &profile, |kernel| assert_eq!(kernel.reduced(&Limits::default()).err(), None));
    }

    #[test]
    fn what_is_tested_is_spread_over_more_than_the_first_states() {
        with_kernel_of(&ci_job(3), &Profile::linux(), |kernel| {
            assert!(explore(kernel, &Limits::default()).summary.states > 2 * COMPARED);
            let states = kernel.reduced(&Limits::default()).unwrap().verified().states();
            assert!(states <= COMPARED / 7 && states > COMPARED / 14, "{states}");
            assert_eq!(verify(kernel, 1, &Limits::default()).unwrap().verified().states(), 1);
        });
        // Nothing is killed in the first two hundred states.
        with_kernel_of(&ci_job(3), &Profile { kill: Kill::OneProcess, ..Profile::linux_hardened() }, |kernel| {
            assert!(verify(kernel, 200, &Limits::default()).is_err());
        });
    }

    /// Supervisor and builder both start `helper`; under a subreaper both end as children of the supervisor.
    const TWO_GROUPS: &str = r#"Scenario(name: "x", about: "y", domains: ["d"], job_groups: { "job": () }, process_table: 5,
        processes: {
            "supervisor": (domain: "d", contexts: { "main": (program: [
                Spawn(process: "builder"), Spawn(process: "helper"), Wait(process: "builder"), Wait(process: "helper"), Exit,
            ]) }),
            "builder": (domain: "d", group: "job", contexts: { "main": (program: [Spawn(process: "helper"), Exit]) }),
            "helper": (domain: "d", contexts: { "main": (program: [Exit]) }),
        })"#;

    #[test]
    fn what_follows_the_table_is_not_reduced() {
        let refused = |system: &System, profile: &Profile, why: &str| {
            with_kernel_of(system, profile, |kernel| {
                assert!(kernel.reduced(&Limits::default()).unwrap_err().contains(why), "{profile:?}");
                // The test of equivariance finds it by itself.
                assert!(verify(kernel, 4_000, &Limits::default()).is_err(), "{} {profile:?}", system.name);
            });
        };
        for kill in [Kill::Walk, Kill::OneProcess] {
            let profile = Profile { kill, ..Profile::linux_hardened() };
            refused(&library("fork-bomb"), &profile, "in the order of the process table");
            // Whoever kills nobody may be reduced.
            with_kernel_of(&library("parallel-spawn"), &profile, |kernel| {
                assert!(kernel.reduced(&Limits::default()).is_ok())
            });
        }
        let system = lacuna_scenarios::parse(TWO_GROUPS).unwrap();
        let profile = Profile { tracking: Tracking::Subreaper, ..Profile::linux_hardened() };
        refused(&system, &profile, "zombies of different groups");
        with_kernel_of(&system, &Profile::linux_hardened(), |kernel| {
            assert!(kernel.reduced(&Limits::default()).is_ok())
        });
        with_kernel_of(&library("double-fork"), &profile, |kernel| assert!(kernel.reduced(&Limits::default()).is_ok()));
    }

    /// What a canonical form may forget.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Forgets {
        Parents,
        Supervisors,
        Generations,
    }

    /// The model with a canonical form that sorts entries, each by itself and those above it, and forgets something.
    struct Forgetful<'a> {
        kernel: &'a Kernel<'a, WORDS>,
        forgets: Forgets,
    }

    impl<'a> TransitionSystem for Forgetful<'a> {
        type State = [u64; WORDS];
        type Scratch = super::super::Room<'a, WORDS>;

        fn scratch(&self) -> Self::Scratch {
            self.kernel.scratch()
        }

        fn initial(&self) -> Vec<Self::State> {
            self.kernel.initial()
        }

        fn edges(
            &self,
            room: &mut Self::Scratch,
            state: &Self::State,
            visit: impl FnMut(Edge<Self::State>),
        ) -> Result<(), Unrepresentable> {
            self.kernel.edges(room, state, visit)
        }

        fn may_stop(&self, state: &Self::State) -> bool {
            self.kernel.may_stop(state)
        }
    }

    impl Symmetric for Forgetful<'_> {
        fn canonical(&self, room: &mut Self::Scratch, state: &Self::State) -> Self::State {
            let (objects, codec) = (self.kernel.objects, self.kernel.expander.codec());
            codec.unpack(state, &mut room.state);
            let given = &room.state;
            // What a process is, but for its parent; and, unless generations are forgotten, what its parent is, and so on.
            let own = |slot: usize| {
                let contexts = &given.contexts[objects.contexts_of(slot as ProcessSlot)];
                format!("{:?} {contexts:?}", Process { parent: None, ..given.processes[slot] })
            };
            let line = |slot: usize| {
                let mut line = own(slot);
                let mut at = given.processes[slot].parent;
                // Not for ever, should it be below itself.
                for _ in 0..given.processes.len() {
                    let Some(parent) = at.filter(|_| self.forgets != Forgets::Generations) else { break };
                    line += &own(usize::from(parent));
                    at = given.processes[usize::from(parent)].parent;
                }
                line
            };
            let mut order: Vec<usize> = (0..given.processes.len()).collect();
            order.sort_by_key(|slot| line(*slot));
            let to =
                |slot: ProcessSlot| order.iter().position(|entry| *entry == usize::from(slot)).unwrap() as ProcessSlot;
            let mut sorted = objects.renamed(given, to);
            for (slot, entry) in order.iter().enumerate() {
                if self.forgets == Forgets::Parents {
                    sorted.processes[slot].parent = given.processes[*entry].parent;
                }
            }
            if self.forgets == Forgets::Supervisors {
                sorted.supervisors.clone_from(&given.supervisors);
            }
            let mut words = [0; WORDS];
            match codec.pack(&sorted, &mut words) {
                Ok(()) => words,
                Err(_) => *state,
            }
        }

        fn permuted(&self, room: &mut Self::Scratch, state: &Self::State, choice: u64) -> Self::State {
            self.kernel.permuted(room, state, choice)
        }

        fn permutations(&self) -> u64 {
            self.kernel.permutations()
        }
    }

    #[test]
    fn a_canonical_form_that_forgets_something_is_caught() {
        for forgets in [Forgets::Parents, Forgets::Supervisors, Forgets::Generations] {
            with_kernel_of(&ci_job(2), &Profile::linux(), |kernel| {
                assert!(verify(&Forgetful { kernel, forgets }, 2_000, &Limits::default()).is_err(), "{forgets:?}");
            });
        }
    }
}
