//! `lacuna check`: every interleaving, under one profile or several.

use std::io;
use std::sync::atomic::AtomicBool;

use lacuna_check::engine::CheckpointError;
use lacuna_check::engine::cluster::ClusterError;
use lacuna_check::{
    CheckError, Checked, End, Ends, Fairness, FlowReport, Limits, Question, Report, Symmetry, TimedReport, check_by,
    check_flows, check_timed,
};
use lacuna_model::analysis::response_time::task_name;
use lacuna_model::evidence::{Assumption, ModelVerdict};
use lacuna_model::guarantee::{BOUNDED, GuaranteeId, OF_PAIRS, TIMED, ends_within, g23_kernel_time, safety};
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::system::{Expectation, System};
use lacuna_model::trace::Trace;
use lacuna_model::units::Nanos;
use serde_json::{Value, json};

use super::matrix;
use super::runs::side_by_side;
use super::search::SearchOptions;
use crate::cases::{self, Case, Notation};
use crate::cli::{self, Form};
use crate::exit::{Exit, Failure};
use crate::load::load;
use crate::print::{document, line};

/// What `check` was asked.
#[derive(Debug)]
pub struct Request<'a> {
    /// The scenario.
    pub scenario: &'a str,
    /// Profiles by name; the usual three without.
    pub kernels: &'a [String],
    /// All that have names instead, as a table.
    pub all_profiles: bool,
    /// Guarantees; all without.
    pub guarantees: &'a [GuaranteeId],
    /// Whether a deadlock is wrong.
    pub deadlock: bool,
    /// Whether a run that never comes to rest is, if it is so fair.
    pub ends: Option<cli::Fairness>,
    /// The adversary's steps, if not as many as the scenario says.
    pub adversary_depth: Option<u8>,
    /// How to search.
    pub search: &'a SearchOptions,
    /// Set by the interrupt.
    pub interrupt: &'a AtomicBool,
}

/// A report and what the scenario expects of it.
#[derive(Debug)]
pub struct Judged {
    /// Under which profile.
    pub profile: Profile,
    /// What was found.
    pub report: Report,
    /// What was found in time, where the scenario has a tick.
    pub timed: Option<TimedReport>,
    /// What was found on pairs of runs, where that was asked.
    pub flows: Option<FlowReport>,
    /// What all that takes for granted, if that was asked for.
    pub assumed: Option<Checked>,
    /// How that compares.
    pub exit: Exit,
}

impl Judged {
    /// What was found of each guarantee, untimed and in time.
    pub fn checked(&self) -> impl Iterator<Item = &Checked> {
        let flows = self.flows.iter().flat_map(|flows| &flows.guarantees);
        let timed = self.timed.iter().flat_map(|timed| &timed.guarantees);
        self.report.guarantees.iter().chain(flows).chain(timed).chain(&self.assumed)
    }

    /// Each guarantee as a case.
    pub fn cases(&self, system: &System) -> impl Iterator<Item = Case> {
        self.checked().map(|checked| {
            let exit = compare_one(system, &self.profile, checked);
            Case::of_model(&system.name, &self.profile.name, checked.id, &checked.verdict, exit)
        })
    }

    /// What was found of one.
    pub fn verdict(&self, id: GuaranteeId) -> Option<&ModelVerdict> {
        self.checked().find(|checked| checked.id == id).map(|checked| &checked.verdict)
    }
}

