//! What a scheduler gains that is told of more: `server-inversion`, checked in time, simulated, and as `lacuna relations` tells it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;
#[path = "../sim/tests/support/mod.rs"]
mod systems;

use lacuna_check::{End, Limits, TimedReport, check_timed};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::Objects;
use lacuna_model::profile::{Awareness, Inversion, Profile};
use lacuna_model::relation::{Label, Offer, Relation};
use lacuna_model::sched::{EdgeKind, FixedPriority, Sched};
use lacuna_model::system::{
    Buffer, BufferId, Context, DomainId, Instruction, Lock, LockId, Order, Process, SchedulingContext,
    SchedulingContextId, System, Task,
};
use lacuna_model::time::{Ns, TimeOffer, TimeStep};
use lacuna_model::units::Nanos;
use support::lacuna;

const MS: u64 = 1_000_000;

fn library(name: &str) -> System {
    lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap().system().unwrap()
}

fn aware(awareness: Awareness) -> Profile {
    Profile { awareness, ..Profile::ideal() }
}

fn search(system: &System, profile: &Profile) -> TimedReport {
    let asked = [GuaranteeId::G18, GuaranteeId::G20];
    let report = check_timed(&Objects::new(system, profile).unwrap(), &asked, &Limits::default()).unwrap();
    assert_eq!(report.end, End::Complete);
    report
}

fn refuted(report: &TimedReport) -> Vec<GuaranteeId> {
    let refuted = report.guarantees.iter().filter(|checked| matches!(checked.verdict, ModelVerdict::Refuted { .. }));
    refuted.map(|checked| checked.id).collect()
}

/// The longest responses, in ms.
fn worst(report: &TimedReport) -> Vec<Option<u64>> {
    report.worst.iter().map(|worst| worst.map(|Nanos(worst)| worst / MS)).collect()
}

#[test]
fn each_choice_decides_something() {
    use GuaranteeId::{G18, G20};
    for (scenario, awareness, expected) in [
        ("priority-inversion", Awareness::None, vec![G18, G20]),
        ("priority-inversion", Awareness::BlockingEdges, vec![]),
        ("priority-inversion", Awareness::FullGraph, vec![]),
        ("server-inversion", Awareness::None, vec![G18]),
        ("server-inversion", Awareness::BlockingEdges, vec![G18]),
        ("server-inversion", Awareness::FullGraph, vec![]),
    ] {
        let report = search(&library(scenario), &aware(awareness));
        assert_eq!(refuted(&report), expected, "{scenario}: {}", awareness.name());
    }
    // A ceiling is the lock's: nobody has to be seen to wait.
    let ceiling = Profile { inversion: Inversion::Ceiling, ..aware(Awareness::None) };
    assert_eq!(refuted(&search(&library("priority-inversion"), &ceiling)), []);
    // Without inheritance along locks urgency still passes along buffers, and only there.
    let along_buffers = Profile { inversion: Inversion::None, ..aware(Awareness::FullGraph) };
    assert_eq!(refuted(&search(&library("priority-inversion"), &along_buffers)), [G18, G20]);
    assert_eq!(refuted(&search(&library("server-inversion"), &along_buffers)), []);
}

#[test]
fn the_server_answers_at_once_and_does_its_own_work_late() {
    let system = library("server-inversion");
    // 2 ms of the server and 1 of its own; then the one in between, 4 ms.
    assert_eq!(worst(&search(&system, &aware(Awareness::FullGraph)))[..2], [Some(3), Some(7)]);
}

/// The urgency passes and the budget does not: the server answers on its own.
#[test]
fn no_budget_is_lent_for_a_message() {
    let mut system = library("server-inversion");
    system.scheduling_contexts[0].budget = Some(systems::budget(MS, 16 * MS));
    system.scheduling_contexts[2].budget = Some(systems::budget(6 * MS, 16 * MS));
    let report = search(&system, &aware(Awareness::FullGraph));
    assert_eq!((refuted(&report), worst(&report)[0]), (vec![], Some(3)));
}

