//! The probes: attacks on each guarantee, carried out by the actor inside and judged outside.
//!
//! A probe is run twice, under the plan in question and under [`SetUp::Bare`], where nothing is applied: the control.
//! The outcome follows from the two, in [`verdict`](self) order:
//!
//! 1. what is missing on this host, for the attack or for the judge, or denied by it anyway: `not-testable-here`,
//!    `surface-absent`;
//! 2. the control did not succeed: `inconclusive`, whatever the plan did;
//! 3. nothing got through: `enforced`; some of it: `partial`; all of it: `accepted-not-enforced` if a primitive that
//!    should decide was applied, else `not-enforced`.
//!
//! Which primitive it was is read off the kernel's answers as far as they tell, see [`Decided`].
//!
//! Nothing on the machine is touched but canaries that the run itself makes: files in directories of its own, named
//! objects of the kernel, terminals, listeners on loopback, processes of its own. What is started is bounded in number,
//! memory and time. A call that would change the machine is made with arguments with which it can change nothing: then the
//! kernel's check of who may make it is what answers.
//!
//! The plan is made anew for each probe from its own policy, with two additions: what any program needs to start
//! ([`Policy::system`](crate::Policy::system)), and an empty directory in which the attacker may write.

use std::collections::BTreeMap;

use lacuna_model::evidence::HostOutcome;
use lacuna_model::guarantee::GuaranteeId;
use serde::Serialize;

use crate::actor::{Attack, Claims};
use crate::{Facts, Plan, PrimitiveId, SetUp, Support};

mod decided;
mod g1;
mod g2;
mod g3;
mod g4;
mod g5;
mod g6;
mod g6_counts;
mod g6_kernel;
mod g7_files;
mod g7_ipc;
mod g7_kernel;
mod g7_machine;
mod g7_mounts;
mod g7_names;
mod g7_network;
mod g7_objects;
mod g7_process;
mod g7_signals;
mod g7_sockets;
mod g7_terminal;
mod g8;
mod g9;
mod inside;
mod named;
mod stage;
mod tally;
mod trees;
mod victim;

pub use decided::{Decided, Deciders};
use stage::Setting;
pub(crate) use stage::Trouble;
use tally::{Surface, Tally};

/// An attack on one guarantee.
pub struct Probe {
    /// `G7.net.tcp`.
    pub id: &'static str,
    /// Which guarantee.
    pub guarantee: GuaranteeId,
    /// What is attacked, in a sentence.
    pub about: &'static str,
    /// The primitives that may decide it, and what each answers.
    pub deciders: Deciders,
    /// What closes it.
    pub fix: &'static str,
    /// Sets the scene, has it attacked, and judges.
    trial: fn(&Setting<'_>) -> Result<Tally, Trouble>,
    /// Runs in the actor.
    pub(crate) attack: fn(&Attack, &mut Claims),
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A probe of G7, where most attack.
const fn confinement(
    id: &'static str,
    about: &'static str,
    deciders: Deciders,
    fix: &'static str,
    trial: fn(&Setting<'_>) -> Result<Tally, Trouble>,
    attack: fn(&Attack, &mut Claims),
) -> Probe {
    Probe { id, guarantee: GuaranteeId::G7, about, deciders, fix, trial, attack }
}

/// What was measured of one probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The probe's.
    pub id: &'static str,
    /// Which guarantee.
    pub guarantee: GuaranteeId,
    /// The primitive that decided, or, of what got through, that should have; `None` where nothing was decided or
    /// nothing was applied that could.
    pub decided: Option<Decided>,
    /// The outcome.
    pub outcome: HostOutcome,
    /// What the control came to.
    pub control: String,
    /// What was seen under the plan, or why nothing could be.
    pub evidence: String,
    /// One line that does it again.
    pub again: String,
    /// What closes it; only where something got out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<&'static str>,
    /// Counts, and times in nanoseconds, by name.
    pub numbers: BTreeMap<String, u64>,
}

/// Every probe, in the order of the guarantees.
pub fn all() -> Vec<&'static Probe> {
    [
        g1::PROBES,
        g2::PROBES,
        g3::PROBES,
        g4::PROBES,
        g5::PROBES,
        g6::PROBES,
        g6_kernel::PROBES,
        g6_counts::PROBES,
        g7_files::PROBES,
        g7_names::PROBES,
        g7_network::PROBES,
        g7_sockets::PROBES,
        g7_ipc::PROBES,
        g7_objects::PROBES,
        g7_signals::PROBES,
        g7_process::PROBES,
        g7_terminal::PROBES,
        g7_kernel::PROBES,
        g7_machine::PROBES,
        g7_mounts::PROBES,
        g8::PROBES,
        g9::PROBES,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The probe of this name.
pub fn find(id: &str) -> Option<&'static Probe> {
    all().into_iter().find(|probe| probe.id.eq_ignore_ascii_case(id))
}

/// Probes at a time.
const THREADS: usize = 4;

/// Runs all probes under a plan, several at a time. Rows come in the order of [`all`].
pub fn run_all(plan: &Plan, repetitions: u64) -> Vec<Row> {
    run_some(plan, &all(), repetitions)
}

/// Runs these probes under a plan, several at a time, and gives their rows in the same order.
pub fn run_some(plan: &Plan, probes: &[&'static Probe], repetitions: u64) -> Vec<Row> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, PoisonError};
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        // They mostly wait, for a process or a time to pass.
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((place, probe)) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    probes.get(place).map(|probe| (place, *probe))
                } {
                    let row = run(plan, probe, repetitions);
                    rows.lock().unwrap_or_else(PoisonError::into_inner).insert(place, row);
                }
            });
        }
    });
    rows.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

