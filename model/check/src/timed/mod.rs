//! Timed checking: a policy × Lattice, every choice taken. An edge of the search is an *instant*: all that happens while no time
//! passes, and then the passing of time until something can happen again. So the states that are kept are those in which
//! time has just passed, and depth is a number of instants.
//!
//! **What is left out.** Events that time brings at one instant (replenishments, arrivals, releases, wake-ups, time-outs) change each its
//! own counters and its own context, and none prevents another; nobody is dispatched before all of them have happened. They are
//! taken in one order.
//!
//! **What is not covered.** Where more jobs of a task wait than can without a miss, the search goes no further, and what it has
//! not refuted by then is unknown. So it is where steps follow each other without end while no time passes.

mod clocks;
mod deaths;
mod form;
mod instant;
mod pairs;
mod record;
mod separation;
mod supply;
mod ways;

use std::sync::atomic::{AtomicU64, Ordering};

use lacuna_model::analysis::response_time::attacks;
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{BOUNDED, GuaranteeId, TIMED, ends_within};
use lacuna_model::objects::{Codec, Objects};
use lacuna_model::relation::Relation;
use lacuna_model::sched::{FixedPriority, Sched};
use lacuna_model::system::Process;
use lacuna_model::time::{Lattice, OffTheLattice};
use lacuna_model::units::{Bytes, Nanos};

use self::clocks::{Most, Situation, most_jobs};
use self::deaths::{Deaths, Within};
use self::form::Form;
use self::instant::{OVERRUN, Timed};
use crate::engine::{End, Limits, Marks, Packed, Summary, explore};
use crate::guarantees::Checked;
use crate::kernel::{CUT, TABLE_FULL, triggered, violated};

/// The states of some systems need more words than this.
const MOST_WORDS: usize = 64;

/// What a timed search says.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedReport {
    /// The lattice.
    pub tick: Nanos,
    /// Different states found: each a situation in which time has just passed.
    pub states: u64,
    /// Of the scheduler alone, which the temporal isolation (G19) is decided on.
    pub isolation_states: u64,
    /// Of pairs of runs, which timing noninterference (G11) is decided on.
    pub pairs: u64,
    /// Of pairs of systems, which separation (G22) is decided on.
    pub separated: u64,
    /// Ways through an instant.
    pub transitions: u64,
    /// In instants, the longest of the shortest paths.
    pub depth: u32,
    /// How the search ended.
    pub end: End,
    /// A verdict for each guarantee asked for.
    pub guarantees: Vec<Checked>,
    /// For each task, in the order of [`lacuna_model::system::System::tasks`], the longest response that was seen; none, if no job
    /// ended.
    pub worst: Vec<Option<Nanos>>,
    /// For each guarantee of [`BOUNDED`], the longest that was seen from when a program came to a kill or a lock-down to the end of one whom
    /// that was to end, followed to a tick beyond the largest bound; none, if nobody was ended so, or nothing is asked.
    pub last_death: [Option<Nanos>; BOUNDED.len()],
    /// Bits of a packed state.
    pub bits: usize,
    /// Bytes that states and table took.
    pub bytes: u64,
    /// How long the search took.
    pub elapsed: std::time::Duration,
}

/// Why nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimedError {
    /// No lattice.
    #[error("the scenario has no `tick`")]
    NoTick,
    /// Not on it.
    #[error(transparent)]
    OffTheLattice(#[from] OffTheLattice),
    /// The states are too wide.
    #[error("a timed state needs {0} bits; at most {most} are explored", most = 64 * MOST_WORDS)]
    TooWide(usize),
}

/// Explores a system in time, under the policy that its profile gives it, and gives a verdict on those of `ids` that are
/// [timed](TIMED), and on the [bounds](BOUNDED) of others.
///
/// # Errors
/// See [`TimedError`].
pub fn check_timed(objects: &Objects, ids: &[GuaranteeId], limits: &Limits<'_>) -> Result<TimedReport, TimedError> {
    let of_time: Vec<GuaranteeId> = ids.iter().copied().filter(|id| TIMED.contains(id)).collect();
    // A bound needs no ghost: it has its clocks.
    let objects = &objects.clone().watching(&of_time);
    let system = objects.system();
    let tick = system.tick.ok_or(TimedError::NoTick)?;
    let tasks = system.processes.iter().flat_map(|process| &process.contexts).filter_map(|context| context.task);
    let lattice = Lattice::new(system, tick, tasks.map(most_jobs).max().unwrap_or(0))?;
    Ask { objects, lattice, ids, limits }.under(FixedPriority::of(objects))
}