/// Runs it.
///
/// # Errors
/// If the scenario or a profile is not there or wrong.
pub fn run(request: &Request<'_>, form: Form) -> Result<Exit, Failure> {
    let system = &system(request)?;
    let Asked { of_steps: ids, of_pairs, in_time: timed_ids } = asked(system, request.guarantees)?;
    let profiles = if request.all_profiles { Profile::all().collect() } else { profiles(request.kernels)? };
    if let Some(why) = request.search.wants_one_profile().filter(|_| profiles.len() != 1) {
        return Err(Failure::input(why));
    }
    let cluster = request.search.cluster()?;
    let question = Question { guarantees: &ids, ends: request.ends.map(fairness), symmetry: request.search.symmetry };
    let mut judged = Vec::new();
    for profile in profiles {
        let objects = Objects::new(system, &profile).map_err(Failure::input)?;
        let means = request.search.means(cluster.as_ref());
        let report =
            check_by(&objects, &question, &request.search.limits(request.interrupt), &means).map_err(failure)?;
        let flows =
            (!of_pairs.is_empty()).then(|| check_flows(&objects, &of_pairs, &request.search.limits(request.interrupt)));
        let timed = if timed_ids.is_empty() {
            None
        } else {
            let limits = request.search.limits(request.interrupt);
            Some(check_timed(&objects, &timed_ids, &limits).map_err(Failure::input)?)
        };
        let asked = request.guarantees.is_empty() || request.guarantees.contains(&GuaranteeId::G23);
        let assumed = asked.then(|| Checked { id: GuaranteeId::G23, verdict: g23_kernel_time::verdict(system) });
        judged.push(Judged { assumed, ..judged_of(system, profile, (report, flows, timed), request.deadlock) });
    }
    // The other processes of a cluster have found the same; one tells.
    if request.search.process.is_some_and(|process| process != 0) {
        return Ok(judged.iter().fold(Exit::AsExpected, |exit, judged| exit.and(judged.exit)));
    }
    let cases = |notation| {
        let cases: Vec<Case> = judged.iter().flat_map(|judged| judged.cases(system)).collect();
        cases::print(notation, request.scenario, &cases)
    };
    match form {
        Form::Junit => cases(Notation::Junit)?,
        Form::Sarif => cases(Notation::Sarif)?,
        Form::Json => {
            let mut documents: Vec<Value> = judged.iter().map(|judged| json_of(system, judged)).collect();
            document(if documents.len() == 1 { documents.remove(0) } else { Value::Array(documents) });
        }
        Form::Text => {
            line(format_args!("{}   {}", system.name, system.about));
            if let Some(depth) = request.adversary_depth {
                line(format_args!("the adversary takes at most {depth} steps, as asked, whatever the scenario says"));
            }
            if request.all_profiles {
                matrix::print(system, &judged);
            } else {
                judged.iter().for_each(|judged| print(system, judged, request.deadlock));
            }
        }
    }
    Ok(judged.iter().fold(Exit::AsExpected, |exit, judged| exit.and(judged.exit)))
}

fn fairness(asked: cli::Fairness) -> Fairness {
    match asked {
        cli::Fairness::None => Fairness::None,
        cli::Fairness::Weak => Fairness::Weak,
        cli::Fairness::Strong => Fairness::Strong,
    }
}

/// The scenario, with the adversary's depth that was asked for.
fn system(request: &Request<'_>) -> Result<System, Failure> {
    let mut system = load(request.scenario)?.scenario.system;
    if let Some(depth) = request.adversary_depth
        && system.set_adversary_depth(depth) == 0
    {
        return Err(Failure::input(format!(
            "`{}` has no adversary whose depth could be {depth}; `Adversary` in a program makes one, as in `ci-job`",
            system.name
        )));
    }
    Ok(system)
}

/// Serves stateright's Explorer page for the first profile, until the program is ended.
///
/// # Errors
/// If the scenario or the profile is wrong, or the page is not built in.
pub fn serve(request: &Request<'_>, address: &str) -> Result<Exit, Failure> {
    let system = system(request)?;
    let ids = asked(&system, request.guarantees)?.of_steps;
    let first = profiles(request.kernels)?.into_iter().next().unwrap_or_else(Profile::ideal);
    let objects = Objects::new(&system, &first).map_err(Failure::input)?;
    explorer(objects, &ids, address)
}

