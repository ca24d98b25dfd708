//! The gap: for each guarantee what the model says under three profiles, what a simulated run saw, what this host did
//! under attack, and whether the two agree.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use lacuna_hosted::measure::launch;
use lacuna_hosted::probe::{self, Row as ProbeRow};
use lacuna_hosted::{Facts, Plan, SetUp};
use lacuna_model::analysis::response_time::{Bound, NotAnalysable, operation_response};
use lacuna_model::analysis::schedulability::{self, Analysis};
use lacuna_model::evidence::{AnalysisVerdict, Assumption, HostOutcome, ModelVerdict, SimVerdict};
use lacuna_model::guarantee::{GuaranteeId, g23_kernel_time};
use lacuna_model::profile::Profile;
use lacuna_model::system::{Instruction, System};
use lacuna_model::units::Nanos;
use lacuna_sim::policy::{AnyPolicy, Policy};
use lacuna_sim::safety::{Observed, observe};
use lacuna_sim::simulation::Run;

use crate::accepted::Accepted;
use crate::cli::Execution;
use crate::commands::analyse;
use crate::commands::check::{Judged, askable, judge};
use crate::commands::search::limits;
use crate::commands::simulate;
use crate::exit::{Exit, Failure};
use crate::host;
use crate::print::progress;
use crate::signals;

/// How often each attack is made.
const ROUNDS: u64 = 20;
/// How often a launch is timed.
const LAUNCHES: u32 = 20;
/// How many probes are begun before the interrupt is looked at again.
const PROBES_AT_ONCE: usize = 4;

/// Does the host do what the model of it says?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// Both hold, or both do not.
    Yes,
    /// They contradict each other: how.
    No(String),
    /// One of them says nothing.
    Open,
}

impl Agreement {
    /// As printed.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No(_) => "NO",
            Self::Open => "-",
        }
    }
}

/// One guarantee, side by side.
#[derive(Debug)]
pub struct Row {
    /// Which.
    pub id: GuaranteeId,
    /// Under the ideal profile, this host unprotected, and the plan.
    pub model: [String; 3],
    /// In the simulated run.
    pub sim: String,
    /// On this host.
    pub measured: String,
    /// How many of its attacks were not decided: inconclusive, or not testable here.
    pub open: usize,
    /// Whether the plan's column and the host agree.
    pub agree: Agreement,
    /// The time bounds that go with it.
    pub bounds: Vec<BoundRow>,
}

/// A time bound, side by side; in nanoseconds.
#[derive(Debug)]
pub struct BoundRow {
    /// What is bounded.
    pub what: &'static str,
    /// On paper.
    pub bound: Option<Nanos>,
    /// The longest in the simulated run.
    pub sim: Option<Nanos>,
    /// The longest on this host, and how many there were.
    pub measured: Option<(Nanos, u64)>,
}

/// Everything that `gap` found.
#[derive(Debug)]
pub struct Gap {
    /// This host.
    pub facts: Facts,
    /// The plan.
    pub plan: Plan,
    /// The model under the three profiles.
    pub judged: [Judged; 3],
    /// The bounds of the tasks, or why there are none.
    pub analysed: Result<Analysis, NotAnalysable>,
    /// The simulated run.
    pub run: Run,
    /// What the attacks came to.
    pub probes: Vec<ProbeRow>,
    /// Which of them may get out.
    pub accepted: Accepted,
    /// What became of bursts of signals.
    pub signals: Vec<signals::Row>,
    /// The table.
    pub rows: Vec<Row>,
    /// How all that compares with what the scenario expects.
    pub exit: Exit,
}

impl Gap {
    /// Were deadlines searched in time? That decides what the analysis does not find out.
    pub fn searched_in_time(&self) -> bool {
        self.judged.iter().all(|judged| judged.timed.is_some())
    }
}

