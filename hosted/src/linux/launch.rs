//! The launch: everything is prepared here, in the supervisor, then one `clone` makes the keeper in its namespaces.
//!
//! Source: `clone(2)`, `unix(7)`. The supervisor may have many threads, so after the `clone` only raw calls are made on
//! what this file prepared. The launch has succeeded when the first process has exec'd *and* every planned step was
//! reported; otherwise all of it is ended before the error is returned.

use std::ffi::{CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType, recvmsg, socketpair,
};
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use super::capabilities::{Bounding, SETPCAP};
use super::cgroup::Group;
use super::child::{First, Image, LateRule, Strings};
use super::descriptors::Table;
use super::groups::Groups;
use super::keeper::{self, Keeper, Loopback, Means};
use super::landlock::LandlockError;
use super::namespaces::Identity;
use super::protocol::{self, Message, Stage};
use super::streams::Streams;
use super::sys::{self, CloneCall, NewProcess, Side};
use super::{landlock, private_root, rlimits, seccomp};
use crate::command::{JobCommand, Program};
use crate::end::Account;
use crate::job::{Job, Started};
use crate::plan::Plan;
use crate::policy::{Access, Network};
use crate::primitive::PrimitiveId;

/// The launch did not happen; nothing of it remains.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// There is no such program.
    #[error("no program {0}")]
    NoProgram(PathBuf),
    /// The program is there, and the policy does not let the job execute it.
    #[error("{} is there, and the policy does not let the job read and execute it", .0.display())]
    NotGranted(PathBuf),
    /// The program could not be executed: itself, its interpreter, or what it is linked with first.
    #[error("exec of {}: {source}", .program.display())]
    Exec {
        /// Its path.
        program: PathBuf,
        /// The kernel's word.
        source: io::Error,
    },
    /// A string holds a NUL.
    #[error("an argument, variable or path holds a NUL")]
    Nul(#[from] std::ffi::NulError),
    /// Two descriptors for one number, or one for a standard stream.
    #[error("descriptor number {0} is below 3, or is listed twice")]
    Target(RawFd),
    /// Something that the launch itself needs.
    #[error("cannot prepare {what}: {source}")]
    Prepare {
        /// What.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A step could not be prepared.
    #[error("cannot prepare {primitive}: {source}")]
    PrepareStep {
        /// Which.
        primitive: PrimitiveId,
        /// Why not.
        source: io::Error,
    },
    /// Landlock's rules could not be made.
    #[error("cannot prepare landlock: {0}")]
    Landlock(#[from] LandlockError),
    /// The keeper could not be made with these namespaces.
    #[error("cannot make a process with {}: {source}", names(.namespaces))]
    Namespaces {
        /// What was asked of the one call.
        namespaces: Vec<PrimitiveId>,
        /// Why not.
        source: io::Error,
    },
    /// A step failed on the other side.
    #[error("{stage} could not be applied: {source}")]
    Step {
        /// Which.
        stage: Stage,
        /// Why not.
        source: io::Error,
    },
    /// The program was started, and yet a step of the plan was never reported.
    #[error("{0} was planned and not reported as applied")]
    Unreported(PrimitiveId),
    /// It ended, or was killed, before the program started.
    #[error("the job was ended before its program started")]
    Died,
}

fn names(namespaces: &[PrimitiveId]) -> String {
    if namespaces.is_empty() {
        return "no namespace".into();
    }
    namespaces.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Launches a command. See [`JobCommand::spawn`].
pub(crate) fn spawn(command: JobCommand) -> Result<Job, LaunchError> {
    use PrimitiveId::*;
    let prepare = |what| move |source| LaunchError::Prepare { what, source };
    let errno = |what| move |error: rustix::io::Errno| LaunchError::Prepare { what, source: error.into() };
    clean_once();

    let JobCommand { plan, program, arguments, environment, directory, stdin, stdout, stderr, passed, .. } = command;
    let path = environment.get(OsStr::new("PATH")).cloned();
    let groups = Groups::prepare(&plan)?;
    let (control, control_far) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(errno("a socket"))?;
    let supervisor = pidfd_open(getpid(), PidfdFlags::empty()).map_err(errno("a pidfd"))?;
    let streams = Streams::prepare(stdin, stdout, stderr)?;
    let ruleset = landlock::prepare(&plan)?;

    // Namespaces.
    let table = [
        (UserNamespace, libc::CLONE_NEWUSER),
        (PidNamespace, libc::CLONE_NEWPID),
        (NetworkNamespace, libc::CLONE_NEWNET),
        (IpcNamespace, libc::CLONE_NEWIPC),
    ];
    let used: Vec<_> = table.into_iter().filter(|(id, _)| plan.uses(*id)).collect();
    let flags = used.iter().fold(0, |flags, (_, flag)| flags | flag);
    let namespaces: Vec<_> = used.into_iter().map(|(id, _)| id).collect();

    // Cgroups to be born in or to join.
    let call = if plan.facts().clone3.works() { CloneCall::Clone3 } else { CloneCall::Clone };
    let mut join_files = Vec::new();
    let mut join = |id, group: &Group| -> Result<(), LaunchError> {
        let file = group.open("cgroup.procs", OFlags::WRONLY);
        join_files.push((id, file.map_err(|source| LaunchError::PrepareStep { primitive: id, source })?));
        Ok(())
    };
    if let (Some(v2), CloneCall::Clone) = (&groups.v2, call) {
        join(CgroupV2, &v2.group)?;
    }
    for (id, group) in &groups.v1 {
        join(*id, group)?;
    }
    if let Some(freezer) = &groups.freezer {
        join(CgroupV1Freezer, freezer)?;
    }
    let freezer_state = groups.freezer.as_ref().map(|group| group.open("freezer.state", OFlags::WRONLY));
    let freezer_state = freezer_state.transpose().map_err(prepare("the freezer"))?;
    let means = match (&groups.v2, &groups.freezer, &freezer_state) {
        (Some(v2), ..) => Means::CgroupKill(v2.kill_file().as_raw_fd()),
        (None, ..) if plan.uses(PidNamespace) => Means::Namespace,
        (None, Some(group), Some(state)) => {
            let procs = CString::new(group.path().join("cgroup.procs").as_os_str().as_bytes())?;
            Means::Freezer { state: state.as_raw_fd(), procs }
        }
        _ => Means::Children,
    };

    // What the first process starts with.
    let mut wanted = streams.wanted();
    for (copy, target) in &passed {
        if *target < 3 || wanted.iter().any(|(_, taken)| taken == target) {
            return Err(LaunchError::Target(*target));
        }
        wanted.push((copy.as_raw_fd(), *target));
    }
    let image = match &program {
        Program::Named(name) => Image::Path(find(name, path.as_deref(), directory.as_deref(), &plan)?),
        Program::Open(fd) => Image::Descriptor(fd.as_raw_fd()),
    };
    let executed = match &image {
        Image::Path(path) => Some(PathBuf::from(OsStr::from_bytes(path.to_bytes()))),
        Image::Descriptor(_) => None,
    };
    let setpcap = plan.uses(UserNamespace) || plan.facts().capable(SETPCAP);
    let step = |id: PrimitiveId| plan.has(id).then_some(id);
    let steps = |ids: &[PrimitiveId]| ids.iter().copied().filter(|id| plan.has(*id)).collect::<Vec<_>>();
    let words = environment.iter().map(|(name, value)| [name.as_bytes(), value.as_bytes()].join(&b'='));
    let first = First {
        control: control_far.as_raw_fd(),
        join: join_files.iter().map(|(id, file)| (*id, file.as_raw_fd())).collect(),
        new_session: step(NewSession),
        table: Table::new(wanted),
        scrub: step(ExactDescriptors),
        root: private_root::prepare(&plan)
            .map_err(|source| LaunchError::PrepareStep { primitive: PrivateRoot, source })?,
        directory: directory.map(|path| CString::new(path.as_os_str().as_bytes())).transpose()?,
        rlimits: rlimits::prepare(&plan),
        capabilities: step(DropCapabilities).map(|_| if setpcap { Bounding::Empty } else { Bounding::Leave }),
        no_new_privileges: step(NoNewPrivileges),
        ruleset: ruleset.as_ref().map(AsRawFd::as_raw_fd),
        late_rules: late_rules(&plan),
        landlocks: steps(&[LandlockFiles, LandlockTruncate, LandlockNetwork, LandlockScopes]),
        filter: seccomp::prepare(&plan),
        filters: steps(&[SeccompSurface, SeccompNoInternet, SeccompSockets]),
        image,
        arguments: strings(arguments.iter().map(|word| word.as_bytes().to_vec()))?,
        environment: strings(words)?,
    };

    let started = Instant::now();
    let deadline = plan.policy().deadline_after().and_then(|after| started.checked_add(after));
    let backstop = plan.policy().deadline_after().map(|after| after.saturating_add(Duration::from_secs(1)));
    let mut keeper = Keeper {
        call,
        control: control_far.as_raw_fd(),
        supervisor: supervisor.as_raw_fd(),
        identity: plan.uses(UserNamespace).then(Identity::current),
        loopback: match plan.policy().network_granted() {
            Network::Loopback if plan.has(NetworkNamespace) => Loopback::Up,
            _ => Loopback::AsItIs,
        },
        namespaces: namespaces.clone(),
        born_in: match (&groups.v2, call) {
            (Some(v2), CloneCall::Clone3) => Some(v2.group.fd()),
            _ => None,
        },
        is_init: plan.uses(PidNamespace),
        means,
        backstop_ns: backstop.and_then(|after| sys::monotonic_ns().checked_add(u64::try_from(after.as_nanos()).ok()?)),
        remove: groups.all().map(Group::c_path).collect::<Result<_, _>>().map_err(prepare("a path"))?,
        first,
    };
    let keeper = make_keeper(&mut keeper, flags, namespaces)?;

    let account = if groups.v2.is_some() {
        Account::CgroupV2
    } else if plan.uses(PidNamespace) {
        Account::PidNamespace
    } else if groups.freezer.is_some() {
        Account::CgroupV1Freezer
    } else {
        Account::Keeper
    };
    drop((control_far, join_files, ruleset, passed, program));
    let Streams { input, output, .. } = streams;
    let begun = Started { plan, groups, account, control, keeper, started, deadline, input, output };
    Job::begin(begun).map_err(|error| match (error, executed) {
        (LaunchError::Step { stage: Stage::Exec, source }, Some(program)) => LaunchError::Exec { program, source },
        (error, _) => error,
    })
}

/// What Landlock is told of what only the private root has.
fn late_rules(plan: &Plan) -> Vec<LateRule> {
    if !plan.has(PrimitiveId::LandlockFiles) {
        return Vec::new();
    }
    let own =
        [(private_root::own_proc(plan), c"/proc", Access::READ), (private_root::own_tmp(plan), c"/tmp", Access::ALL)];
    let own = own.into_iter().filter(|(own, ..)| *own);
    own.map(|(_, path, access)| LateRule { path, rights: landlock::bits(plan, access) }).collect()
}

/// Makes the keeper; in it, this does not return.
fn make_keeper(keeper: &mut Keeper, flags: i32, namespaces: Vec<PrimitiveId>) -> Result<OwnedFd, LaunchError> {
    // No exit signal: the supervisor's own handling of its children neither hears of the keeper nor reaps it.
    let new = NewProcess { call: keeper.call, flags, exit_signal: 0, cgroup: None };
    let mask = sys::block_signals();
    // SAFETY: the child goes on in `keeper::run`, which makes raw calls on what was prepared and never returns.
    let side = unsafe { sys::clone_process(&new) };
    if let Ok(Side::Child) = side {
        keeper::run(keeper);
    }
    sys::restore_signals(&mask);
    match side {
        Ok(Side::Parent { pidfd, .. }) => {
            // SAFETY: the kernel has just made this descriptor for us.
            Ok(unsafe { OwnedFd::from_raw_fd(pidfd) })
        }
        Ok(Side::Child) => sys::exit(126),
        Err(error) => Err(LaunchError::Namespaces { namespaces, source: io::Error::from_raw_os_error(error) }),
    }
}

/// Removes what dead runs left, once in the life of this process.
fn clean_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // What cannot be removed is reported by `clean` when it is asked for; a launch does not depend on it.
        let _ = crate::clean::clean();
    });
}