#[test]
fn no_fixed_priority_of_the_server_s_is_right() {
    for priority in [5, 10, 20, 25, 30, 35] {
        let mut system = library("server-inversion");
        let late = system.scheduling_contexts.iter_mut().find(|by| by.name == "late").unwrap();
        late.priority = priority;
        assert_eq!(refuted(&search(&system, &aware(Awareness::BlockingEdges))), [GuaranteeId::G18], "{priority}");
    }
    // Nor is one for all by deadlines: a server has none, but that of whoever waits for it.
    let mut system = library("server-inversion");
    system.scheduling_contexts.iter_mut().for_each(|by| (by.priority, by.order) = (1, Order::Deadline));
    assert_eq!(refuted(&search(&system, &aware(Awareness::BlockingEdges))), [GuaranteeId::G18]);
    assert_eq!(refuted(&search(&system, &aware(Awareness::FullGraph))), []);
}

#[test]
fn it_is_told_before_and_seen_in_a_run() {
    let told = lacuna(&["relations", "server-inversion", "--format", "json"]).json();
    assert_eq!(
        told["inversions"][0]["says"],
        "pilot/main may wait for a message in `answer` of server/main, and between/main (up to 4ms) in between: only the full graph shows it"
    );
    // The longest way is 2 ms to the answer and the 4 of the server's own work; the pilot's job is done after 2 and 1.
    assert_eq!(told["chains"][0]["total_ns"], 6 * MS);
    assert_eq!(
        (&told["chains"][0]["due"][0]["after_ns"], &told["chains"][0]["late"]),
        (&(3 * MS).into(), &serde_json::Value::Null)
    );
    assert_eq!(told["no_circle_closes"], true);
    let missed = |kernel: &str| {
        let run = lacuna(&["simulate", "server-inversion", "--kernel", kernel, "--for", "160ms", "--format", "json"]);
        run.row("contexts", "pilot/main")["missed"].as_u64().unwrap()
    };
    assert_eq!((missed("ideal"), missed("linux"), missed("sel4-mcs")), (0, 10, 10));
    let explained = lacuna(&["explain", "awareness"]);
    assert!(explained.out.contains("full relation graph"), "{}", explained.out);
}

fn context(name: &str, schedule: u8, program: Vec<Instruction>, task: Option<Task>) -> Context {
    Context { name: name.into(), schedule: Some(SchedulingContextId(schedule)), program, task }
}

/// A process for each context, with the same priority as its number; buffers of one message, and one lock.
fn of(contexts: Vec<Context>, buffers: usize) -> System {
    let mut system = systems::empty();
    system.tick = Some(Nanos(MS));
    system.process_table = contexts.len() as u8;
    for (index, context) in (0u32..).zip(contexts) {
        system.scheduling_contexts.push(SchedulingContext {
            name: context.name.clone(),
            priority: index,
            ..SchedulingContext::default()
        });
        let name = context.name.clone();
        system.processes.push(Process { name, domain: DomainId(0), group: None, contexts: vec![context] });
    }
    for index in 0..buffers {
        let name = format!("b{index}");
        system.handles.push(name.clone());
        let all = || vec![DomainId(0)];
        system.buffers.push(Buffer { name, capacity: 1, send: all(), receive: all(), ..Buffer::default() });
    }
    system.locks.push(Lock { name: "l".into(), ceiling: None });
    system
}

const JOB: Option<Task> =
    Some(Task { period: Nanos(20 * MS), deadline: Nanos(20 * MS), offset: Nanos(0), jitter: Nanos(0) });

fn compute(ms: u64) -> Instruction {
    Instruction::Compute { bcet: Nanos(ms * MS), wcet: Nanos(ms * MS) }
}