#[cfg(feature = "explore")]
fn explorer(objects: Objects, ids: &[GuaranteeId], address: &str) -> Result<Exit, Failure> {
    use stateright::Model;
    let address: std::net::SocketAddr = address
        .parse()
        .map_err(|error| Failure::input(format!("`{address}` is no address, such as 127.0.0.1:3000: {error}")))?;
    lacuna_check::SecondOpinion::new(objects, ids).checker().serve(address);
    Ok(Exit::AsExpected)
}

#[cfg(not(feature = "explore"))]
fn explorer(_: Objects, _: &[GuaranteeId], _: &str) -> Result<Exit, Failure> {
    Err(Failure::input("the Explorer page is not built in; build with `--features explore`"))
}

/// What is to be decided, and by what.
struct Asked {
    of_steps: Vec<GuaranteeId>,
    of_pairs: Vec<GuaranteeId>,
    /// Only where the scenario has a tick.
    in_time: Vec<GuaranteeId>,
}

fn asked(system: &System, ids: &[GuaranteeId]) -> Result<Asked, Failure> {
    let wanted = |id: &GuaranteeId| ids.is_empty() || ids.contains(id);
    let of_steps = safety().iter().map(|guarantee| guarantee.id()).filter(wanted).collect();
    let of_pairs = OF_PAIRS.iter().copied().filter(wanted).collect();
    let timed: Vec<GuaranteeId> = TIMED.iter().copied().filter(wanted).collect();
    match (system.tick, ids.iter().find(|id| timed.contains(id))) {
        (None, Some(other)) => Err(Failure::input(format!(
            "{other} ({}) is decided in time, and the scenario has no `tick`; give it one, or try `lacuna analyse` or `lacuna simulate`",
            other.short()
        ))),
        (None, None) => Ok(Asked { of_steps, of_pairs, in_time: Vec::new() }),
        (Some(_), _) => {
            let in_time = timed.into_iter().chain(bounded(system).filter(wanted)).collect();
            Ok(Asked { of_steps, of_pairs, in_time })
        }
    }
}

/// The guarantees of steps of which the system bounds something in time.
fn bounded(system: &System) -> impl Iterator<Item = GuaranteeId> {
    BOUNDED.iter().copied().filter(|id| system.tick.is_some() && ends_within(system, *id).is_some())
}

fn profiles(names: &[String]) -> Result<Vec<Profile>, Failure> {
    if names.is_empty() {
        return Ok(vec![Profile::ideal(), Profile::linux(), Profile::linux_hardened()]);
    }
    names.iter().map(|name| profile(name)).collect()
}

/// The profile of that name.
///
/// # Errors
/// If there is none.
pub fn profile(name: &str) -> Result<Profile, Failure> {
    Profile::named(name).ok_or_else(|| {
        let known: Vec<String> = Profile::NAMED.iter().map(|named| format!("`{}`", named.name)).collect();
        Failure::input(format!("there is no profile `{name}`; there are {}", known.join(", ")))
    })
}

/// Checks one system under one profile, and compares with what is expected there.
///
/// # Errors
/// If the system has no semantics.
pub fn judge(system: &System, profile: Profile, ids: &[GuaranteeId], limits: &Limits<'_>) -> Result<Judged, Failure> {
    let of_steps: Vec<_> = ids.iter().copied().filter(|id| safety().iter().any(|one| one.id() == *id)).collect();
    let of_pairs: Vec<_> = ids.iter().copied().filter(|id| OF_PAIRS.contains(id)).collect();
    let bounded = bounded(system).filter(|id| ids.contains(id));
    let in_time: Vec<_> = ids.iter().copied().filter(|id| TIMED.contains(id)).chain(bounded).collect();
    let objects = Objects::new(system, &profile).map_err(Failure::input)?;
    let report = lacuna_check::check(&objects, &of_steps, limits).map_err(failure)?;
    let flows = (!of_pairs.is_empty()).then(|| check_flows(&objects, &of_pairs, limits));
    let timed =
        if in_time.is_empty() { None } else { Some(check_timed(&objects, &in_time, limits).map_err(Failure::input)?) };
    Ok(judged_of(system, profile, (report, flows, timed), false))
}

