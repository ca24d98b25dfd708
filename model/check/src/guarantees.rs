//! What a search says of the guarantees, and of stopping; each with its story.

use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{GuaranteeId, Safety, Transition, safety};
use lacuna_model::objects::{Objects, Step};
use lacuna_model::trace::{Observer, Trace};
use lacuna_model::units::Bytes;

use crate::engine::cluster::{self, ClusterConfig, ClusterError};
use crate::engine::{
    CheckpointError, Checkpoints, End, Exploration, Fairness, LeadsTo, Limits, Liveness, Lossy, LossyOutcome, Packed,
    Path, Reduced, Sighting, Summary, Symmetric, TransitionSystem, Verified, explore, explore_lossy,
    explore_with_checkpoints, leads_to,
};
use crate::kernel::{
    ALWAYS, AT_REST, CUT, Explored, Kernel, MOST_WORDS, TABLE_FULL, WithKernel, triggered, violated, with_kernel,
};

/// What a search says of one guarantee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Which.
    pub id: GuaranteeId,
    /// What it says.
    pub verdict: ModelVerdict,
}

/// Does every run come to rest, and again and again where there are periodic tasks, with every context at its end or waiting
/// for its next release? Of the runs that are as fair to every context as was declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ends {
    /// Every one does that is fair.
    Always,
    /// This one does not: the way to a cycle, and once round it; or, without a cycle, to where nobody can go on.
    Not {
        /// The way there.
        stem: Trace,
        /// Round and round.
        cycle: Trace,
    },
    /// The search or the decision was not finished.
    Unknown {
        /// How it ended.
        end: End,
        /// Which limit that was.
        limit: String,
    },
}

/// Was one state explored of all that differ only in which entry of the process table is which?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Symmetry {
    /// It was: states, transitions and deadlocks are counted so. The model was found equivariant before.
    On(Verified),
    /// Every state was explored.
    Off {
        /// Why.
        why: String,
    },
}

/// From whatever state, a run comes to one at rest.
const COMES_TO_REST: LeadsTo = LeadsTo { from: Some(ALWAYS), to: AT_REST };

/// What a search says.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Different states found.
    pub states: u64,
    /// Steps taken.
    pub transitions: u64,
    /// The longest of the shortest paths.
    pub depth: u32,
    /// How the search ended.
    pub end: End,
    /// For a search that may miss states: how many are expected to have been taken for others.
    pub omitted: Option<f64>,
    /// The bound on the adversary's steps, if there is one.
    pub adversary_depth: Option<u32>,
    /// The same, if it cut the search.
    pub cut_at: Option<u32>,
    /// Was a fork refused because the process table was full?
    pub table_full: bool,
    /// States in which nobody can go on, and somebody waits.
    pub deadlocks: u64,
    /// A shortest way to the first of them.
    pub deadlock: Option<Trace>,
    /// Whether every run ends, of those that are so fair, if that was asked.
    pub ends: Option<(Fairness, Ends)>,
    /// Whether symmetry was used, if that was asked.
    pub symmetry: Option<Symmetry>,
    /// A verdict for each guarantee asked for.
    pub guarantees: Vec<Checked>,
    /// Bits of a packed state.
    pub bits: usize,
    /// Bytes that states and table took.
    pub bytes: u64,
    /// How long the search took; stories are not a part of it.
    pub elapsed: std::time::Duration,
}

/// Raised whenever a step of the model, or how a state is packed, changes: so that no checkpoint of another is gone on with.
const SEMANTICS: u32 = 3;

/// What is asked of a search.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// These guarantees; those that no step can violate are not decided here.
    pub guarantees: &'a [GuaranteeId],
    /// Whether every run ends, of those that are so fair to every context. It wants the finished graph in one process.
    pub ends: Option<Fairness>,
    /// Explore one state of all that differ only in which entry of the process table is which, where that is sound: the
    /// answers are the same.
    pub symmetry: bool,
}

/// By what means to search.
#[derive(Debug, Clone, Copy)]
pub enum Means<'a> {
    /// The threads of this process.
    Threads,
    /// They, keeping checkpoints; the fingerprint is filled in.
    Checkpoints(Checkpoints<'a>),
    /// A cluster; the fingerprint is filled in.
    Cluster(&'a ClusterConfig<'a>),
    /// One thread that may miss states: what it does not refute is unknown.
    Lossy(Lossy),
}

