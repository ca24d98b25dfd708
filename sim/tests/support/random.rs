//! Random systems: processes that spawn, fork, wait, kill, send, receive, choose and attack, some of them tasks, under
//! scheduling contexts with and without budgets.

use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::system::{
    Attachment, Budget, Buffer, BufferId, By, Context, DomainId, Effect, EndsWithin, Fallback, GroupId, HandleId,
    Instruction, JobGroup, KernelBounds, Lock, LockId, MajorFrame, Mode, ModeId, Object, ObjectClass, ObjectId, Order,
    Overflow, Pool, Process, ProcessId, RefillsFrom, Right, SchedulingContext, SchedulingContextId, Server, System,
    Task, When, Window,
};
use lacuna_model::units::{Bytes, Nanos};
use proptest::prelude::*;

fn leaf(process: u8) -> BoxedStrategy<Instruction> {
    let compute = (0u64..4, 0u64..4)
        .prop_map(|(bcet, more)| Instruction::Compute { bcet: Nanos(bcet), wcet: Nanos(bcet + more) })
        .boxed();
    let child = process + 1;
    let mut all = vec![
        compute.clone(),
        compute,
        Just(Instruction::Open(HandleId(2))).boxed(),
        Just(Instruction::Close(HandleId(2))).boxed(),
        Just(Instruction::Detach).boxed(),
        Just(Instruction::Exit).boxed(),
        Just(Instruction::Kill(GroupId(0))).boxed(),
        (0u8..3).prop_map(|process| Instruction::KillProcess(ProcessId(process))).boxed(),
        Just(Instruction::LockDown(DomainId(0))).boxed(),
        Just(Instruction::Lock(LockId(0))).boxed(),
        Just(Instruction::Unlock(LockId(0))).boxed(),
        (0u8..2).prop_map(|buffer| Instruction::Send(BufferId(buffer))).boxed(),
        (0u8..2).prop_map(|buffer| Instruction::Receive(BufferId(buffer))).boxed(),
        (0u8..2).prop_map(|buffer| Instruction::Poll(BufferId(buffer))).boxed(),
        (0u8..2).prop_map(|buffer| Instruction::Await(BufferId(buffer))).boxed(),
        (0u8..2).prop_map(|buffer| Instruction::Ack(BufferId(buffer))).boxed(),
        (0u8..2).prop_map(|buffer| Instruction::Attach(BufferId(buffer))).boxed(),
        (0u8..2, 1u8..4)
            .prop_map(|(buffer, capacity)| Instruction::SetLimit { buffer: BufferId(buffer), capacity })
            .boxed(),
        (0u8..2, proptest::sample::select(vec![Right::Write, Right::Execute]))
            .prop_map(|(object, right)| Instruction::Access { object: ObjectId(object), right })
            .boxed(),
        (0u8..2).prop_map(|object| Instruction::DropRights(vec![ObjectId(object)])).boxed(),
        (2u8..4).prop_map(|object| Instruction::Access { object: ObjectId(object), right: Right::Create }).boxed(),
        (0u8..2).prop_map(|object| Instruction::Regain(ObjectId(object))).boxed(),
        (0u8..2, 0u8..3)
            .prop_map(|(object, to)| Instruction::Grant { object: ObjectId(object), process: ProcessId(to) })
            .boxed(),
        Just(Instruction::Allocate(Bytes(3))).boxed(),
        (0u8..2).prop_map(|mode| Instruction::SwitchMode(ModeId(mode))).boxed(),
        (0u8..3).prop_map(|depth| Instruction::Adversary { depth: Some(depth) }).boxed(),
    ];
    if child < 3 {
        let pass = proptest::collection::vec((0u8..3).prop_map(HandleId), 0..2);
        let spawn = pass.prop_map(move |pass| Instruction::Spawn { process: ProcessId(child), pass }).boxed();
        let until = proptest::option::of(0u64..8);
        let wait = until
            .prop_map(move |until| Instruction::Wait { process: ProcessId(child), until: until.map(Nanos) })
            .boxed();
        all.extend([spawn.clone(), spawn, wait, Just(Instruction::Fork(ProcessId(child))).boxed()]);
    }
    proptest::strategy::Union::new(all).boxed()
}