/// Everything that the model can be asked of a system: nothing in time without a tick, and nothing of flows that are not declared.
pub fn askable(system: &System) -> Vec<GuaranteeId> {
    let flows = OF_PAIRS.iter().filter(|_| system.flows.is_some());
    let in_time = TIMED.iter().filter(|_| system.tick.is_some());
    let mut ids: Vec<_> = safety().iter().map(|one| one.id()).chain(flows.chain(in_time).copied()).collect();
    ids.sort_unstable();
    ids
}

fn judged_of(
    system: &System,
    profile: Profile,
    (mut report, flows, mut timed): (Report, Option<FlowReport>, Option<TimedReport>),
    deadlock_is_wrong: bool,
) -> Judged {
    // What is asked of steps and of time is one row.
    if let Some(timed) = &mut timed {
        for checked in &mut report.guarantees {
            if let Some(place) = timed.guarantees.iter().position(|bound| bound.id == checked.id) {
                let bound = timed.guarantees.remove(place).verdict;
                let of_steps = std::mem::replace(&mut checked.verdict, ModelVerdict::Vacuous);
                checked.verdict = of_steps.and_in_time(bound);
            }
        }
    }
    let mut exit = compare(system, &profile, report.end, &report.guarantees);
    if let Some(flows) = &flows {
        exit = exit.and(compare(system, &profile, flows.end, &flows.guarantees));
    }
    if let Some(timed) = &timed {
        exit = exit.and(compare(system, &profile, timed.end, &timed.guarantees));
    }
    if deadlock_is_wrong && report.deadlocks > 0 {
        exit = exit.and(Exit::NotAsExpected);
    } else if deadlock_is_wrong && !report.is_complete() {
        exit = exit.and(Exit::Unknown);
    }
    exit = exit.and(match report.ends.as_ref().map(|(_, ends)| ends) {
        Some(Ends::Not { .. }) => Exit::NotAsExpected,
        Some(Ends::Unknown { end: End::Interrupted, .. }) => Exit::Interrupted,
        Some(Ends::Unknown { .. }) => Exit::Unknown,
        Some(Ends::Always) | None => Exit::AsExpected,
    });
    Judged { profile, report, flows, timed, assumed: None, exit }
}

/// What the fingerprint of a search is of.
const SEARCHED: &str = "another scenario, kernel, guarantee, depth of the adversary or symmetry was searched";

/// What was asked for was wrong, or the host could not.
fn failure(error: CheckError) -> Failure {
    match error {
        CheckError::Cluster(ClusterError::Unlike { what: "fingerprint", .. })
        | CheckError::Cluster(ClusterError::Checkpoint(CheckpointError::Foreign { what: "the fingerprint", .. }))
        | CheckError::Checkpoint(CheckpointError::Foreign { what: "the fingerprint", .. }) => {
            Failure::input(format!("{error}: {SEARCHED}"))
        }
        CheckError::Cluster(ClusterError::Interrupted) => Failure::interrupted(),
        CheckError::Cluster(ClusterError::Settings(_) | ClusterError::Unlike { .. }) => Failure::input(error),
        CheckError::Checkpoint(ref inner) | CheckError::Cluster(ClusterError::Checkpoint(ref inner)) => match inner {
            CheckpointError::Io { source, .. } if !is_no_such_place(source) => Failure::host(error),
            _ => Failure::input(error),
        },
        CheckError::Cluster(_) => Failure::host(error),
        _ => Failure::input(error),
    }
}

/// Is what was named not there, or not what it was taken for? No second try helps then.
fn is_no_such_place(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::NotFound | Kind::NotADirectory | Kind::IsADirectory | Kind::AlreadyExists)
        || matches!(error.kind(), Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::InvalidInput)
}