/// One question.
struct Ask<'a> {
    objects: &'a Objects,
    lattice: Lattice,
    ids: &'a [GuaranteeId],
    limits: &'a Limits<'a>,
}

impl Ask<'_> {
    fn under<S: Sched + Sync>(self, policy: S) -> Result<TimedReport, TimedError>
    where
        S::State: Sync,
    {
        let isolated = self
            .ids
            .contains(&GuaranteeId::G19)
            .then(|| supply::check(self.objects.system(), &policy, self.lattice.tick(), self.limits));
        let relation = Relation::new(self.objects, policy, self.lattice.clone());
        let codec = Codec::new(self.objects);
        let of_pairs =
            self.ids.contains(&GuaranteeId::G11).then(|| pairs::check(&relation, &self.lattice, &codec, self.limits));
        let asks = self.ids.contains(&GuaranteeId::G22);
        let separated = asks.then(|| separation::check(self.objects, &self.lattice, self.limits));
        let alone = Alone { isolated, of_pairs, separated };
        let state = relation.initial();
        let bounds = self.objects.system().scheduling_contexts.iter().filter_map(|scheduling| scheduling.inversion);
        let bound = bounds.max().filter(|_| self.ids.contains(&GuaranteeId::G20));
        let waited = bound.map_or(Vec::new(), |_| vec![Nanos(0); state.objects.contexts.len()]);
        let within = Within::of(self.objects.system(), self.ids, self.lattice.tick());
        let deaths = Deaths::new(self.objects, &state.objects, &within);
        let initial = Situation { state, waited, deaths };
        // One tick more than the largest bound is beyond all of them.
        let waited = Nanos(bound.unwrap_or_default().0.saturating_add(self.lattice.tick().0));
        let most = Most { waited, within };
        let form = Form { relation: &relation, lattice: &self.lattice, codec: &codec, most };
        let (bits, words) = form.size(&initial);
        let worst = self.objects.system().tasks().iter().map(|_| AtomicU64::new(0)).collect();
        let last_death = [const { AtomicU64::new(0) }; BOUNDED.len()];
        macro_rules! widths {
            ($($words:literal)*) => {
                match words {
                    $(needed if needed <= $words => {
                        let lattice = self.lattice.clone();
                        let timed = Timed::<S, $words> { relation, lattice, codec, initial, most, worst, last_death };
                        Ok(self.search(&timed, bits, alone))
                    })*
                    _ => Err(TimedError::TooWide(bits)),
                }
            };
        }
        widths!(2 4 8 16 64)
    }

    fn search<S: Sched + Sync, const W: usize>(&self, timed: &Timed<'_, S, W>, bits: usize, alone: Alone) -> TimedReport
    where
        S::State: Sync,
    {
        let found = explore(timed, self.limits);
        let summary = &found.summary;
        let asked: Vec<GuaranteeId> = TIMED.iter().chain(BOUNDED).copied().filter(|id| self.ids.contains(id)).collect();
        let first = |id: &GuaranteeId| Some((*id, summary.first(violated(*id).trailing_zeros())?));
        let firsts: Vec<_> = asked.iter().filter_map(first).collect();
        let ends: Vec<_> = firsts.iter().map(|(_, first)| (first.level, first.sighting.state)).collect();
        let mut paths = found.paths(timed, &ends);
        for ((_, first), path) in firsts.iter().zip(&mut paths) {
            path.steps.push(first.sighting);
        }
        let (isolation, isolation_states) = alone.isolated.unwrap_or((ModelVerdict::Vacuous, 0));
        let (separation, separated) = alone.separated.unwrap_or((ModelVerdict::Vacuous, 0));
        let (of_pairs, pairs) = alone.of_pairs.unwrap_or((ModelVerdict::Vacuous, 0));
        let of_jobs = |id| id == GuaranteeId::G18 && self.objects.system().processes.iter().any(a_task_attacks);
        let verdict = |id: GuaranteeId| match firsts.iter().position(|(of, _)| *of == id) {
            Some(index) if !of_jobs(id) => {
                let (trace, violation) = timed.story(&paths[index], id);
                ModelVerdict::Refuted { trace, violation, runs: None }
            }
            None if id == GuaranteeId::G19 => isolation.clone(),
            None if id == GuaranteeId::G11 => of_pairs.clone(),
            None if id == GuaranteeId::G22 => separation.clone(),
            _ => self.not_refuted(summary, id),
        };
        TimedReport {
            tick: self.lattice.tick(),
            states: summary.states,
            isolation_states,
            pairs,
            separated,
            transitions: summary.transitions,
            depth: summary.depth,
            end: summary.end,
            guarantees: asked.iter().map(|id| Checked { id: *id, verdict: verdict(*id) }).collect(),
            worst: timed.worst.iter().map(seen).collect(),
            last_death: std::array::from_fn(|place| seen(&timed.last_death[place])),
            bits,
            bytes: summary.bytes,
            elapsed: summary.elapsed,
        }
    }

    /// What is to be said of what was not refuted.
    fn not_refuted<S: Packed>(&self, summary: &Summary<S>, id: GuaranteeId) -> ModelVerdict {
        let system = self.objects.system();
        let speaks = match id {
            GuaranteeId::G20 => system.scheduling_contexts.iter().any(|scheduling| scheduling.inversion.is_some()),
            GuaranteeId::G4 | GuaranteeId::G12 => ends_within(system, id).is_some(),
            _ => !system.tasks().is_empty(),
        };
        if !speaks {
            return ModelVerdict::Vacuous;
        }
        if id == GuaranteeId::G18 && system.processes.iter().any(a_task_attacks) {
            let limit = "a task attacks: the copy that it may make of itself has a job that never arrived".into();
            return ModelVerdict::Unknown { limit };
        }
        if let Some(limit) = ended_early(summary, self.limits) {
            return ModelVerdict::Unknown { limit };
        }
        if summary.marks & OVERRUN != 0 {
            let limit = "a task misses its deadlines, and nothing bounds how many of its jobs then wait".into();
            return ModelVerdict::Unknown { limit };
        }
        if summary.marks & triggered(id) == 0 {
            return ModelVerdict::Vacuous;
        }
        within(self.objects, summary.marks)
    }
}

