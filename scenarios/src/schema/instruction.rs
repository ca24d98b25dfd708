//! The tables of the instruction set.

use lacuna_model::system::MAX_PROGRAM;

use super::scenario::RIGHT;
use super::{Choice, Form, Kind, Need, Record, Space, bare, field, variant};

static HANDLE: Kind = Kind::Refers(Space::Handle);
static NEW_HANDLE: Kind = Kind::Declares(Space::Handle);
static PROCESS: Kind = Kind::Refers(Space::Process);
static BUFFER: Kind = Kind::Refers(Space::Buffer);
static OBJECT: Kind = Kind::Refers(Space::Object);
static LOCK: Kind = Kind::Refers(Space::Lock);
static MODE: Kind = Kind::Refers(Space::Mode);
static DOMAIN: Kind = Kind::Refers(Space::Domain);
static DURATION: Kind = Kind::Duration;
static SIZE: Kind = Kind::Size;
static INSTRUCTIONS: Kind = Kind::OneOf(&INSTRUCTION);
static PROGRAM: Kind = Kind::List(&INSTRUCTIONS);
static BRANCHES: Kind = Kind::List(&PROGRAM);

/// The named arguments of an instruction.
macro_rules! arguments {
    ($instruction:literal, $fields:expr) => {
        Record {
            title: $instruction,
            noun: concat!("`", $instruction, "`"),
            tag: None,
            about: "Arguments of an instruction.",
            fields: $fields,
        }
    };
}

/// The instruction set.
pub(crate) static INSTRUCTION: Choice = Choice {
    title: "Instruction",
    noun: "instruction",
    variants: &[
        variant(
            "Compute",
            &[Form::One(&DURATION), Form::Fields(&COMPUTE)],
            "Compute(bcet: \"1ms\", wcet: \"4ms\")",
            "computes for a time in this interval; `Compute(\"1ms\")` for exactly this time",
        ),
        variant(
            "Open",
            &[Form::One(&NEW_HANDLE)],
            "Open(\"pipe\")",
            "creates a kernel object (a pipe, say) and a handle of this name to it",
        ),
        variant("Close", &[Form::One(&HANDLE)], "Close(\"pipe\")", "closes a handle"),
        variant(
            "Spawn",
            &[Form::Fields(&SPAWN)],
            "Spawn(process: \"builder\", pass: [\"log\"])",
            "creates a process with a program of its own, handing it these handles",
        ),
        variant(
            "Fork",
            &[Form::One(&PROCESS)],
            "Fork(\"child\")",
            "makes a copy of the calling process that goes on with the program of this one, of the same domain",
        ),
        bare("Detach", "leaves process group and session"),
        bare("Exit", "ends the process"),
        variant(
            "Wait",
            &[Form::Fields(&WAIT)],
            "Wait(process: \"builder\", until: \"2s\")",
            "waits until one instance of the process, a child of the caller, has ended, or the time is over",
        ),
        variant("Kill", &[Form::Fields(&KILL)], "Kill(group: \"job\")", "kills a job group"),
        variant(
            "KillProcess",
            &[Form::Fields(&KILL_PROCESS)],
            "KillProcess(process: \"builder\")",
            "kills one process, the last instance that a program created of it, by what the kernel names it",
        ),
        variant("LockDown", &[Form::One(&DOMAIN)], "LockDown(\"tenant\")", "shuts a security domain down, for good"),
        variant("Send", &[Form::One(&BUFFER)], "Send(\"log\")", "sends a message"),
        variant("Receive", &[Form::One(&BUFFER)], "Receive(\"log\")", "receives a message, waiting for one"),
        variant("Lock", &[Form::One(&LOCK)], "Lock(\"bus\")", "takes a lock, waiting until nobody holds it"),
        variant("Unlock", &[Form::One(&LOCK)], "Unlock(\"bus\")", "gives a lock back"),
        variant("Poll", &[Form::One(&BUFFER)], "Poll(\"log\")", "receives a message if there is one"),
        variant(
            "Await",
            &[Form::One(&BUFFER)],
            "Await(\"work\")",
            "waits until there is a message and leaves it there; whether it may miss one is the kernel's affair",
        ),
        variant(
            "Ack",
            &[Form::One(&BUFFER)],
            "Ack(\"requests\")",
            "has done with the message received last, as the next `Receive` says too",
        ),
        variant(
            "Attach",
            &[Form::One(&BUFFER)],
            "Attach(\"requests\")",
            "takes over a buffer, once nobody lives whom it is attached to, if all its messages will be in time",
        ),
        variant(
            "SetLimit",
            &[Form::Fields(&SET_LIMIT)],
            "SetLimit(buffer: \"log\", capacity: 8)",
            "says how many messages fit from now on; refused if there are more, or if the kernel cannot",
        ),
        variant("Access", &[Form::Fields(&ACCESS)], "Access(object: \"home\", right: Read)", "tries to use an object"),
        variant(
            "DropRights",
            &[Form::Fields(&DROP_RIGHTS)],
            "DropRights(objects: [\"home\"])",
            "gives up every right to these objects: for the calling context, or for its process, as the kernel has it",
        ),
        variant(
            "Regain",
            &[Form::One(&OBJECT)],
            "Regain(\"home\")",
            "asks for its rights to an object back, which it has given up",
        ),
        variant(
            "Grant",
            &[Form::Fields(&GRANT)],
            "Grant(object: \"home\", process: \"builder\")",
            "hands on its rights to an object: those that a process has given up it has again",
        ),
        variant(
            "Allocate",
            &[Form::One(&SIZE)],
            "Allocate(\"64MiB\")",
            "takes memory and keeps it until the process ends",
        ),
        variant(
            "SwitchMode",
            &[Form::One(&MODE)],
            "SwitchMode(\"landing\")",
            "changes the mode of the system; refused, unless the domain may and the mode may follow",
        ),
        variant("Loop", &[Form::Fields(&LOOP)], "Loop(times: 3, do: [Send(\"log\")])", "repeats"),
        variant("Forever", &[Form::One(&PROGRAM)], "Forever([Receive(\"log\")])", "repeats without end"),
        variant("Choose", &[Form::One(&BRANCHES)], "Choose([[Exit], [Send(\"log\")]])", "does one of these, whichever"),
        variant(
            "Adversary",
            &[Form::Bare, Form::Fields(&ADVERSARY)],
            "Adversary(depth: 4)",
            "tries anything that the process could try; `Adversary` for any number of steps",
        ),
    ],
};