/// Is every verdict as the scenario expects it? What is vacuous holds.
fn compare(system: &System, profile: &Profile, end: End, guarantees: &[Checked]) -> Exit {
    if end == End::Interrupted {
        return Exit::Interrupted;
    }
    guarantees.iter().fold(Exit::AsExpected, |exit, checked| exit.and(compare_one(system, profile, checked)))
}

fn compare_one(system: &System, profile: &Profile, checked: &Checked) -> Exit {
    let expected = system.expect.iter().find(|(name, _)| *name == profile.name).map(|(_, expected)| expected);
    let may_fail = matches!(expected, Some(Expectation::Fails(ids)) if ids.contains(&checked.id));
    match (&checked.verdict, may_fail) {
        (ModelVerdict::Unknown { .. }, _) => Exit::Unknown,
        (ModelVerdict::Refuted { .. }, fails) if fails => Exit::AsExpected,
        (ModelVerdict::Refuted { .. }, _) => Exit::NotAsExpected,
        (_, fails) if fails => Exit::NotAsExpected,
        _ => Exit::AsExpected,
    }
}

/// One guarantee, after a search of so many states, within these bounds: a process table that was full, and the adversary's depth.
fn json_row(checked: &Checked, states: u64, complete: bool, bounds: (Option<u8>, Option<u32>)) -> Value {
    let mut row =
        json!({ "id": checked.id, "verdict": checked.verdict.name(), "states": states, "complete": complete });
    match &checked.verdict {
        ModelVerdict::Refuted { trace, violation, runs } => {
            if let Some(runs) = runs {
                row["runs"] = json!(runs);
            }
            row["trace"] = json!(trace.events);
            row["violation"] = json!(violation);
        }
        ModelVerdict::ProvedToDepth { depth } => row["depth"] = json!(depth),
        ModelVerdict::ProvedToTable { entries, depth } => {
            row["process_table"] = json!(entries);
            row["depth"] = json!(depth);
        }
        ModelVerdict::Assumed { assumptions } => row["assumptions"] = json!(assumptions),
        ModelVerdict::Vacuous => {
            row["process_table"] = json!(bounds.0);
            row["depth"] = json!(bounds.1);
        }
        ModelVerdict::Unknown { limit } => row["limit"] = json!(limit),
        _ => {}
    }
    row
}

/// What is bounded in time: by which guarantee, how, and the longest that was seen, which is not followed beyond.
fn last_deaths<'t>(
    system: &'t System,
    timed: &'t TimedReport,
) -> impl Iterator<Item = (GuaranteeId, Nanos, Option<Nanos>)> + 't {
    let rows = BOUNDED.iter().zip(timed.last_death);
    rows.filter_map(|(id, longest)| ends_within(system, *id).map(|within| (*id, within, longest)))
}

/// What was found in time.
fn json_of_timed(system: &System, timed: &TimedReport) -> Value {
    let responses: Vec<Value> = names_of_tasks(system)
        .zip(&timed.worst)
        .map(|(name, worst)| json!({ "name": name, "worst_ns": worst.map(|worst| worst.0) }))
        .collect();
    json!({
        "tick_ns": timed.tick.0,
        "states": timed.states,
        "transitions": timed.transitions,
        "depth": timed.depth,
        "end": end_name(timed.end),
        "responses": responses,
        "last_deaths": last_deaths(system, timed)
            .map(|(id, within, longest)| json!({ "id": id, "within_ns": within.0, "longest_ns": longest.map(|of| of.0) }))
            .collect::<Vec<_>>(),
        "bits_per_state": timed.bits,
        "memory_bytes": timed.bytes,
        "elapsed_ns": timed.elapsed.as_nanos() as u64,
    })
}