/// The longest that was seen, which is kept with 1 added: 0 is none.
fn seen(longest: &AtomicU64) -> Option<Nanos> {
    longest.load(Ordering::Relaxed).checked_sub(1).map(Nanos)
}

/// What is decided by searches of their own, with their states.
struct Alone {
    isolated: Option<(ModelVerdict, u64)>,
    of_pairs: Option<(ModelVerdict, u64)>,
    separated: Option<(ModelVerdict, u64)>,
}

/// What can be said of what nothing refutes: within which bounds.
fn within(objects: &Objects, marks: Marks) -> ModelVerdict {
    let depth = if marks & CUT != 0 { objects.attack_depth().map(u32::from) } else { None };
    if marks & TABLE_FULL != 0 {
        return ModelVerdict::ProvedToTable { entries: objects.system().process_table, depth };
    }
    depth.map_or(ModelVerdict::Proved, |depth| ModelVerdict::ProvedToDepth { depth })
}

/// Is there an adversary among the jobs of a process?
fn a_task_attacks(process: &Process) -> bool {
    process.contexts.iter().any(|context| context.task.is_some() && attacks(&context.program))
}

/// Which limit ended a search, if it ended early.
fn ended_early<S: Packed>(summary: &Summary<S>, limits: &Limits<'_>) -> Option<String> {
    let early = match summary.end {
        End::Complete => return None,
        End::MaxStates => format!("there are more than {} timed states", limits.max_states),
        End::MaxMemory => format!("the timed states need more than {} of memory", Bytes(limits.max_memory)),
        End::Interrupted => "interrupted".into(),
        End::Unrepresentable(error) => error.to_string(),
    };
    Some(format!("{early}; {} were found", summary.states))
}