/// Gathers it.
///
/// # Errors
/// If the system has no semantics, this host no plan for it, or somebody interrupts.
pub fn gather(
    system: &System,
    set_up: Option<SetUp>,
    accepted: Accepted,
    interrupt: &AtomicBool,
) -> Result<Gap, Failure> {
    let facts = host::facts()?;
    let policy = host::policy(system, &[]);
    let plan = host::plan(host::set_up(set_up, &facts), &policy, &facts)?;
    let unprotected = host::unprotected(&policy, &facts)?;

    let ids = askable(system);
    let limits = limits(interrupt);
    let check = |profile: Profile| {
        progress(format_args!("checking under {}", profile.name));
        judge(system, profile, &ids, &limits)
    };
    let judged = [check(Profile::ideal())?, check(unprotected)?, check(plan.effective())?];

    if interrupt.load(Ordering::Relaxed) {
        return Err(Failure::interrupted());
    }
    progress(format_args!("simulating"));
    let request = simulate::Request {
        scenario: &system.name,
        horizon: Nanos(10_000_000_000),
        kernel: &plan.effective().name,
        policy: AnyPolicy::Ideal(Policy::Declared),
        seed: 0,
        execution: Execution::Random,
        trace: None,
        gantt: None,
        responses: None,
        interrupt,
    };
    let (objects, run) = simulate::once(system, &plan.effective(), &request)?;
    let observed = observe(&objects, &run.log);

    let asked: Vec<_> = probe::all().into_iter().filter(|probe| speaks_of(&judged, probe.guarantee)).collect();
    let probes = attack(&plan, &asked, interrupt)?;
    let signals = signals::measure(system, &judged[1].profile, interrupt)?;
    let analysed = schedulability::analyse(system);

    let mut rows: Vec<Row> = ids
        .iter()
        .filter(|id| **id != GuaranteeId::G18 && speaks_of(&judged, **id))
        .map(|id| row(system, *id, &judged, &observed, &run, (&probes, &signals)))
        .collect();
    rows.extend(deadline_row(&judged, &analysed, &run));
    rows.sort_by_key(|row| row.id);
    rows.extend(kernel_time_row(system, &plan, &probes)?);
    let exit = exit(&judged, &rows, (&probes, &signals), &analysed, &accepted);
    Ok(Gap { facts, plan, judged, analysed, run, probes, accepted, signals, rows, exit })
}