fn names_of_tasks(system: &System) -> impl Iterator<Item = String> + '_ {
    system.tasks().into_iter().map(|(process, index)| {
        let process = &system.processes[process.index()];
        task_name(system, process, &process.contexts[index].name)
    })
}

fn json_of(system: &System, judged: &Judged) -> Value {
    let Judged { report, timed, .. } = judged;
    let bounds = (report.table_full.then_some(system.process_table), report.cut_at);
    let untimed =
        report.guarantees.iter().map(|checked| json_row(checked, report.states, report.is_complete(), bounds));
    let in_time = timed.iter().flat_map(|timed| {
        timed.guarantees.iter().map(|checked| {
            // Some have a search of their own.
            let (states, alone) = match checked.id {
                GuaranteeId::G11 => (timed.pairs, true),
                GuaranteeId::G19 => (timed.isolation_states, true),
                GuaranteeId::G22 => (timed.separated, true),
                _ => (timed.states, false),
            };
            let complete = match checked.verdict {
                ModelVerdict::Unknown { .. } if alone => false,
                _ => alone || timed.end == End::Complete,
            };
            let mut row = json_row(checked, states, complete, (None, None));
            row["tick_ns"] = json!(timed.tick.0);
            row
        })
    });
    let of_pairs = judged.flows.iter().flat_map(|flows| {
        let row = |checked| json_row(checked, flows.states, flows.end == End::Complete, (None, None));
        flows.guarantees.iter().map(row)
    });
    let assumed = judged.assumed.iter().map(|checked| json_row(checked, 0, true, (None, None)));
    let guarantees: Vec<Value> = untimed.chain(of_pairs).chain(in_time).chain(assumed).collect();
    json!({
        "timed": timed.as_ref().map(|timed| json_of_timed(system, timed)),
        "scenario": system.name,
        "kernel": judged.profile.name,
        "profile": judged.profile,
        "as_expected": judged.exit == Exit::AsExpected,
        "transitions": judged.report.transitions,
        "depth": judged.report.depth,
        "process_table": system.process_table,
        "end": end_name(judged.report.end),
        "adversary_depth": judged.report.adversary_depth,
        "adversary_cut_at": judged.report.cut_at,
        "process_table_full": judged.report.table_full,
        "omitted_states_expected": judged.report.omitted,
        "deadlocks": judged.report.deadlocks,
        "deadlock": judged.report.deadlock.as_ref().map(|trace| &trace.events),
        "ends": judged.report.ends.as_ref().map(|(fairness, ends)| {
            let mut row = match ends {
                Ends::Always => json!({"verdict": holds(system, &judged.report).name()}),
                Ends::Not { stem, cycle } => json!({"verdict": "refuted", "stem": stem.events, "cycle": cycle.events}),
                Ends::Unknown { limit, .. } => json!({"verdict": "unknown", "limit": limit}),
            };
            row["fairness"] = match fairness {
                Fairness::None => "none",
                Fairness::Weak => "weak",
                Fairness::Strong => "strong",
            }
            .into();
            row
        }),
        "symmetry": judged.report.symmetry.as_ref().map(|symmetry| match symmetry {
            Symmetry::On(verified) => {
                json!({"on": true, "verified_states": verified.states(), "permutations": verified.permutations()})
            }
            Symmetry::Off { why } => json!({"on": false, "why": why}),
        }),
        "bits_per_state": judged.report.bits,
        "memory_bytes": judged.report.bytes,
        "elapsed_ns": judged.report.elapsed.as_nanos() as u64,
        "guarantees": guarantees,
    })
}