/// Mostly what makes somebody wait, and what ends a wait.
fn waiting_leaf(process: u8) -> BoxedStrategy<Instruction> {
    let child = ProcessId((process + 1).min(2));
    let lock = || (0u8..2).prop_map(LockId);
    let buffer = || (0u8..2).prop_map(BufferId);
    let mut all = vec![
        lock().prop_map(Instruction::Lock).boxed(),
        lock().prop_map(Instruction::Lock).boxed(),
        lock().prop_map(Instruction::Unlock).boxed(),
        buffer().prop_map(Instruction::Send).boxed(),
        buffer().prop_map(Instruction::Send).boxed(),
        buffer().prop_map(Instruction::Receive).boxed(),
        buffer().prop_map(Instruction::Receive).boxed(),
        buffer().prop_map(Instruction::Poll).boxed(),
        buffer().prop_map(Instruction::Await).boxed(),
        buffer().prop_map(Instruction::Ack).boxed(),
        buffer().prop_map(Instruction::Attach).boxed(),
        (0u8..2).prop_map(|handle| Instruction::Close(HandleId(handle))).boxed(),
        (0u8..2, 1u8..4)
            .prop_map(|(buffer, capacity)| Instruction::SetLimit { buffer: BufferId(buffer), capacity })
            .boxed(),
        Just(Instruction::Exit).boxed(),
        Just(Instruction::Detach).boxed(),
        Just(Instruction::Kill(GroupId(0))).boxed(),
        (0u8..3).prop_map(|process| Instruction::KillProcess(ProcessId(process))).boxed(),
        Just(Instruction::Adversary { depth: Some(1) }).boxed(),
    ];
    if process < 2 {
        let pass = proptest::sample::subsequence(vec![HandleId(0), HandleId(1)], 0..3);
        let spawn = pass.prop_map(move |pass| Instruction::Spawn { process: child, pass }).boxed();
        let wait = Just(Instruction::Wait { process: child, until: None }).boxed();
        all.extend([spawn.clone(), spawn, wait.clone(), wait, Just(Instruction::Fork(child)).boxed()]);
    }
    proptest::strategy::Union::new(all).boxed()
}

/// Systems in which somebody waits sooner or later, without tasks.
pub(crate) fn waiting() -> impl Strategy<Value = System> {
    let programs = [0, 0, 1, 1, 2, 2].map(|process| program(waiting_leaf(process)));
    (system(), programs).prop_map(|(mut system, programs)| {
        let mut programs = programs.into_iter();
        for process in &mut system.processes {
            let mut own = programs.by_ref().take(2);
            for context in &mut process.contexts {
                (context.program, context.task) = (own.next().unwrap_or_default(), None);
            }
            own.for_each(drop);
        }
        system.locks.push(Lock { name: "m".into(), ceiling: None });
        system
    })
}

fn program(leaf: BoxedStrategy<Instruction>) -> BoxedStrategy<Vec<Instruction>> {
    let nested = leaf.prop_recursive(2, 8, 3, |inner| {
        let list = proptest::collection::vec(inner, 0..3);
        prop_oneof![
            (1u32..3, list.clone()).prop_map(|(times, body)| Instruction::Loop { times: Some(times), body }),
            list.clone().prop_map(|mut body| {
                body.push(Instruction::Compute { bcet: Nanos(1), wcet: Nanos(2) });
                Instruction::Loop { times: None, body }
            }),
            proptest::collection::vec(list, 1..3).prop_map(Instruction::Choose),
        ]
    });
    proptest::collection::vec(nested, 0..4).boxed()
}

fn context(process: u8, index: u8) -> impl Strategy<Value = Context> {
    let task = (1u64..12, 1u64..12, 0u64..3, 0u64..15).prop_map(|(period, deadline, offset, jitter)| Task {
        period: Nanos(period),
        deadline: Nanos(deadline),
        offset: Nanos(offset),
        jitter: Nanos(jitter),
    });
    let schedule = proptest::option::weighted(0.8, (0u8..3).prop_map(SchedulingContextId));
    (schedule, program(leaf(process)), proptest::option::weighted(0.25, task))
        .prop_map(move |(schedule, program, task)| Context { name: format!("c{index}"), schedule, program, task })
}

fn process(index: u8) -> impl Strategy<Value = Process> {
    let contexts = prop_oneof![
        3 => context(index, 0).prop_map(|one| vec![one]),
        1 => (context(index, 0), context(index, 1)).prop_map(|(one, other)| vec![one, other]),
    ];
    let group = proptest::option::of(Just(GroupId(0)));
    (contexts, group).prop_map(move |(contexts, group)| Process {
        name: format!("p{index}"),
        domain: DomainId(0),
        group: group.filter(|_| index > 0),
        contexts,
    })
}