fn strings(words: impl Iterator<Item = Vec<u8>>) -> Result<Strings, std::ffi::NulError> {
    Ok(Strings::new(words.map(CString::new).collect::<Result<_, _>>()?))
}

/// The path of a program: itself, or the first of that name in a `PATH` that may be executed, by its mode and by the
/// policy: as the job would find it. One that is there and not granted is an error of its own.
fn find(name: &Path, path: Option<&OsStr>, directory: Option<&Path>, plan: &Plan) -> Result<CString, LaunchError> {
    let bytes = name.as_os_str().as_bytes();
    if bytes.contains(&b'/') {
        let start = if plan.has(PrimitiveId::PrivateRoot) { "/" } else { "." };
        let seen = directory.unwrap_or(Path::new(start)).join(name);
        return match may_execute(&seen, plan) {
            Granted::No => Err(LaunchError::NotGranted(name.into())),
            Granted::Yes | Granted::NotThere => Ok(CString::new(bytes)?),
        };
    }
    let directories = path.unwrap_or(OsStr::new("/usr/local/bin:/usr/bin:/bin"));
    let mut refused = None;
    for directory in std::env::split_paths(directories) {
        let path = directory.join(name);
        if !path.is_file() || rustix::fs::access(&path, rustix::fs::Access::EXEC_OK).is_err() {
            continue;
        }
        match may_execute(&path, plan) {
            Granted::Yes => return Ok(CString::new(path.as_os_str().as_bytes())?),
            Granted::No => refused = refused.or(Some(path)),
            Granted::NotThere => {}
        }
    }
    Err(refused.map_or(LaunchError::NoProgram(name.into()), LaunchError::NotGranted))
}

