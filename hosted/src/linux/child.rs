//! The job's first process, from its `clone` to its `exec`.
//!
//! It is born in its cgroup and namespaces; here it applies what a process can only do to itself, in an order in which
//! each step leaves possible what the next ones need, and seccomp is last. Every step reports; the first that fails is
//! named and ends the launch. Raw system calls only.

use std::ffi::{CStr, CString, c_char};
use std::os::fd::RawFd;

use super::capabilities::{self, Bounding};
use super::descriptors::Table;
use super::filter::Instruction;
use super::private_root::{self, Root};
use super::protocol::{Message, Stage, send};
use super::rlimits::{self, Rlimit};
use super::sys::{self, Errno};
use super::{landlock, seccomp};
use crate::primitive::PrimitiveId;

/// The program to start.
#[derive(Debug)]
pub(crate) enum Image {
    /// By its path, seen from inside.
    Path(CString),
    /// By an open descriptor, which closes at `exec`.
    Descriptor(RawFd),
}

/// A fresh `/proc` or `/tmp`, which only this process can name to Landlock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LateRule {
    pub(crate) path: &'static CStr,
    pub(crate) rights: u64,
}

/// All that the first process needs, prepared in the supervisor.
#[derive(Debug)]
pub(crate) struct First {
    pub(crate) control: RawFd,
    /// Open `cgroup.procs` to join by a write.
    pub(crate) join: Vec<(PrimitiveId, RawFd)>,
    pub(crate) new_session: Option<PrimitiveId>,
    pub(crate) table: Table,
    pub(crate) scrub: Option<PrimitiveId>,
    pub(crate) root: Option<Root>,
    pub(crate) directory: Option<CString>,
    pub(crate) rlimits: Vec<Rlimit>,
    pub(crate) capabilities: Option<Bounding>,
    pub(crate) no_new_privileges: Option<PrimitiveId>,
    pub(crate) ruleset: Option<RawFd>,
    pub(crate) late_rules: Vec<LateRule>,
    /// What holds once the ruleset does.
    pub(crate) landlocks: Vec<PrimitiveId>,
    pub(crate) filter: Option<Vec<Instruction>>,
    /// What holds once the filter does.
    pub(crate) filters: Vec<PrimitiveId>,
    pub(crate) image: Image,
    pub(crate) arguments: Strings,
    pub(crate) environment: Strings,
}

/// Strings for `exec`: the array of pointers, ended by null, and what they point to.
#[derive(Debug)]
pub(crate) struct Strings {
    pointers: Vec<*const c_char>,
    _owned: Vec<CString>,
}

impl Strings {
    pub(crate) fn new(owned: Vec<CString>) -> Self {
        let mut pointers: Vec<_> = owned.iter().map(|string| string.as_ptr()).collect();
        pointers.push(std::ptr::null());
        Self { pointers, _owned: owned }
    }
}

/// Goes on as the job's first process.
pub(crate) fn run(first: &mut First, exec_watch: RawFd) -> ! {
    let Err((stage, errno)) = steps(first, exec_watch);
    send(first.control, Message::Failed(stage, errno));
    sys::exit(127)
}

/// Never returns but for the first failure.
fn steps(first: &mut First, exec_watch: RawFd) -> Result<std::convert::Infallible, (Stage, Errno)> {
    use PrimitiveId::*;
    let at = |id: PrimitiveId| move |errno: Errno| (Stage::Primitive(id), errno);
    let control_before = first.control;
    let holds = |control: RawFd, id: PrimitiveId| send(control, Message::Applied(id));

    for (id, procs) in &first.join {
        sys::write(*procs, b"0").map_err(at(*id))?;
        holds(control_before, *id);
    }
    if let Some(id) = first.new_session {
        // SAFETY: no arguments; the caller was just born and leads no group.
        sys::check(unsafe { libc::setsid() }.into()).map_err(at(id))?;
        holds(control_before, id);
    } else {
        // SAFETY: takes numbers only: a process group of our own.
        sys::check(unsafe { libc::setpgid(0, 0) }.into()).map_err(|errno| (Stage::Fork, errno))?;
    }

    // What is needed until exec goes above every target first.
    let above = first.table.above();
    let descriptors = |errno: Errno| (Stage::Descriptors, errno);
    let control = sys::duplicate_from(control_before, above).map_err(descriptors)?;
    first.control = control;
    sys::duplicate_from(exec_watch, above).map_err(descriptors)?;
    if let Some(ruleset) = &mut first.ruleset {
        *ruleset = sys::duplicate_from(*ruleset, above).map_err(descriptors)?;
    }
    if let Image::Descriptor(fd) = &mut first.image {
        *fd = sys::duplicate_from(*fd, above).map_err(descriptors)?;
    }
    first.table.place().map_err(descriptors)?;
    if let Some(id) = first.scrub {
        first.table.scrub().map_err(at(id))?;
        holds(control, id);
    }
    sys::reset_signals();

    if let Some(root) = &first.root {
        root.apply().map_err(at(PrivateRoot))?;
        holds(control, PrivateRoot);
    }
    if let Some(directory) = &first.directory {
        private_root::change_directory(directory).map_err(|errno| (Stage::WorkingDirectory, errno))?;
    }
    for limit in &first.rlimits {
        rlimits::apply(limit).map_err(at(limit.primitive))?;
        holds(control, limit.primitive);
    }
    if let Some(bounding) = first.capabilities {
        capabilities::drop_all(bounding).map_err(at(DropCapabilities))?;
        holds(control, DropCapabilities);
    }
    if let Some(id) = first.no_new_privileges {
        capabilities::no_new_privileges().map_err(at(id))?;
        holds(control, id);
    }
    if let (Some(ruleset), Some(id)) = (first.ruleset, first.landlocks.first()) {
        for rule in &first.late_rules {
            landlock::allow(ruleset, rule.path, rule.rights).map_err(at(*id))?;
        }
        landlock::restrict(ruleset).map_err(at(*id))?;
        first.landlocks.iter().for_each(|id| holds(control, *id));
    }
    if let (Some(filter), Some(id)) = (&first.filter, first.filters.first()) {
        seccomp::install(filter).map_err(at(*id))?;
        first.filters.iter().for_each(|id| holds(control, *id));
    }
    Err((Stage::Exec, exec(first)))
}

/// Starts the program, or says why not.
fn exec(first: &First) -> Errno {
    let (arguments, environment) = (first.arguments.pointers.as_ptr(), first.environment.pointers.as_ptr());
    match &first.image {
        Image::Path(path) => {
            // SAFETY: the path ends in NUL; both arrays end in null and hold strings that live.
            unsafe { libc::execve(path.as_ptr(), arguments, environment) };
        }
        Image::Descriptor(fd) => {
            // SAFETY: as above; the empty path with this flag names the descriptor.
            unsafe {
                libc::syscall(libc::SYS_execveat, *fd, c"".as_ptr(), arguments, environment, libc::AT_EMPTY_PATH)
            };
        }
    }
    sys::errno()
}