/// Urgency passes by way of others: from the one who waits for a message, to its sender, which waits for a lock, to the owner of that.
#[test]
fn urgency_passes_along_both_kinds_of_edges() {
    let (send, receive) = (Instruction::Send(BufferId(0)), Instruction::Receive(BufferId(0)));
    let (lock, unlock) = (Instruction::Lock(LockId(0)), Instruction::Unlock(LockId(0)));
    let late = |offset: u64| JOB.map(|job| Task { offset: Nanos(offset * MS), ..job });
    let system = of(
        vec![
            context("owner", 0, vec![lock.clone(), compute(3), unlock.clone()], JOB),
            context("sender", 1, vec![lock, send, unlock], late(1)),
            context("between", 2, vec![compute(8)], late(2)),
            context("urgent", 3, vec![receive, compute(1)], late(1)),
        ],
        1,
    );
    // The lock is taken at 0; at 1 the two others come; the owner is done at 3, the sender at once, and the urgent one at 4, 3 after it came.
    assert_eq!(worst(&search(&system, &aware(Awareness::FullGraph))), [Some(3), Some(2), Some(10), Some(3)]);
    // Under the edges of blocking alone the owner is as urgent as the sender only: the one in between goes first, for 8 ms.
    assert_eq!(worst(&search(&system, &aware(Awareness::BlockingEdges)))[3], Some(11));
}

/// For an end too: whoever waits for its child has it go first.
#[test]
fn urgency_passes_to_a_child_whose_end_is_waited_for() {
    let child = lacuna_model::system::ProcessId(0);
    let waits =
        vec![Instruction::Spawn { process: child, pass: vec![] }, Instruction::Wait { process: child, until: None }];
    let system = of(
        vec![
            context("child", 0, vec![compute(2)], None),
            context("between", 1, vec![compute(4)], JOB),
            context("urgent", 2, waits, JOB),
        ],
        0,
    );
    let longest = |awareness| worst(&search(&system, &aware(awareness)))[1];
    assert_eq!((longest(Awareness::FullGraph), longest(Awareness::BlockingEdges)), (Some(2), Some(6)));
}

/// Who waits without a job of a task has no urgency to pass on: an idle server does not make its clients urgent.
#[test]
fn an_idle_server_urges_nobody() {
    let serves = |task: Option<Task>| match task {
        None => vec![Instruction::Loop { times: None, body: vec![Instruction::Receive(BufferId(0)), compute(1)] }],
        Some(_) => vec![Instruction::Receive(BufferId(0)), compute(1)],
    };
    let client = vec![compute(4), Instruction::Send(BufferId(0))];
    let all = |task| {
        of(
            vec![
                context("client", 0, client.clone(), JOB),
                context("between", 1, vec![compute(2)], JOB),
                context("server", 2, serves(task), task),
            ],
            1,
        )
    };
    // The one in between goes before the client, whether or not the scheduler knows whom the server waits for.
    assert_eq!(worst(&search(&all(None), &aware(Awareness::FullGraph)))[1], Some(2));
    // As a job that waits for the client it urges it: 4 ms, 1 of its own, and 2.
    assert_eq!(worst(&search(&all(JOB), &aware(Awareness::FullGraph)))[1], Some(7));
}