/// Does the policy let the job execute a file of this host?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Granted {
    Yes,
    No,
    NotThere,
}

/// By what the plan confines: Landlock asks for the right, a private root only for a name.
fn may_execute(path: &Path, plan: &Plan) -> Granted {
    let Ok(real) = path.canonicalize() else { return Granted::NotThere };
    let rules = || plan.policy().paths().iter();
    let under = |granted: &Path| granted.canonicalize().is_ok_and(|granted| real.starts_with(granted));
    let named = !plan.has(PrimitiveId::PrivateRoot) || rules().any(|rule| under(&rule.path));
    let allowed = !plan.has(PrimitiveId::LandlockFiles)
        || rules().any(|rule| rule.access.contains(Access::EXECUTE) && under(&rule.path));
    if named && allowed { Granted::Yes } else { Granted::No }
}

/// One message of the other side, and the descriptor that came with it. `None`: the other side is gone.
pub(crate) fn receive(control: &OwnedFd) -> io::Result<Option<(Message, Option<OwnedFd>)>> {
    let mut bytes = [0u8; protocol::SIZE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [io::IoSliceMut::new(&mut bytes)];
    let read = loop {
        match recvmsg(control, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            // A peer that died with words of ours unread.
            Err(rustix::io::Errno::CONNRESET) => return Ok(None),
            result => break result?.bytes,
        }
    };
    let fd = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    match bytes.get(..read) {
        None | Some([]) => Ok(None),
        Some(bytes) => match Message::decode(bytes) {
            Some(message) => Ok(Some((message, fd))),
            None => Err(io::ErrorKind::InvalidData.into()),
        },
    }
}