impl Report {
    /// Was every state explored that can be reached?
    pub fn is_complete(&self) -> bool {
        self.end == End::Complete && self.omitted.is_none()
    }
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The states are too wide.
    #[error("a state needs {0} bits; at most {most} are explored", most = 64 * MOST_WORDS)]
    TooWide(usize),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Liveness needs the whole graph in one process.
    #[error(
        "whether every run ends is decided on the whole graph in one process, not in a cluster or with states missing"
    )]
    EndsNeedsTheGraph,
    /// Fairness is of contexts, and symmetry does not tell them apart.
    #[error(
        "whether every run ends is decided without symmetry: fairness tells apart the contexts that symmetry does not"
    )]
    EndsTellsContextsApart,
}

/// Explores the model with the threads of this process, and gives a verdict on each of the safety guarantees in `ids`.
///
/// # Errors
/// If the states are too wide.
pub fn check(objects: &Objects, ids: &[GuaranteeId], limits: &Limits<'_>) -> Result<Report, CheckError> {
    check_by(objects, &Question { guarantees: ids, ends: None, symmetry: false }, limits, &Means::Threads)
}

/// The same, by other means, and asked more.
///
/// # Errors
/// See [`CheckError`].
pub fn check_by(
    objects: &Objects,
    question: &Question<'_>,
    limits: &Limits<'_>,
    means: &Means<'_>,
) -> Result<Report, CheckError> {
    let objects = objects.clone().watching(question.guarantees);
    if question.ends.is_some() && matches!(means, Means::Cluster(_) | Means::Lossy(_)) {
        return Err(CheckError::EndsNeedsTheGraph);
    }
    if question.ends.is_some() && question.symmetry {
        return Err(CheckError::EndsTellsContextsApart);
    }
    let bits = lacuna_model::objects::Codec::new(&objects).bits();
    let ask = Ask { objects: &objects, question, limits, means, bits };
    with_kernel(&objects, question.ends.unwrap_or(Fairness::None), ask).ok_or(CheckError::TooWide(bits))?
}

/// One search.
struct Ask<'a> {
    objects: &'a Objects,
    question: &'a Question<'a>,
    limits: &'a Limits<'a>,
    means: &'a Means<'a>,
    bits: usize,
}

/// What was found, and the paths that are told.
struct Told<S> {
    summary: Summary<S>,
    /// To the first edge with each mark, that edge included.
    firsts: Vec<(u32, Path<S>)>,
    deadlock: Option<Path<S>>,
    ends: Option<(Fairness, Ends)>,
    omitted: Option<f64>,
}

impl WithKernel for Ask<'_> {
    type Out = Result<Report, CheckError>;

    fn with<const W: usize>(self, kernel: &Kernel<'_, W>) -> Self::Out {
        let whole = || self.search(kernel, &Explored::Whole(kernel));
        if !self.question.symmetry {
            return Ok(self.report(whole()?, None));
        }
        let why = match kernel.reduced(self.limits) {
            Ok(reduced) => {
                let verified = reduced.verified();
                let orbits = Explored::Orbits(reduced);
                let told = self.search(kernel, &orbits)?;
                match orbits.reduced().and_then(|reduced| told.unfolded(reduced)) {
                    Some(told) => return Ok(self.report(told, Some(Symmetry::On(verified)))),
                    // Tested, and yet it does not hold: then nothing that was found so counts.
                    None => "a path that was found so is none of the model".into(),
                }
            }
            Err(why) => why,
        };
        Ok(self.report(whole()?, Some(Symmetry::Off { why })))
    }
}

impl<S: Packed> Told<S> {
    /// With paths of the system itself; none if there are none.
    fn unfolded<T: Symmetric<State = S>>(self, reduced: &Reduced<'_, T>) -> Option<Self> {
        let unfold = |path: &Path<S>| reduced.unfold(path, None);
        let firsts = self.firsts.iter().map(|(mark, path)| Some((*mark, unfold(path)?))).collect::<Option<_>>()?;
        let deadlock = match &self.deadlock {
            Some(path) => Some(unfold(path)?),
            None => None,
        };
        Some(Self { firsts, deadlock, ..self })
    }
}