/// Runs probes, looking at the interrupt now and then.
///
/// # Errors
/// If somebody interrupts.
pub fn attack(plan: &Plan, probes: &[&'static probe::Probe], interrupt: &AtomicBool) -> Result<Vec<ProbeRow>, Failure> {
    let mut rows = Vec::new();
    for some in probes.chunks(PROBES_AT_ONCE) {
        if interrupt.load(Ordering::Relaxed) {
            return Err(Failure::interrupted());
        }
        progress(format_args!("attacking: {}", some.iter().map(|probe| probe.id).collect::<Vec<_>>().join(", ")));
        rows.extend(probe::run_some(plan, some, ROUNDS));
    }
    progress(format_args!(""));
    Ok(rows)
}

/// Does the scenario ever trigger the guarantee, under any of the profiles?
fn speaks_of(judged: &[Judged], id: GuaranteeId) -> bool {
    let of = |judged: &Judged| judged.verdict(id).is_some_and(|verdict| *verdict != ModelVerdict::Vacuous);
    judged.iter().any(of)
}

/// What the model says of a guarantee under each profile.
fn modelled(judged: &[Judged; 3], id: GuaranteeId) -> [String; 3] {
    [0, 1, 2].map(|index| {
        judged[index].verdict(id).map_or("-".into(), |verdict| match verdict {
            ModelVerdict::ProvedToDepth { depth } => format!("proved to {depth}"),
            ModelVerdict::ProvedToTable { .. } => "proved, table".into(),
            verdict => verdict.name().into(),
        })
    })
}

fn row(
    system: &System,
    id: GuaranteeId,
    judged: &[Judged; 3],
    observed: &[Observed],
    run: &Run,
    (probes, signals): (&[ProbeRow], &[signals::Row]),
) -> Row {
    let model = modelled(judged, id);
    let attacked: Vec<(&str, HostOutcome)> = probes
        .iter()
        .filter(|row| row.guarantee == id)
        .map(|row| (row.id, row.outcome))
        .chain(signals.iter().filter(|row| row.speaks_of(id)).map(|row| (row.signal, row.outcome())))
        .collect();
    let outcome = measured(&attacked);
    let agree = match (judged[2].verdict(id), outcome) {
        (Some(verdict), Some(outcome)) => agreement(id, verdict, outcome, &attacked),
        _ => Agreement::Open,
    };
    Row {
        id,
        model,
        sim: simulated(id, observed).into(),
        measured: outcome.map_or("-", HostOutcome::name).into(),
        open: open(&attacked),
        agree,
        bounds: (id == GuaranteeId::G4).then(|| kill_bound(system, run, probes)).flatten().into_iter().collect(),
    }
}

/// What all probes of a guarantee that were decided come to: the worst of them. Those that were not are listed by
/// themselves, and hide nothing that was.
pub fn measured(attacked: &[(&str, HostOutcome)]) -> Option<HostOutcome> {
    use HostOutcome::{
        AcceptedNotEnforced, Enforced, Inconclusive, NotEnforced, NotTestableHere, Partial, SurfaceAbsent,
    };
    let has = |wanted: HostOutcome| attacked.iter().any(|(_, outcome)| *outcome == wanted);
    let got_out = attacked.iter().any(|(_, outcome)| outcome.got_out());
    if got_out && (has(Enforced) || has(Partial)) {
        return Some(Partial);
    }
    let order = [AcceptedNotEnforced, NotEnforced, Enforced, Inconclusive, NotTestableHere, SurfaceAbsent];
    order.into_iter().find(|outcome| has(*outcome))
}

fn open(attacked: &[(&str, HostOutcome)]) -> usize {
    let undecided = |(_, outcome): &&(&str, HostOutcome)| {
        matches!(outcome, HostOutcome::Inconclusive | HostOutcome::NotTestableHere)
    };
    attacked.iter().filter(undecided).count()
}

fn agreement(
    id: GuaranteeId,
    verdict: &ModelVerdict,
    outcome: HostOutcome,
    attacked: &[(&str, HostOutcome)],
) -> Agreement {
    let holds = match verdict {
        ModelVerdict::Proved | ModelVerdict::ProvedToDepth { .. } | ModelVerdict::ProvedToTable { .. } => true,
        ModelVerdict::Refuted { .. } => false,
        ModelVerdict::Assumed { .. } | ModelVerdict::Vacuous | ModelVerdict::Unknown { .. } => return Agreement::Open,
    };
    let names = |wanted: &dyn Fn(HostOutcome) -> bool| {
        let rows = attacked.iter().filter(|(_, outcome)| wanted(*outcome));
        rows.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    };
    match (holds, outcome) {
        (true, HostOutcome::Enforced) => Agreement::Yes,
        (false, outcome) if outcome.got_out() => Agreement::Yes,
        (true, outcome) if outcome.got_out() => Agreement::No(format!(
            "the model of the plan proves {id}, and the host breaks it ({}): the effective profile is too strong there",
            names(&HostOutcome::got_out)
        )),
        (false, HostOutcome::Enforced) => {
            let untested = names(&|outcome| outcome == HostOutcome::NotTestableHere);
            if untested.is_empty() {
                Agreement::No(format!("the model of the plan refutes {id}, and no attack here got through"))
            } else {
                // What the model refutes is what could not be tried.
                Agreement::Open
            }
        }
        _ => Agreement::Open,
    }
}

/// Did a step of the simulated run violate the guarantee?
fn simulated(id: GuaranteeId, observed: &[Observed]) -> &'static str {
    match observed.iter().find(|observed| observed.id == id) {
        Some(Observed { violation: Some(_), .. }) => "violated",
        Some(Observed { triggered: 1.., .. }) => "held",
        _ => "-",
    }
}