/// Whoever is past its last send, or is no sender at all, is not urged; nor is anybody told of whose rights are whose.
#[test]
fn only_who_may_still_send_is_told_of() {
    let (send, receive) = (Instruction::Send(BufferId(0)), Instruction::Receive(BufferId(0)));
    let mut system = of(
        vec![
            context("once", 0, vec![send.clone(), compute(9)], None),
            context("again", 1, vec![compute(2), send, compute(1)], None),
            context("urgent", 2, vec![receive.clone(), receive, compute(1)], JOB),
        ],
        1,
    );
    let edges_after = |system: &System| {
        let objects = Objects::new(system, &Profile::ideal()).unwrap();
        let relation = Relation::new(&objects, FixedPriority::of(&objects), Ns);
        let mut state = relation.initial();
        let mut seen = Vec::new();
        for _ in 0..40 {
            let edges = objects.edges(&state.objects);
            assert!(edges.iter().all(|edge| edge.kind == EdgeKind::Precedence && edge.waiter == 2));
            let of: Vec<u8> = edges.iter().map(|edge| edge.of as u8).collect();
            if seen.last() != Some(&of) {
                seen.push(of);
            }
            let Some(offer) = relation.offers(&state).into_iter().next() else { break };
            let label = match offer {
                Offer::Object(step) => Label::Object(step),
                Offer::Sched(step) => Label::Sched(step),
                Offer::Time(TimeOffer::Arrive { context, .. }) => {
                    Label::Time(TimeStep::Arrive { context, jitter: Nanos(0) })
                }
                Offer::Time(TimeOffer::Release(context)) => Label::Time(TimeStep::Release(context)),
                Offer::Time(TimeOffer::Begin { context, most, .. }) => {
                    Label::Time(TimeStep::Begin { context, execution: most })
                }
                Offer::Time(TimeOffer::Elapse { most }) => Label::Time(TimeStep::Elapse(most)),
            };
            relation.apply(&mut state, label);
            assert!(relation.sched().looks_at_relations());
        }
        seen
    };
    let told = edges_after(&system);
    assert!(told.contains(&vec![0, 1]), "{told:?}");
    let waits: Vec<&Vec<u8>> = told.iter().filter(|of| !of.is_empty()).collect();
    assert!(
        *waits[0] == [0, 1] && waits[1].len() == 1,
        "the one that has sent is still there, and is not told of: {told:?}"
    );
    // Nobody has the right to send, and the same are told of.
    system.buffers[0].send = vec![DomainId(1)];
    assert!(edges_after(&system).contains(&vec![0, 1]));
}

/// What it costs: whoever waits shows in time to whoever it waits for. Of two of the same partition the one that may send goes first while somebody in another
/// partition waits for it, and in that partition is seen what the other has chosen.
#[test]
fn to_be_told_of_who_waits_is_a_flow_against_the_message() {
    let job = |period: u64| JOB.map(|job| Task { period: Nanos(period * MS), deadline: Nanos(period * MS), ..job });
    let waits_or_not = Instruction::Choose(vec![vec![Instruction::Receive(BufferId(0)), compute(1)], vec![compute(1)]]);
    let mut system = of(
        vec![
            context("sender", 0, vec![compute(1), Instruction::Send(BufferId(0))], job(8)),
            context("beside", 1, vec![compute(1)], job(8)),
            context("above", 2, vec![waits_or_not], job(24)),
        ],
        1,
    );
    system.processes[2].domain = DomainId(1);
    system.flows = Some(vec![(DomainId(0), DomainId(1))]);
    system.buffers[0].overflow = lacuna_model::system::Overflow::DropOldest;
    system.buffers[0].receive = vec![DomainId(1)];
    let window = |offset: u64, duration: u64, of: &[u8]| lacuna_model::system::Window {
        offset: Nanos(offset * MS),
        duration: Nanos(duration * MS),
        scheduling_contexts: of.iter().map(|id| SchedulingContextId(*id)).collect(),
    };
    let windows = vec![window(0, 2, &[2]), window(2, 6, &[0, 1])];
    system.major_frame = Some(lacuna_model::system::MajorFrame { length: Nanos(8 * MS), windows });
    let verdict = |awareness| {
        let objects = Objects::new(&system, &aware(awareness)).unwrap();
        check_timed(&objects, &[GuaranteeId::G11], &Limits::default()).unwrap().guarantees.remove(0).verdict
    };
    assert_eq!(verdict(Awareness::BlockingEdges), ModelVerdict::Proved);
    let found = verdict(Awareness::FullGraph);
    assert!(matches!(found, ModelVerdict::Refuted { .. }), "{found:?}");
}
