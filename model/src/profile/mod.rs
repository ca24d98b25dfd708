//! Profiles: what a kernel **offers**, and what a supervisor **uses** of it, one file an axis.
//!
//! A [`Kernel`] is a set of choices on every axis. A [`Profile`] is one choice on every axis: the use of some kernel.
//! `linux` and `linux-hardened` are one kernel used in two ways. The relation asks an axis narrow questions ("does
//! this handle reach the child?"); nothing outside this module matches on a choice.

pub mod attachment;
pub mod authority;
pub mod awareness;
mod axes;
pub mod buffer_rights;
pub mod buffers;
pub mod coupling;
pub mod creation;
pub mod credentials;
pub mod identity;
pub mod inheritance;
pub mod inversion;
pub mod kill;
pub mod lock_recovery;
pub mod mode_change;
mod named;
pub mod quota;
pub mod regain;
pub mod scheduling;
pub mod shutdown;
pub mod teardown;
pub mod time_isolation;
pub mod tracking;
pub mod waiting;

pub use attachment::Attachment;
pub use authority::Authority;
pub use awareness::Awareness;
pub use axes::Axis;
pub use buffer_rights::BufferRights;
pub use buffers::{BufferKind, Buffers, CapacityRule};
pub use coupling::Coupling;
pub use creation::Creation;
pub use credentials::Credentials;
pub use identity::Identity;
pub use inheritance::Inheritance;
pub use inversion::Inversion;
pub use kill::Kill;
pub use lock_recovery::LockRecovery;
pub use mode_change::ModeChange;
pub use named::Named;
pub use quota::Quota;
pub use regain::Regain;
pub use scheduling::{Class, Scheduling};
pub use shutdown::Shutdown;
pub use teardown::Teardown;
pub use time_isolation::TimeIsolation;
pub use tracking::Tracking;
pub use waiting::Waiting;

use serde::Serialize;

/// One choice on every axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Profile {
    /// Its name, as in `--kernel`.
    pub name: String,
    /// How handles pass to a child.
    pub inheritance: Inheritance,
    /// How a process comes into being.
    pub creation: Creation,
    /// How descendants are found again.
    pub tracking: Tracking,
    /// What a kill of a group reaches.
    pub kill: Kill,
    /// What names a process to whoever kills it.
    pub identity: Identity,
    /// Whose processes are counted.
    pub process_quota: Quota,
    /// Whose memory is counted.
    pub memory_quota: Quota,
    /// What decides an access to files and directories.
    pub files: Authority,
    /// What decides an access to the network.
    pub network: Authority,
    /// Whose the rights are that a context gives up.
    pub credentials: Credentials,
    /// What decides an access to named kernel objects.
    pub ipc: Authority,
    /// What becomes of files when the job group has ended that made them.
    pub file_teardown: Teardown,
    /// What becomes then of named kernel objects.
    pub ipc_teardown: Teardown,
    /// What gives back a right that was given up.
    pub regain: Regain,
    /// What keeps a context from the time of others.
    pub time_isolation: TimeIsolation,
    /// By what right the owner of a lock runs.
    pub inversion: Inversion,
    /// What becomes of a lock whose owner has ended.
    pub lock_recovery: LockRecovery,
    /// How a program waits for a condition.
    pub waiting: Waiting,
    /// Which kinds of buffer there are.
    pub buffers: Buffers,
    /// What decides who may use one.
    pub buffer_rights: BufferRights,
    /// How a buffer comes to another receiver.
    pub attachment: Attachment,
    /// What becomes of a domain that is locked down.
    pub shutdown: Shutdown,
    /// Whether schedules hang on domains or groups.
    pub coupling: Coupling,
    /// When the tasks of a new mode begin to arrive.
    pub mode_change: ModeChange,
    /// What the scheduler is told of who waits for whom.
    pub awareness: Awareness,
    /// Which classes of scheduling policies there are.
    pub scheduling: Scheduling,
}