/// The bound on a kill of a job group: the declared bound of the kernel, lengthened by more urgent tasks.
fn kill_bound(system: &System, run: &Run, probes: &[ProbeRow]) -> Option<BoundRow> {
    let declared = system.kernel_bounds.kill_group;
    if declared == Nanos(0) {
        return None;
    }
    let killers = system.processes.iter().flat_map(|process| &process.contexts).filter(|of| kills(&of.program));
    let responses = killers.map(|context| match operation_response(system, context, declared) {
        Ok(Bound::Finite(response)) => Some(response),
        _ => None,
    });
    // One without a bound leaves all without.
    let bound = responses.collect::<Option<Vec<Nanos>>>().and_then(|responses| responses.into_iter().max());
    let longest = run.summary.kills.iter().filter_map(|kill| kill.duration_ns.as_ref()).map(|of| Nanos(of.max)).max();
    Some(BoundRow { what: "kill to last death", bound, sim: longest, measured: longest_kill(probes) })
}

/// The longest kill of a job that was seen here, and how many there were.
fn longest_kill(probes: &[ProbeRow]) -> Option<(Nanos, u64)> {
    let host = probes
        .iter()
        .filter(|row| row.guarantee == GuaranteeId::G4)
        .filter_map(|row| Some((Nanos(*row.numbers.get("kill_max_ns")?), *row.numbers.get("n")?)));
    host.reduce(|(longest, n), (other, more)| (longest.max(other), n + more))
}

/// Is there a kill anywhere in the program?
fn kills(program: &[Instruction]) -> bool {
    program.iter().any(|instruction| match instruction {
        Instruction::Kill(_) => true,
        Instruction::Loop { body, .. } => kills(body),
        Instruction::Choose(arms) => arms.iter().any(|arm| kills(arm)),
        _ => false,
    })
}

/// Was a deadline missed in the simulated run? As for the other guarantees, nothing held if there was nothing to hold of.
fn simulated_deadlines(run: &Run) -> &'static str {
    let any = |wanted: fn(&SimVerdict) -> bool| run.summary.contexts.iter().any(|context| wanted(&context.verdict));
    if any(|verdict| matches!(verdict, SimVerdict::Missed { .. })) {
        "missed"
    } else if any(|verdict| *verdict == SimVerdict::Held) {
        "held"
    } else {
        "-"
    }
}

/// The row of G18, if the scenario has tasks: by the search in time, where the scenario has a tick, and else by the analysis.
fn deadline_row(judged: &[Judged; 3], analysed: &Result<Analysis, NotAnalysable>, run: &Run) -> Option<Row> {
    let paper = match analysed {
        Ok(analysis) if analysis.tasks.is_empty() => return None,
        Ok(analysis) if analysis.verdicts().all(|verdict| *verdict == AnalysisVerdict::Bound) => "bound",
        Ok(analysis) if analysis.verdicts().any(|verdict| matches!(verdict, AnalysisVerdict::Unschedulable { .. })) => {
            "unschedulable"
        }
        Ok(_) | Err(_) => "unknown",
    };
    // One without a bound leaves all without.
    let worst = analysed.as_ref().ok().and_then(|analysis| {
        let worst: Option<Vec<Nanos>> = analysis.tasks.iter().map(|row| row.worst).collect();
        worst?.into_iter().max()
    });
    let longest = run.summary.contexts.iter().filter_map(|context| context.response_ns.as_ref());
    Some(Row {
        id: GuaranteeId::G18,
        model: if judged[0].timed.is_some() {
            modelled(judged, GuaranteeId::G18)
        } else {
            // The analysis rests on the declared bounds and the policy, not on the mechanisms that profiles differ in.
            [paper.into(), paper.into(), paper.into()]
        },
        sim: simulated_deadlines(run).into(),
        measured: "-".into(),
        open: 0,
        agree: Agreement::Open,
        bounds: vec![BoundRow {
            what: "worst response",
            bound: worst,
            sim: longest.map(|of| Nanos(of.max)).max(),
            measured: None,
        }],
    })
}