/// Runs one probe under a plan, with its control, so many rounds of each.
///
/// Probes that must start a job for each round take fewer, and say how many in `numbers`.
pub fn run(plan: &Plan, probe: &'static Probe, repetitions: u64) -> Row {
    run_as_if(plan, plan, probe, repetitions)
}

/// As [`run`], with the attack made under `applied` and judged as if that were `plan`: how a test forges mechanisms that
/// are reported as applied and do nothing.
#[doc(hidden)]
pub fn run_as_if(plan: &Plan, applied: &Plan, probe: &'static Probe, repetitions: u64) -> Row {
    let control = try_under(plan, probe, Side::Control, repetitions);
    // Without a control that succeeds, nothing that the plan does means anything.
    let measured = match &control {
        Ok(tally) if tally.through > 0 => {
            let measured = try_under(applied, probe, Side::Planned, repetitions);
            Some(measured.map(|tally| Tally { surface: Surface::Present, ..tally }))
        }
        _ => None,
    };
    row(plan, probe, control, measured)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Nothing is applied.
    Control,
    /// The plan in question is.
    Planned,
}

fn try_under(plan: &Plan, probe: &'static Probe, side: Side, rounds: u64) -> Result<Tally, Trouble> {
    let place = stage::Place::make(plan.policy())?;
    let policy = place.grant(plan.policy());
    let plan = match side {
        Side::Control => {
            SetUp::Bare.plan(&policy, &seen_facts(plan, probe)).map_err(|e| Trouble::Launch(e.to_string()))?
        }
        Side::Planned if plan.has(PrimitiveId::PidNamespace) => stage::replan(plan, &policy, plan.facts())?,
        Side::Planned => stage::replan(plan, &policy, &seen_facts(plan, probe))?,
    };
    (probe.trial)(&Setting { plan: &plan, place: &place, rounds, probe: probe.id })
}

/// The host, as it is to be used where a pid namespace is no step. Where no cgroup may be made, the judge of a launch
/// keeps its account by such a namespace all the same. That would hide other processes from the very attacks that look
/// for them, and the user's keys, and be taken for the plan's merit; so all do without but those that are about trees of
/// processes.
fn seen_facts(plan: &Plan, probe: &Probe) -> Facts {
    let mut facts = plan.facts().clone();
    let of_trees = matches!(probe.guarantee, GuaranteeId::G3 | GuaranteeId::G4 | GuaranteeId::G6);
    if !of_trees {
        facts.namespaces.pid = Support::Fails("left out, so that the attack sees other processes".into());
    }
    facts
}

