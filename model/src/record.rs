//! Records: what observers outside saw of a scenario's run on a host. A record has no order of its own but that of time:
//! every event has an interval in which it happened, and one event is before another only if its interval is over when the
//! other's begins, or if both came through one queue.
//!
//! An operation of a context is two events, its call and its return, as in Ridge et al. 2015 and in the histories of Herlihy and
//! Wing 1990: what the model does for it, in one step or in several, is done in between. What is no operation (that a process lives,
//! has ended, or is in a group) is true of one state within its interval.
//!
//! # Whose word an event is
//! - [`By::Supervisor`]: the process that ran the scenario, of its own calls. It takes its clock just before and just after.
//! - [`By::Kernel`]: asked from outside, by a pidfd, a cgroup's list, the credentials of a message.
//! - [`By::Buffer`]: what came out of a buffer's outer end.
//! - [`By::Inside`]: what a process of the sandbox says of itself. It may lie. That it wrote something, and when, is the kernel's word.

use serde::{Deserialize, Serialize};

/// The version of the format.
pub const VERSION: u32 = 1;

/// What was observed of one run of a scenario on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`VERSION`].
    pub version: u32,
    /// The name of the scenario.
    pub scenario: String,
    /// What was applied on the host, by name: the effective profile follows from it.
    pub applied: Vec<String>,
    /// The contexts all of whose operations are in the record, `process/context`, for all instances of the process. What any other context
    /// does is not observed.
    pub reported: Vec<String>,
    /// What of the scenario the run left out or changed, as sentences.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// The events, in no order.
    pub events: Vec<Observed>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Not before, in nanoseconds of the monotonic clock from the beginning of the record.
    pub from_ns: u64,
    /// Not after.
    pub to_ns: u64,
    /// Whose word it is.
    pub by: By,
    /// The queue that it came through, if through one: of two events of a queue, the one that stands first in the record was first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// Whose word an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Of the process outside that ran the scenario, of its own calls.
    Supervisor,
    /// Of the kernel, asked from outside.
    Kernel,
    /// Of a buffer, at its outer end.
    Buffer,
    /// Of a process inside, which may lie.
    Inside,
}

/// A process that was observed, by a number of the record: not an entry of any table, and never given twice.
pub type Instance = u32;

/// What was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// The first sign of a process: it runs the program of that declared process.
    Appears {
        /// Which, from now on.
        instance: Instance,
        /// Of which declared process.
        process: String,
    },
    /// A context asks the kernel for something, and does nothing else until it returns.
    Calls {
        /// Whose context.
        instance: Instance,
        /// Which.
        context: String,
        /// For what.
        operation: Operation,
        /// Of what: the name of a handle, a process, a group, a buffer, an object.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// The call is over.
    Returns {
        /// Whose context.
        instance: Instance,
        /// Which.
        context: String,
        /// What came of it.
        came: Came,
    },
    /// It lives.
    Lives {
        /// Which.
        instance: Instance,
    },
    /// It has ended, waited for or not.
    Ended {
        /// Which.
        instance: Instance,
    },
    /// It lives, and what the kernel tracks the group by finds it there.
    Member {
        /// Which.
        instance: Instance,
        /// Of which job group.
        group: String,
    },
    /// It lives, and is not found there.
    Outside {
        /// Which.
        instance: Instance,
        /// Of which job group.
        group: String,
    },
    /// Nobody who is tracked in the group lives.
    Empty {
        /// Which.
        group: String,
    },
    /// A message that some process has sent came out of the buffer, where the scenario's own programs do not take it.
    Message {
        /// Of which buffer.
        buffer: String,
    },
}

/// An operation, as a program has it; what it is called in a scenario, in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the instruction of that name")]
pub enum Operation {
    Open,
    Close,
    Spawn,
    Fork,
    Detach,
    Exit,
    Wait,
    Kill,
    KillProcess,
    LockDown,
    Send,
    Receive,
    Poll,
    Allocate,
    Read,
    Write,
    Create,
    Execute,
}