fn print(system: &System, judged: &Judged, deadlock_is_wrong: bool) {
    let Report { states, transitions, depth, end, table_full, guarantees, bits, elapsed, .. } = &judged.report;
    let full = if *table_full { ", which was full" } else { "" };
    let ended = match end {
        End::Complete if !judged.report.is_complete() => "ended, and may have missed states",
        end => ended(*end),
    };
    line(format_args!(""));
    line(format_args!(
        "kernel {}   {states} states, {transitions} transitions, depth {depth}, {ended}; process table {}{full}",
        judged.profile.name, system.process_table
    ));
    line(format_args!("  {:.2} s, {} KiB for states of {bits} bits", elapsed.as_secs_f64(), judged.report.bytes >> 10));
    match &judged.report.symmetry {
        None => {}
        Some(Symmetry::On(verified)) => line(format_args!(
            "  symmetry on: which process is which does not count; tested on {} states, {} permutations of each",
            verified.states(),
            verified.permutations()
        )),
        Some(Symmetry::Off { why }) => line(format_args!("  symmetry off, every state was explored: {why}")),
    }
    print_rows(guarantees, *table_full, &within(&judged.report));
    if let Some(flows) = &judged.flows {
        if let Some(declared) = &system.flows {
            let FlowReport { states, transitions, views, elapsed, .. } = flows;
            line(format_args!(
                "  pairs of runs, {} flows: {states} states, {transitions} steps, {views} views, {:.2} s",
                declared.len(),
                elapsed.as_secs_f64()
            ));
        }
        print_rows(&flows.guarantees, false, "");
    }
    print_stopping(system, &judged.report, deadlock_is_wrong);
    if let Some(timed) = &judged.timed {
        print_timed(system, &judged.profile, timed);
    }
    print_rows(judged.assumed.as_slice(), false, "");
    if judged.exit == Exit::NotAsExpected {
        line(format_args!("  not as the scenario expects"));
    }
}

/// The search in time.
fn print_timed(system: &System, profile: &Profile, timed: &TimedReport) {
    let TimedReport { tick, states, transitions, depth, end, guarantees, bits, elapsed, .. } = timed;
    line(format_args!(
        "  in time, tick {tick}: {states} states, {transitions} ways through an instant, depth {depth}, {}",
        ended(*end)
    ));
    line(format_args!("  {:.2} s, {} KiB for states of {bits} bits", elapsed.as_secs_f64(), timed.bytes >> 10));
    for instead in profile.scheduling.given(system).instead {
        line(format_args!("  {} has other classes of scheduling: {instead}", profile.name));
    }
    if timed.pairs > 0 {
        line(format_args!("  pairs of runs in time: {}", timed.pairs));
    }
    if timed.separated > 0 {
        line(format_args!("  pairs of systems in time: {}", timed.separated));
    }
    print_rows(guarantees, false, "");
    for (id, within, longest) in last_deaths(system, timed) {
        let longest = longest.map_or("nobody was ended so".into(), |longest| match longest > within {
            true => format!("more than {within}"),
            false => longest.to_string(),
        });
        line(format_args!("      {id} to the last death: {longest}, of at most {within}"));
    }
    for (name, worst) in names_of_tasks(system).zip(&timed.worst) {
        let worst = worst.map_or("no job ended".into(), |worst| worst.to_string());
        line(format_args!("      longest response of {name}: {worst}"));
    }
}

fn print_rows(guarantees: &[Checked], table_full: bool, within: &str) {
    for checked in guarantees {
        let (id, short, verdict) = (checked.id, checked.id.short(), &checked.verdict);
        let more = match verdict {
            ModelVerdict::Proved => String::new(),
            ModelVerdict::ProvedToDepth { depth } => format!(": with at most {depth} steps of the adversary"),
            ModelVerdict::ProvedToTable { entries, .. } => {
                format!(": with a process table of {entries} entries, which was full; a larger one may show more")
            }
            ModelVerdict::Refuted { violation, .. } => format!(": {violation}"),
            ModelVerdict::Assumed { assumptions } => {
                let each = |one: &Assumption| format!("{} within {}", one.operation, one.bound);
                let all: Vec<String> = assumptions.iter().map(each).collect();
                format!(": {}; `lacuna gap` measures it", all.join(", "))
            }
            ModelVerdict::Vacuous => {
                let more = if table_full { "; a larger one may show more" } else { "" };
                format!(": nothing that it speaks of ever happens here{within}{more}")
            }
            ModelVerdict::Unknown { limit } => format!(": {limit}"),
        };
        line(format_args!("  {id:<4}{short:<23}{}{more}", verdict.name()));
        match verdict {
            ModelVerdict::Refuted { runs: Some(runs), .. } => side_by_side(runs, "      "),
            ModelVerdict::Refuted { trace, .. } => story(trace, "      "),
            _ => {}
        }
    }
}