static COMPUTE: Record = arguments!(
    "Compute",
    &[
        field("bcet", Kind::Duration, Need::Required, "at least"),
        field("wcet", Kind::Duration, Need::Required, "at most; at least the `bcet`"),
    ]
);

static SPAWN: Record = arguments!(
    "Spawn",
    &[
        field("process", Kind::Refers(Space::Process), Need::Required, "which"),
        field("pass", Kind::List(&HANDLE), Need::Absent("none"), "the list of handles"),
    ]
);

static WAIT: Record = arguments!(
    "Wait",
    &[
        field("process", Kind::Refers(Space::Process), Need::Required, "for which; the waiting process creates it"),
        field("until", Kind::Duration, Need::Absent("without end"), "at most so long"),
    ]
);

static KILL: Record = arguments!("Kill", &[field("group", Kind::Refers(Space::JobGroup), Need::Required, "which")]);

static KILL_PROCESS: Record =
    arguments!("KillProcess", &[field("process", Kind::Refers(Space::Process), Need::Required, "which")]);

static SET_LIMIT: Record = arguments!(
    "SetLimit",
    &[
        field("buffer", Kind::Refers(Space::Buffer), Need::Required, "of which"),
        field("capacity", Kind::Integer { min: 1, max: u8::MAX as u64 }, Need::Required, "how many messages"),
    ]
);

static ACCESS: Record = arguments!(
    "Access",
    &[
        field("object", Kind::Refers(Space::Object), Need::Required, "which"),
        field("right", Kind::OneOf(&RIGHT), Need::Required, "how"),
    ]
);

static DROP_RIGHTS: Record =
    arguments!("DropRights", &[field("objects", Kind::List(&OBJECT), Need::Required, "to which")]);

static GRANT: Record = arguments!(
    "Grant",
    &[
        field("object", Kind::Refers(Space::Object), Need::Required, "to which"),
        field("process", Kind::Refers(Space::Process), Need::Required, "to which: every instance that lives"),
    ]
);

static LOOP: Record = arguments!(
    "Loop",
    &[
        field("times", Kind::Integer { min: 1, max: MAX_PROGRAM as u64 }, Need::Required, "how often"),
        field("do", Kind::List(&INSTRUCTIONS), Need::Required, "what"),
    ]
);

static ADVERSARY: Record = arguments!(
    "Adversary",
    &[field(
        "depth",
        Kind::Integer { min: 1, max: u8::MAX as u64 },
        Need::Absent("any number"),
        "at most so many steps, of all adversaries together",
    )]
);