impl Ask<'_> {
    fn search<const W: usize>(
        &self,
        kernel: &Kernel<'_, W>,
        system: &Explored<'_, '_, W>,
    ) -> Result<Told<[u64; W]>, CheckError> {
        let reduced = system.reduced().is_some();
        let ends = |found: &Exploration<[u64; W]>| {
            self.question.ends.filter(|_| !reduced).map(|fairness| (fairness, self.ends(kernel, found)))
        };
        Ok(match self.means {
            Means::Threads => self.tell(system, &explore(system, self.limits), ends),
            Means::Checkpoints(checkpoints) => {
                let checkpoints = Checkpoints { fingerprint: self.fingerprint(reduced), ..*checkpoints };
                self.tell(system, &explore_with_checkpoints(system, self.limits, &checkpoints)?, ends)
            }
            Means::Cluster(config) => {
                let fingerprint = self.fingerprint(reduced);
                let checkpoints = config.checkpoints.map(|checkpoints| Checkpoints { fingerprint, ..checkpoints });
                let config = ClusterConfig { fingerprint, checkpoints, ..(*config).clone() };
                let found = cluster::explore(system, self.limits, &config)?;
                let mut firsts = found.firsts;
                for (mark, path) in &mut firsts {
                    path.steps.extend(found.summary.first(*mark).map(|first| first.sighting));
                }
                Told { summary: found.summary, firsts, deadlock: found.deadlock, ends: None, omitted: None }
            }
            Means::Lossy(lossy) => {
                let LossyOutcome { summary, omitted, firsts, deadlock } = explore_lossy(system, self.limits, *lossy);
                Told { summary, firsts, deadlock, ends: None, omitted: Some(omitted) }
            }
        })
    }

    /// The same for equal questions of equal systems, and for hardly any other.
    fn fingerprint(&self, reduced: bool) -> u64 {
        // FNV-1a, of everything that the search depends on.
        let symmetry = if reduced { " symmetry" } else { "" };
        let text = format!(
            "{SEMANTICS} {:?} {:?} {:?} {}{symmetry}",
            self.objects.system(),
            self.objects.profile(),
            self.objects.watched(),
            self.bits
        );
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }

    fn tell<T: TransitionSystem>(
        &self,
        system: &T,
        found: &Exploration<T::State>,
        ends: impl FnOnce(&Exploration<T::State>) -> Option<(Fairness, Ends)>,
    ) -> Told<T::State> {
        let summary = found.summary.clone();
        let told: Vec<_> = self
            .asked()
            .filter_map(|guarantee| {
                let mark = violated(guarantee.id()).trailing_zeros();
                Some((mark, summary.first(mark)?))
            })
            .collect();
        let targets: Vec<_> = told.iter().map(|(_, first)| (first.level, first.sighting.state)).collect();
        let mut paths = found.paths(system, &[targets, summary.deadlock.into_iter().collect()].concat());
        let deadlock = summary.deadlock.and_then(|_| paths.pop());
        let firsts = told.iter().zip(paths).map(|((mark, first), mut path)| {
            path.steps.push(first.sighting);
            (*mark, path)
        });
        Told { firsts: firsts.collect(), deadlock, ends: ends(found), summary, omitted: None }
    }

    fn ends<const W: usize>(&self, kernel: &Kernel<'_, W>, found: &Exploration<[u64; W]>) -> Ends {
        match leads_to(kernel, found, COMES_TO_REST, self.limits) {
            Liveness::Holds | Liveness::Vacuous => Ends::Always,
            Liveness::Refuted(lasso) => {
                let whole: Vec<Sighting<_>> = lasso.stem.iter().chain(&lasso.cycle).copied().collect();
                let mut stem = self.story(&whole);
                let cycle = stem.events.split_off(lasso.stem.len());
                Ends::Not { stem, cycle: Trace { observer: Observer::Checker, events: cycle } }
            }
            Liveness::Unknown(end) => Ends::Unknown { end, limit: self.undecided(end, &found.summary) },
        }
    }

    /// The guarantees asked for, in order.
    fn asked(&self) -> impl Iterator<Item = &'static dyn Safety> {
        safety().iter().copied().filter(|guarantee| self.question.guarantees.contains(&guarantee.id()))
    }

    fn report<S: Packed>(&self, told: Told<S>, symmetry: Option<Symmetry>) -> Report {
        let Told { summary, firsts, deadlock, ends, omitted } = told;
        let table_full = summary.marks & TABLE_FULL != 0;
        // Each adversary takes at least one step: where the bound is 0 there is none.
        let adversary_depth = self.objects.attack_depth().filter(|depth| *depth > 0).map(u32::from);
        let depth = adversary_depth.filter(|_| summary.marks & CUT != 0);
        let entries = self.objects.system().process_table;
        let initial = self.objects.initial();
        let verdict = |guarantee: &dyn Safety| {
            let id = guarantee.id();
            // Marks are of steps, and there may be none.
            if guarantee.violated_in(self.objects, &initial) {
                let wrong = guarantee.violation_in(self.objects, &initial);
                let violation = format!("from the start: {}", wrong.as_deref().unwrap_or("it does not hold there"));
                let trace = Trace { observer: Observer::Checker, events: Vec::new() };
                return ModelVerdict::Refuted { trace, violation, runs: None };
            }
            let first = firsts.iter().find(|(mark, _)| *mark == violated(id).trailing_zeros());
            if let Some((_, path)) = first {
                let (trace, violation) = self.violation(guarantee, &path.steps);
                return ModelVerdict::Refuted { trace, violation, runs: None };
            }
            if let Some(limit) = self.cut_short(&summary, omitted) {
                return ModelVerdict::Unknown { limit };
            }
            if table_full && id == GuaranteeId::G6 {
                return ModelVerdict::Unknown { limit: format!("the process table of {entries} entries was full") };
            }
            match depth {
                _ if summary.marks & triggered(id) == 0 && !guarantee.triggered_in(self.objects, &initial) => {
                    ModelVerdict::Vacuous
                }
                depth if table_full => ModelVerdict::ProvedToTable { entries, depth },
                Some(depth) => ModelVerdict::ProvedToDepth { depth },
                None => ModelVerdict::Proved,
            }
        };
        let guarantees =
            self.asked().map(|guarantee| Checked { id: guarantee.id(), verdict: verdict(guarantee) }).collect();
        Report {
            states: summary.states,
            transitions: summary.transitions,
            depth: summary.depth,
            end: summary.end,
            omitted,
            adversary_depth,
            cut_at: depth,
            table_full,
            deadlocks: summary.deadlocks,
            deadlock: deadlock.map(|path| self.story(&path.steps)),
            ends,
            symmetry,
            guarantees,
            bits: self.bits,
            bytes: summary.bytes,
            elapsed: summary.elapsed,
        }
    }

    /// Why it is not known whether every run ends: the search ended early, or else the decision.
    fn undecided<S: Packed>(&self, end: End, summary: &Summary<S>) -> String {
        let states = summary.states;
        self.cut_short(summary, None).unwrap_or_else(|| match end {
            End::MaxMemory => {
                let allowed = Bytes(self.limits.max_memory);
                format!("the graph of the {states} states needs, beside them, more than {allowed} of memory")
            }
            End::Unrepresentable(error) => error.to_string(),
            _ => format!("interrupted, after all {states} states were found"),
        })
    }

    /// Which limit ended the search, and what was covered.
    fn cut_short<S: Packed>(&self, summary: &Summary<S>, omitted: Option<f64>) -> Option<String> {
        let Summary { states, depth, end, .. } = summary;
        let covered = match omitted {
            None => {
                format!("{states} states were found, and every one less than {depth} steps from the start expanded")
            }
            Some(taken) => format!(
                "{states} states were found; about {taken:.1e} are expected to have been taken for others, and all that only they lead to is missing too"
            ),
        };
        let allowed = Bytes(self.limits.max_memory);
        Some(match *end {
            End::Complete => {
                omitted?;
                covered
            }
            End::MaxStates => format!("there are more than {} states; {covered}", self.limits.max_states),
            End::MaxMemory if matches!(self.means, Means::Cluster(_)) => format!(
                "a worker has no more room for its states: each has an even share of the memory of its process, {allowed} here, and needs some for messages; {covered}"
            ),
            End::MaxMemory => format!("the states need more than {allowed} of memory; {covered}"),
            End::Interrupted => format!("interrupted; {covered}"),
            End::Unrepresentable(error) => format!("{error}; {covered}"),
        })
    }

    /// The path as a story, and what its last step violates.
    fn violation<S>(&self, guarantee: &dyn Safety, path: &[Sighting<S>]) -> (Trace, String) {
        let mut violation = None;
        let trace = self.replay(path, |transition| violation = guarantee.violation(self.objects, transition));
        // The mark of that step says that there is one.
        (trace, violation.unwrap_or_else(|| guarantee.id().statement().into()))
    }

    fn story<S>(&self, path: &[Sighting<S>]) -> Trace {
        self.replay(path, |_| {})
    }

    /// Takes the steps of a path, each by its place among those that are possible.
    fn replay<S>(&self, path: &[Sighting<S>], mut see: impl FnMut(&Transition<'_>)) -> Trace {
        let mut state = self.objects.initial();
        let (mut events, mut steps): (_, Vec<Step>) = (Vec::new(), Vec::new());
        for sighting in path {
            steps.clear();
            self.objects.enabled(&state, &mut steps);
            let Some(step) = steps.get(sighting.ordinal as usize).copied() else { break };
            let (after, outcome) = self.objects.apply(&state, step);
            see(&Transition { before: &state, step, outcome, after: &after });
            events.push(self.objects.event(&state, step, outcome, &after));
            state = after;
        }
        Trace { observer: Observer::Checker, events }
    }
}