/// The row of G23: each operation that the scenario bounds, and the longest that was seen here. It is reported, and decides no
/// exit status: what was not seen to take longer may do so yet, and on a busy machine does.
fn kernel_time_row(system: &System, plan: &Plan, probes: &[ProbeRow]) -> Result<Option<Row>, Failure> {
    let ModelVerdict::Assumed { assumptions } = g23_kernel_time::verdict(system) else { return Ok(None) };
    let mut seen = Vec::new();
    let mut broken = Vec::new();
    let mut unmeasured = 0;
    for Assumption { operation, bound } in assumptions {
        let longest = match operation {
            "spawn" => launch::measure(plan, LAUNCHES).map_err(Failure::host)?.map(|times| (times.max_ns, times.n)),
            "kill_group" => longest_kill(probes).map(|(longest, n)| (longest.0, n)),
            _ => None,
        };
        let Some((longest, n)) = longest.map(|(ns, n)| (Nanos(ns), n)) else {
            unmeasured += 1;
            continue;
        };
        seen.push(BoundRow { what: operation, bound: Some(bound), sim: None, measured: Some((longest, n)) });
        if longest > bound {
            let longest = Nanos(longest.0.next_multiple_of(1_000));
            broken.push(format!("{operation} took {longest} here, and the scenario assumes at most {bound}"));
        }
    }
    let (measured, agree) = match (seen.is_empty(), broken.is_empty()) {
        (true, _) => ("-".into(), Agreement::Open),
        (false, true) => ("within".into(), Agreement::Yes),
        (false, false) => (
            "broken".into(),
            Agreement::No(format!("{}: what rests on that bound does not hold on this host", broken.join("; "))),
        ),
    };
    Ok(Some(Row {
        id: GuaranteeId::G23,
        model: ["assumed".into(), "assumed".into(), "assumed".into()],
        sim: "-".into(),
        measured,
        open: unmeasured,
        agree,
        bounds: seen,
    }))
}

fn exit(
    judged: &[Judged; 3],
    rows: &[Row],
    (probes, signals): (&[ProbeRow], &[signals::Row]),
    analysed: &Result<Analysis, NotAnalysable>,
    accepted: &Accepted,
) -> Exit {
    let mut exit = judged.iter().fold(Exit::AsExpected, |exit, judged| exit.and(judged.exit));
    if probes.iter().any(|row| accepted.fails(row)) || rows.iter().any(|row| row.sim == "missed") {
        exit = exit.and(Exit::NotAsExpected);
    }
    let deadlines = match analysed {
        Ok(analysis) => analyse::exit(analysis),
        Err(_) => Exit::Unknown,
    };
    // What the analysis does not find out the search in time does.
    let searched = judged.iter().all(|judged| judged.timed.is_some());
    exit = exit.and(if searched && deadlines == Exit::Unknown { Exit::AsExpected } else { deadlines });
    if signals.iter().any(|row| row.outcome().got_out()) {
        exit = exit.and(Exit::NotAsExpected);
    }
    let inconclusive = |outcome: HostOutcome| outcome == HostOutcome::Inconclusive;
    if probes.iter().any(|row| inconclusive(row.outcome)) || signals.iter().any(|row| inconclusive(row.outcome())) {
        exit = exit.and(Exit::Unknown);
    }
    exit
}

/// Probe rows counted by outcome, for a summary.
pub fn counts(probes: &[ProbeRow]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for row in probes {
        *counts.entry(row.outcome.name()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_model::objects::Objects;
    use lacuna_sim::policy::FixedPriority;
    use lacuna_sim::resolver::Seeded;
    use lacuna_sim::simulation::{Options, simulate};

    #[test]
    fn deadlines_held_only_if_a_job_ended() {
        let says = |tasks: &str, horizon: u64| {
            let system = lacuna_scenarios::Source::new("tasks.csv", tasks).parse().unwrap().system;
            let objects = Objects::new(&system, &Profile::ideal()).unwrap();
            let policy = FixedPriority::new(&system.scheduling_contexts);
            let run = simulate(&objects, policy, &mut Seeded::new(0), &Options::new(Nanos(horizon))).unwrap();
            simulated_deadlines(&run)
        };
        let fit = "name,wcet,period\na,1ms,4ms\nb,3ms,9ms\n";
        assert_eq!([500_000, 2_000_000].map(|horizon| says(fit, horizon)), ["-", "held"]);
        let over = "name,wcet,period\na,3ms,4ms\nb,2ms,5ms\n";
        assert_eq!(says(over, 100_000_000), "missed");
    }
}