/// What a kernel offers: the choices on every axis, each with the source that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Its name.
    pub name: &'static str,
    /// Choices of [`Profile::inheritance`].
    pub inheritance: &'static [Inheritance],
    /// Choices of [`Profile::creation`].
    pub creation: &'static [Creation],
    /// Choices of [`Profile::tracking`].
    pub tracking: &'static [Tracking],
    /// Choices of [`Profile::kill`].
    pub kill: &'static [Kill],
    /// Choices of [`Profile::identity`].
    pub identity: &'static [Identity],
    /// Choices of both quotas.
    pub quota: &'static [Quota],
    /// Choices of the authorities.
    pub authority: &'static [Authority],
    /// Choices of [`Profile::credentials`].
    pub credentials: &'static [Credentials],
    /// Choices of [`Profile::file_teardown`].
    pub file_teardown: &'static [Teardown],
    /// Choices of [`Profile::ipc_teardown`].
    pub ipc_teardown: &'static [Teardown],
    /// Choices of [`Profile::regain`].
    pub regain: &'static [Regain],
    /// Choices of [`Profile::time_isolation`].
    pub time_isolation: &'static [TimeIsolation],
    /// Choices of [`Profile::inversion`].
    pub inversion: &'static [Inversion],
    /// Choices of [`Profile::lock_recovery`].
    pub lock_recovery: &'static [LockRecovery],
    /// Choices of [`Profile::waiting`].
    pub waiting: &'static [Waiting],
    /// All kinds of buffer that there are.
    pub buffers: Buffers,
    /// Choices of [`Profile::buffer_rights`].
    pub buffer_rights: &'static [BufferRights],
    /// Choices of [`Profile::attachment`].
    pub attachment: &'static [Attachment],
    /// Choices of [`Profile::shutdown`].
    pub shutdown: &'static [Shutdown],
    /// Choices of [`Profile::coupling`].
    pub coupling: &'static [Coupling],
    /// Choices of [`Profile::mode_change`].
    pub mode_change: &'static [ModeChange],
    /// Choices of [`Profile::awareness`].
    pub awareness: &'static [Awareness],
    /// Choices of [`Profile::scheduling`].
    pub scheduling: &'static [Scheduling],
}

impl Kernel {
    /// Is every choice of the profile offered by this kernel? If not, the axis of the first that is not.
    ///
    /// # Errors
    /// The name of that axis.
    pub fn offers(&self, profile: &Profile) -> Result<(), &'static str> {
        let axes = [
            ("inheritance", self.inheritance.contains(&profile.inheritance)),
            ("creation", self.creation.contains(&profile.creation)),
            ("tracking", self.tracking.contains(&profile.tracking)),
            ("kill", self.kill.contains(&profile.kill)),
            ("identity", self.identity.contains(&profile.identity)),
            ("process quota", self.quota.contains(&profile.process_quota)),
            ("memory quota", self.quota.contains(&profile.memory_quota)),
            ("files", self.authority.contains(&profile.files)),
            ("network", self.authority.contains(&profile.network)),
            ("credentials", self.credentials.contains(&profile.credentials)),
            ("ipc", self.authority.contains(&profile.ipc)),
            ("teardown of files", self.file_teardown.contains(&profile.file_teardown)),
            ("teardown of ipc objects", self.ipc_teardown.contains(&profile.ipc_teardown)),
            ("regain", self.regain.contains(&profile.regain)),
            ("time isolation", self.time_isolation.contains(&profile.time_isolation)),
            ("inversion", self.inversion.contains(&profile.inversion)),
            ("lock recovery", self.lock_recovery.contains(&profile.lock_recovery)),
            ("waiting", self.waiting.contains(&profile.waiting)),
            ("buffers offered", profile.buffers.within(self.buffers)),
            ("buffer rights", self.buffer_rights.contains(&profile.buffer_rights)),
            ("attachment", self.attachment.contains(&profile.attachment)),
            ("shutdown", self.shutdown.contains(&profile.shutdown)),
            ("coupling", self.coupling.contains(&profile.coupling)),
            ("mode change", self.mode_change.contains(&profile.mode_change)),
            ("awareness", self.awareness.contains(&profile.awareness)),
            ("scheduling", self.scheduling.contains(&profile.scheduling)),
        ];
        axes.into_iter().find(|(_, offered)| !offered).map_or(Ok(()), |(axis, _)| Err(axis))
    }
}

impl Profile {
    /// The profiles that have names.
    pub const NAMED: &'static [&'static Named] = named::ALL;

    /// The profile of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|named| named.name == name).map(|named| named.profile())
    }

    /// All that have names.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::NAMED.iter().map(|named| named.profile())
    }

    /// The axes, each with this profile's choice, by their names.
    pub fn choices(&self) -> Vec<(&'static str, &'static str)> {
        Axis::ALL.iter().map(|axis| (axis.name, axis.choice_of(self))).collect()
    }
}