fn buffer(name: &'static str) -> impl Strategy<Value = Buffer> {
    let overflow = prop_oneof![
        Just(Overflow::Block),
        Just(Overflow::Refuse),
        Just(Overflow::Coalesce),
        Just(Overflow::DropNewest),
        Just(Overflow::DropOldest),
    ];
    let kind = (prop_oneof![2 => Just(When::Deferred), 1 => Just(When::Immediate)], overflow);
    let by = prop_oneof![2 => Just(By::Polled), 1 => Just(By::Automatic)];
    let effect = prop_oneof![Just(Effect::Handle), Just(Effect::Terminate)];
    let domains = || prop_oneof![4 => Just(vec![DomainId(0)]), 1 => Just(vec![DomainId(1)])];
    let pool = proptest::option::of((0u8..2, 1u8..4).prop_map(|(id, limit)| Pool { id, limit }));
    let attachments = proptest::sample::subsequence(vec![0u8, 1, 2], 0..3);
    let attachments = attachments.prop_map(|of| of.into_iter().map(ProcessId).map(attachment).collect::<Vec<_>>());
    let named_by = prop_oneof![2 => Just(vec![]), 1 => Just(vec![DomainId(0)])];
    let rights = (domains(), domains(), named_by);
    (0u8..3, kind, by, effect, pool, attachments, rights).prop_map(
        move |(capacity, (when, overflow), by, effect, pool, attachments, (send, receive, named_by))| Buffer {
            name: name.into(),
            capacity,
            pool,
            overflow,
            when,
            by,
            effect,
            send,
            receive,
            named_by,
            attachments,
            demand: Nanos(1),
            deadline: (capacity > 1).then_some(Nanos(2)),
            fallback: if capacity > 0 { Fallback::Drop } else { Fallback::Keep },
        },
    )
}

fn attachment(process: ProcessId) -> Attachment {
    Attachment { process, backlog: Nanos(0) }
}

/// Of any kind of server.
pub(crate) fn budget() -> impl Strategy<Value = Budget> {
    let from = prop_oneof![Just(RefillsFrom::Dispatch), Just(RefillsFrom::WakeUp)];
    let mcs = (2u8..4, 0u64..3, from).prop_map(|(refills, minimum, from)| Server::Mcs {
        refills,
        minimum: Nanos(minimum),
        from,
    });
    let server = prop_oneof![
        Just(Server::Deferrable),
        Just(Server::Polling),
        Just(Server::Sporadic),
        Just(Server::ConstantBandwidth),
        Just(Server::HardConstantBandwidth),
        mcs,
    ];
    (1u64..4, 0u64..6, server).prop_map(|(amount, more, server)| {
        let server = match server {
            Server::Mcs { refills, minimum, from } => {
                Server::Mcs { refills, minimum: minimum.min(Nanos(amount)), from }
            }
            other => other,
        };
        Budget { amount: Nanos(amount), period: Nanos(amount + more), server }
    })
}

/// Tasks, each with a server of its own or none; those of the highest priority by deadline, the next by laxity.
pub(crate) fn served() -> impl Strategy<Value = System> {
    let one = (0u64..4, 0u64..5, 3u64..20, 0u64..8, 0u64..4, 0u32..3, proptest::option::weighted(0.8, budget()));
    (proptest::collection::vec(one, 1..5), 1u64..4).prop_map(|(list, quantum)| {
        let budgets: Vec<_> = list.iter().map(|one| one.6).collect();
        let task = |(bcet, more, period, offset, jitter, priority, _)| super::T {
            bcet,
            wcet: bcet + more,
            offset,
            jitter,
            priority,
            ..super::task(0, period)
        };
        let tasks: Vec<_> = list.into_iter().map(task).collect();
        let mut system = super::task_set(&tasks, 1);
        for (scheduling, budget) in system.scheduling_contexts.iter_mut().zip(budgets) {
            scheduling.budget = budget;
            scheduling.order = match scheduling.priority {
                2 => Order::Deadline,
                1 => Order::Laxity { quantum: Nanos(quantum) },
                _ => Order::Readiness,
            };
        }
        system
    })
}

fn scheduling_contexts() -> impl Strategy<Value = Vec<SchedulingContext>> {
    let one = (0u32..3, proptest::option::of(budget()), proptest::option::weighted(0.2, 0u32..3));
    let orders = proptest::collection::vec(proptest::bool::weighted(0.3), 3);
    (proptest::collection::vec(one, 3), orders).prop_map(|(list, by_deadline)| {
        let named = (0..).zip(list);
        named
            .map(|(index, (priority, budget, threshold)): (u8, _)| SchedulingContext {
                name: format!("s{index}"),
                priority,
                order: if by_deadline[priority as usize] { Order::Deadline } else { Order::Readiness },
                threshold: threshold.map(|more| priority + more),
                budget,
                ..SchedulingContext::default()
            })
            .collect()
    })
}

/// Windows of some of the three scheduling contexts, with gaps between them or none.
pub(crate) fn major_frame() -> impl Strategy<Value = MajorFrame> {
    let window = (0u64..3, 1u64..4, proptest::sample::subsequence(vec![0u8, 1, 2], 1..4));
    (proptest::collection::vec(window, 1..4), 0u64..3).prop_map(|(list, rest)| {
        let (mut windows, mut until) = (Vec::new(), 0);
        for (gap, duration, of) in list {
            let scheduling_contexts = of.into_iter().map(SchedulingContextId).collect();
            windows.push(Window { offset: Nanos(until + gap), duration: Nanos(duration), scheduling_contexts });
            until += gap + duration;
        }
        MajorFrame { length: Nanos(until + rest), windows }
    })
}