impl Operation {
    /// `"kill-process"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Spawn => "spawn",
            Self::Fork => "fork",
            Self::Detach => "detach",
            Self::Exit => "exit",
            Self::Wait => "wait",
            Self::Kill => "kill",
            Self::KillProcess => "kill-process",
            Self::LockDown => "lock-down",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Poll => "poll",
            Self::Allocate => "allocate",
            Self::Read => "read",
            Self::Write => "write",
            Self::Create => "create",
            Self::Execute => "execute",
        }
    }
}

/// What came of an operation, as far as its caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Came {
    /// It is done.
    Done,
    /// The kernel refused.
    Refused,
    /// Its time was over.
    TimedOut,
}

impl Came {
    /// `"timed out"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::TimedOut => "timed out",
        }
    }
}

impl What {
    /// The process that it is about, if about one.
    pub fn instance(&self) -> Option<Instance> {
        match self {
            Self::Appears { instance, .. }
            | Self::Calls { instance, .. }
            | Self::Returns { instance, .. }
            | Self::Lives { instance }
            | Self::Ended { instance }
            | Self::Member { instance, .. }
            | Self::Outside { instance, .. } => Some(*instance),
            Self::Empty { .. } | Self::Message { .. } => None,
        }
    }
}

impl Record {
    /// `daemon#3`: an instance as a reader knows it.
    pub fn name_of(&self, instance: Instance) -> String {
        let process = self.events.iter().find_map(|event| match &event.what {
            What::Appears { instance: of, process } if *of == instance => Some(process.as_str()),
            _ => None,
        });
        format!("{}#{instance}", process.unwrap_or("nobody"))
    }

    /// An event as a sentence.
    pub fn sentence(&self, event: &Observed) -> String {
        let name = |instance: &Instance| self.name_of(*instance);
        match &event.what {
            What::Appears { instance, process } => format!("{} appears, as `{process}`", name(instance)),
            What::Calls { instance, context, operation, target } => {
                let target = target.as_ref().map_or(String::new(), |target| format!(" `{target}`"));
                format!("{}/{context} calls {}{target}", name(instance), operation.name())
            }
            What::Returns { instance, context, came } => {
                format!("{}/{context}: its call returns, {}", name(instance), came.name())
            }
            What::Lives { instance } => format!("{} lives", name(instance)),
            What::Ended { instance } => format!("{} has ended", name(instance)),
            What::Member { instance, group } => format!("{} is in job group `{group}`", name(instance)),
            What::Outside { instance, group } => format!("{} lives outside of job group `{group}`", name(instance)),
            What::Empty { group } => format!("job group `{group}` is empty"),
            What::Message { buffer } => format!("a message comes out of `{buffer}`"),
        }
    }

    /// What is left where nobody inside is believed: their calls are unseen, and only a context whose calls are all somebody else's word is
    /// reported. Which part a process plays stays as it said.
    pub fn from_outside(&self) -> Self {
        let mut outside = std::collections::BTreeSet::new();
        for event in self.events.iter().filter(|event| event.by != By::Inside) {
            if let What::Calls { instance, context, .. } = &event.what {
                let process = self.events.iter().find_map(|other| match &other.what {
                    What::Appears { instance: of, process } if of == instance => Some(process),
                    _ => None,
                });
                outside.extend(process.map(|process| format!("{process}/{context}")));
            }
        }
        let mut record = self.clone();
        record.reported.retain(|name| outside.contains(name));
        record.events.retain(|event| event.by != By::Inside);
        record
    }

    /// Was it before the other, for certain? Both by their places in the list of events.
    pub fn is_before(&self, first: usize, second: usize) -> bool {
        let (Some(one), Some(other)) = (self.events.get(first), self.events.get(second)) else { return false };
        let in_order = || one.queue.is_some() && one.queue == other.queue || one.what.is_of_the_context_of(&other.what);
        one.to_ns < other.from_ns || first < second && in_order()
    }
}

impl What {
    /// Are both operations of one context? It does one after the other.
    fn is_of_the_context_of(&self, other: &Self) -> bool {
        fn context(what: &What) -> Option<(Instance, &str)> {
            match what {
                What::Calls { instance, context, .. } | What::Returns { instance, context, .. } => {
                    Some((*instance, context))
                }
                _ => None,
            }
        }
        context(self).is_some() && context(self) == context(other)
    }
}