/// How a search ended, for a person.
fn ended(end: End) -> &'static str {
    match end {
        End::Complete => "complete",
        End::MaxStates => "cut off at the limit on states",
        End::MaxMemory => "cut off at the limit on memory",
        End::Interrupted => "interrupted",
        End::Unrepresentable(_) => "cut off at a state that does not fit",
    }
}

/// How a search ended, in a word.
fn end_name(end: End) -> &'static str {
    match end {
        End::Complete => "complete",
        End::MaxStates => "max-states",
        End::MaxMemory => "max-memory",
        End::Interrupted => "interrupted",
        End::Unrepresentable(_) => "unrepresentable",
    }
}

/// What can be said of what holds in every state that was found: within which bounds.
fn holds(system: &System, report: &Report) -> ModelVerdict {
    match (report.cut_at, report.table_full) {
        (depth, true) => ModelVerdict::ProvedToTable { entries: system.process_table, depth },
        (Some(depth), false) => ModelVerdict::ProvedToDepth { depth },
        (None, false) => ModelVerdict::Proved,
    }
}

/// The bounds that the system itself set to a search, in words.
fn within(report: &Report) -> String {
    let depth = report.cut_at.map(|depth| format!(", with at most {depth} steps of the adversary"));
    let table = if report.table_full { ", with a process table that was full" } else { "" };
    format!("{}{table}", depth.unwrap_or_default())
}

/// Deadlocks, and whether every run ends.
fn print_stopping(system: &System, report: &Report, deadlock_is_wrong: bool) {
    match (report.deadlocks, report.is_complete()) {
        (0, true) => line(format_args!("  deadlock                   none{}", within(report))),
        (0, _) => line(format_args!("  deadlock                   none found, but not all was explored")),
        (many, _) => {
            let steps = report.deadlock.as_ref().map_or(0, |trace| trace.events.len());
            line(format_args!(
                "  deadlock                   {many} states, the first after {steps} steps: nobody can go on, somebody waits"
            ));
            if let Some(trace) = report.deadlock.as_ref().filter(|_| deadlock_is_wrong) {
                story(trace, "      ");
            }
        }
    }
    let Some((fairness, ends)) = &report.ends else { return };
    let fair = match fairness {
        Fairness::None => "run (no fairness)",
        Fairness::Weak => "weakly fair run",
        Fairness::Strong => "strongly fair run",
    };
    match ends {
        Ends::Always => line(format_args!(
            "  ends                       {}: every {fair} comes to rest{}",
            holds(system, report).name(),
            within(report)
        )),
        Ends::Unknown { limit, .. } => line(format_args!("  ends                       unknown: {limit}")),
        Ends::Not { stem, cycle } => {
            line(format_args!("  ends                       refuted: this {fair} never comes to rest"));
            story(stem, "      ");
            match cycle.events.len() {
                0 => line(format_args!("      and there nobody can go on")),
                _ => {
                    line(format_args!("      and from there round and round:"));
                    story(cycle, "      ");
                }
            }
        }
    }
}

/// Prints a trace, a numbered line an event.
pub fn story(trace: &Trace, indent: &str) {
    for (number, event) in (1..).zip(&trace.events) {
        line(format_args!("{indent}{number:>2}. {}", event.text));
    }
}