fn row(plan: &Plan, probe: &Probe, control: Result<Tally, Trouble>, measured: Option<Result<Tally, Trouble>>) -> Row {
    let decided = match &measured {
        Some(Ok(tally)) if tally.n > 0 => decided::decided(probe.deciders, plan, tally),
        _ => None,
    };
    let mut numbers = BTreeMap::new();
    if let Ok(tally) = &control {
        numbers.insert("control_n".to_string(), tally.n);
        numbers.insert("control_through".to_string(), tally.through);
        numbers.extend(tally.numbers.iter().map(|(name, value)| (format!("control_{name}"), *value)));
    }
    if let Some(Ok(tally)) = &measured {
        numbers.insert("n".to_string(), tally.n);
        numbers.insert("through".to_string(), tally.through);
        numbers.extend(tally.numbers.clone());
    }
    let (outcome, control, evidence) = verdict(decided, &control, measured.as_ref());
    Row {
        id: probe.id,
        guarantee: probe.guarantee,
        decided,
        outcome,
        control,
        evidence,
        again: format!("lacuna probe {}", probe.id),
        fix: outcome.got_out().then_some(probe.fix),
        numbers,
    }
}

/// Outcome, control, evidence: the rules at the top of this file.
fn verdict(
    decided: Option<Decided>,
    control: &Result<Tally, Trouble>,
    measured: Option<&Result<Tally, Trouble>>,
) -> (HostOutcome, String, String) {
    use HostOutcome::*;
    let control = match control {
        Err(trouble) => return (trouble.outcome(), "not run".into(), trouble.to_string()),
        Ok(tally) if tally.through == 0 && tally.no_such_facility() => {
            return (SurfaceAbsent, tally.to_string(), "what it attacks is not here".into());
        }
        Ok(tally) if tally.through == 0 && tally.denied() => {
            let why = "this host denies it to this user even where nothing is applied; another user may test it";
            return (NotTestableHere, tally.to_string(), why.into());
        }
        Ok(tally) if tally.through == 0 => {
            return (Inconclusive, tally.to_string(), "the attack fails even where nothing is applied".into());
        }
        Ok(tally) => tally.to_string(),
    };
    match measured {
        None => (Inconclusive, control, "not run under the plan".into()),
        Some(Err(trouble)) => (trouble.outcome(), control, trouble.to_string()),
        Some(Ok(tally)) => {
            let outcome = match (tally.through, decided) {
                _ if tally.n == 0 => Inconclusive,
                (0, _) => Enforced,
                (through, _) if through < tally.n => Partial,
                (_, Some(_)) => AcceptedNotEnforced,
                (_, None) => NotEnforced,
            };
            (outcome, control, tally.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(through: u64, n: u64) -> Tally {
        Tally { n, through, ..Tally::default() }
    }

    fn outcome(decided: Option<Decided>, control: Tally, measured: Tally) -> HostOutcome {
        verdict(decided, &Ok(control), Some(&Ok(measured))).0
    }

    #[test]
    fn the_rules() {
        use HostOutcome::*;
        let some = Some(Decided::Expected(PrimitiveId::LandlockFiles));
        assert_eq!(outcome(some, tally(5, 5), tally(0, 5)), Enforced);
        assert_eq!(outcome(None, tally(5, 5), tally(0, 5)), Enforced);
        assert_eq!(outcome(some, tally(5, 5), tally(2, 5)), Partial);
        assert_eq!(outcome(some, tally(5, 5), tally(5, 5)), AcceptedNotEnforced);
        assert_eq!(outcome(None, tally(5, 5), tally(5, 5)), NotEnforced);
        assert_eq!(outcome(some, tally(5, 5), tally(0, 0)), Inconclusive);
    }

    #[test]
    fn a_control_that_fails_makes_nothing_enforced() {
        assert_eq!(outcome(None, tally(0, 5), tally(0, 5)), HostOutcome::Inconclusive);
        let mut absent = tally(0, 1);
        absent.refused("socket", Some(libc::EPROTONOSUPPORT));
        assert_eq!(outcome(None, absent, tally(0, 5)), HostOutcome::SurfaceAbsent);
        let mut denied = tally(0, 1);
        denied.refused("bpf", Some(libc::EPERM));
        assert_eq!(outcome(None, denied.clone(), tally(0, 5)), HostOutcome::NotTestableHere);
        denied.refused("bpf", Some(libc::EIO));
        assert_eq!(outcome(None, denied, tally(0, 5)), HostOutcome::Inconclusive);
    }

    #[test]
    fn identifiers_are_unique_and_say_their_guarantee() {
        let mut ids: Vec<_> = all().iter().map(|probe| probe.id).collect();
        assert!(all().iter().all(|p| p.id.starts_with(&format!("{}.", p.guarantee.name()))));
        let n = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), n);
    }
}