fn create() -> Vec<(DomainId, Vec<Right>)> {
    vec![(DomainId(0), vec![Right::Create])]
}

pub(crate) fn system() -> impl Strategy<Value = System> {
    let limits = (proptest::option::of(1u32..4), proptest::option::of(4u64..9));
    let processes = (process(0), process(1), process(2));
    let bounds = (0u64..3, 0u64..3);
    let core = (0u64..3, 0u64..2, proptest::option::weighted(0.4, (mode("m0"), mode("m1"))));
    let schedule = (scheduling_contexts(), proptest::option::weighted(0.3, major_frame()));
    ((buffer("b0"), buffer("b1")), limits, processes, schedule, (bounds, core), 3u8..6).prop_map(
        |(
            buffers,
            (count, memory),
            processes,
            (scheduling_contexts, major_frame),
            ((spawn, kill_group), (refill, flush, modes)),
            process_table,
        )| {
            let with_late_tasks = [&processes.0, &processes.1, &processes.2].map(has_late_tasks);
            let in_time = |mut mode: Mode| {
                mode.processes.retain(|process| !with_late_tasks[process.index()]);
                mode
            };
            System {
                domains: vec!["one".into(), "other".into()],
                flows: None,
                users: vec![],
                objects: vec![
                    Object {
                        name: "file".into(),
                        class: ObjectClass::File,
                        allow: vec![(DomainId(1), vec![Right::Write])],
                        output: false,
                    },
                    Object {
                        name: "program".into(),
                        class: ObjectClass::PrivilegedProgram,
                        allow: vec![(DomainId(0), vec![Right::Execute])],
                        output: false,
                    },
                    Object { name: "tmp".into(), class: ObjectClass::Directory, allow: create(), output: false },
                    Object { name: "ipc".into(), class: ObjectClass::Ipc, allow: create(), output: false },
                ],
                job_groups: vec![JobGroup { name: "job".into(), processes: count, memory: memory.map(Bytes) }],
                buffers: vec![buffers.0, buffers.1],
                locks: vec![Lock { name: "l".into(), ceiling: Some(2) }],
                modes: modes.map_or_else(Vec::new, |(first, second)| vec![in_time(first), in_time(second)]),
                handles: ["b0", "b1", "h"].map(String::from).to_vec(),
                processes: vec![processes.0, processes.1, processes.2],
                scheduling_contexts,
                major_frame,
                refill: Nanos(refill),
                kernel_bounds: KernelBounds {
                    spawn: Nanos(spawn),
                    kill_group: Nanos(kill_group),
                    kill_process: Nanos(kill_group),
                    reattach: Nanos(kill_group),
                    lock_down: Nanos(spawn),
                    flush: Nanos(flush),
                },
                ends_within: EndsWithin::default(),
                process_table,
                ..super::empty()
            }
        },
    )
}

/// A mode of any processes, that anybody or nobody may change to, and that any may follow.
fn mode(name: &'static str) -> impl Strategy<Value = Mode> {
    let some = |of: &'static [u8]| proptest::sample::subsequence(of.to_vec(), 0..=of.len());
    (some(&[0, 1, 2]), some(&[0, 1]), some(&[0, 1])).prop_map(move |(processes, by, next)| Mode {
        name: name.into(),
        processes: processes.into_iter().map(ProcessId).collect(),
        by: by.into_iter().map(DomainId).collect(),
        next: next.into_iter().map(ModeId).collect(),
    })
}

/// Has it a task with a deadline beyond its period?
fn has_late_tasks(process: &Process) -> bool {
    process.contexts.iter().filter_map(|context| context.task).any(|task| task.deadline > task.period)
}

/// Under one of the named profiles, or one that walks through what it kills.
pub(crate) fn objects() -> impl Strategy<Value = Objects> {
    let walking = Profile { kill: lacuna_model::profile::Kill::Walk, ..Profile::linux() };
    let reaping = Profile { tracking: lacuna_model::profile::Tracking::Subreaper, ..walking.clone() };
    let missing = Profile { waiting: lacuna_model::profile::Waiting::CheckThenSleep, ..Profile::linux_hardened() };
    let profiles = [Profile::ideal(), Profile::linux(), Profile::linux_hardened(), walking, reaping, missing];
    (system(), proptest::sample::select(profiles.to_vec()))
        .prop_filter_map("no program", |(system, profile)| Objects::new(&system, &profile).ok())
}
