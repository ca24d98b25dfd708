//! The actor: this very executable, started inside a sandbox to carry out a task, and never believed.
//!
//! A program that wants one calls [`enter`] as the first line of its `main`. Started as an actor it does not return;
//! started by anybody else it returns at once.
//!
//! What selects the actor is not a word of the command line or the environment, which any ancestor could have set, but
//! an inherited descriptor: number 3 is a memfd, sealed against every change, that begins with our mark and holds the
//! task. Claims go to descriptor 4 as lines of JSON. Source: memfd_create(2), F_ADD_SEALS in fcntl(2), execveat(2).
//!
//! [`executable`] is a sealed copy of the program, so no one whom the sandbox lets write a path can write what is
//! executed next (CVE-2019-5736). Where a memfd may not be executed it is `/proc/self/exe`.
//!
//! Claims are what the attacker says. A judge uses them only where they prove themselves (a secret that cannot be known
//! otherwise) or speak against the attacker's interest; everything else it sees for itself, outside.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags};
use serde::{Deserialize, Serialize};

use crate::measure::hold::Hold;
use crate::measure::raw;
use crate::measure::tree::{Budget, Member, Tree};
use crate::record::Part;

/// Where an actor finds its task.
pub(crate) const TASK_FD: RawFd = 3;
/// Where an actor writes its claims.
pub(crate) const CLAIMS_FD: RawFd = 4;

const MARK: &[u8] = b"lacuna-actor-task-1\n";
const MOST_TASK_BYTES: usize = 64 << 10;
const MOST_CLAIM_BYTES: usize = 3_000;
/// All that a judge reads of one actor.
const MOST_CLAIMS_BYTES: u64 = 1 << 20;

/// What an actor does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Task {
    /// Nothing, until it is killed.
    Hold,
    /// A probe's attack, so many rounds.
    Attack(Attack),
    /// A tree of processes, all of which bear this name and say on the claims' descriptor that they are at rest.
    Tree { tree: Tree, name: String },
    /// A process of a scenario that is recorded.
    Part(Part),
}

/// An attack, with what it is to aim at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attack {
    /// Which probe's.
    pub(crate) probe: String,
    /// How often.
    pub(crate) rounds: u64,
    /// Paths, addresses, names: the probe knows what is what.
    pub(crate) targets: std::collections::BTreeMap<String, String>,
}

impl Attack {
    /// A target by its name; empty if the probe has set none.
    pub(crate) fn target(&self, name: &str) -> &str {
        self.targets.get(name).map_or("", String::as_str)
    }

    /// A target that is a number.
    pub(crate) fn number<N: std::str::FromStr + Default>(&self, name: &str) -> N {
        self.target(name).parse().unwrap_or_default()
    }
}

/// What an actor says of one round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// Which round, from 0.
    pub(crate) round: u64,
    /// The call that decided.
    pub(crate) call: String,
    /// Its errno, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) errno: Option<i32>,
    /// What it came to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) saw: Option<String>,
}

/// Where claims are written.
pub(crate) struct Claims {
    to: File,
    round: u64,
}

impl Claims {
    /// The round under way, from 0.
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    /// Says what a call came to.
    pub(crate) fn say<T>(&mut self, call: &str, result: &std::io::Result<T>) {
        let errno = result.as_ref().err().map(|e| e.raw_os_error().unwrap_or(0));
        self.write(&Claim { round: self.round, call: call.into(), errno, saw: None });
    }

    /// Says what was learnt by a call.
    pub(crate) fn saw(&mut self, call: &str, result: std::io::Result<String>) {
        let (errno, saw) = match result {
            Ok(text) => (None, Some(text.chars().take(200).collect())),
            Err(error) => (Some(error.raw_os_error().unwrap_or(0)), None),
        };
        self.write(&Claim { round: self.round, call: call.into(), errno, saw });
    }

    fn write(&mut self, claim: &Claim) {
        // A judge that has stopped listening is no concern of the attacker's.
        if let Ok(mut line) = serde_json::to_vec(claim)
            && line.len() < MOST_CLAIM_BYTES
        {
            line.push(b'\n');
            let _ = self.to.write_all(&line);
        }
    }
}

/// Becomes the actor, if this process was started as one; else returns at once.
///
/// To be called first in `main`, before any thread is started.
pub fn enter() {
    let Some(task) = take_task() else { return };
    let status = match task {
        Ok(task) => carry_out(task),
        Err(error) => {
            eprintln!("lacuna actor: {error}");
            2
        }
    };
    std::process::exit(status);
}

/// Why a process that was started as an actor cannot be one, or none could be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActorError {
    /// The task is longer than anything we write.
    #[error("the task is longer than {MOST_TASK_BYTES} bytes")]
    Long,
    /// The task is not one of ours, though it bears our mark.
    #[error("the task cannot be read: {0}")]
    Task(#[from] serde_json::Error),
    /// A call failed that has no reason to.
    #[error("{what}: {source}")]
    Io {
        /// Which, or what for.
        what: &'static str,
        /// The errno.
        source: std::io::Error,
    },
}

/// `None`: this process is nobody's actor.
fn take_task() -> Option<Result<Task, ActorError>> {
    // SAFETY: the number is only asked for its seals; where nothing is open the call fails.
    let fd = unsafe { BorrowedFd::borrow_raw(TASK_FD) };
    if rustix::fs::fcntl_get_seals(fd).ok()? != seals() {
        return None;
    }
    let mut text = vec![0; MOST_TASK_BYTES + 1];
    let length = rustix::io::pread(fd, &mut text, 0).ok()?;
    let body = text.get(..length)?.strip_prefix(MARK)?;
    // SAFETY: marked and sealed, so it was put there for us, and nobody else in this fresh process owns the number.
    drop(unsafe { OwnedFd::from_raw_fd(TASK_FD) });
    Some(if length > MOST_TASK_BYTES {
        Err(ActorError::Long)
    } else {
        serde_json::from_slice(body).map_err(Into::into)
    })
}

fn seals() -> SealFlags {
    SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL
}

fn carry_out(task: Task) -> i32 {
    match task {
        Task::Hold => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        Task::Attack(attack) => {
            let Some(probe) = crate::probe::find(&attack.probe) else {
                eprintln!("lacuna actor: no probe is called {}", attack.probe);
                return 2;
            };
            // SAFETY: whoever wrote the task passed this number with it, and nobody else here owns it.
            let mut claims = Claims { to: unsafe { File::from_raw_fd(CLAIMS_FD) }, round: 0 };
            for round in 0..attack.rounds {
                claims.round = round;
                (probe.attack)(&attack, &mut claims);
            }
            0
        }
        Task::Part(part) => crate::record::play(&part),
        Task::Tree { tree, name } => match (Hold::open(), Budget::new(tree.forks)) {
            (Ok(hold), Ok(budget)) => {
                let bytes = crate::measure::arena::name_bytes(&name);
                let member = Member { tree: &tree, budget: &budget, hold: &hold, ready: CLAIMS_FD };
                // SAFETY: this process has one thread and nothing to lose; the name is sixteen bytes with a zero.
                unsafe {
                    libc::prctl(libc::PR_SET_NAME, bytes.as_ptr());
                    member.run(0)
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                eprintln!("lacuna actor: {error}");
                2
            }
        },
    }
}

/// This executable, to be started as an actor: a sealed copy in memory, made once.
///
/// # Errors
/// [`ActorError::Io`] when the program cannot be read.
pub fn executable() -> Result<BorrowedFd<'static>, ActorError> {
    static COPY: OnceLock<OwnedFd> = OnceLock::new();
    if let Some(copy) = COPY.get() {
        return Ok(copy.as_fd());
    }
    let io = |what| move |source| ActorError::Io { what, source };
    let own = File::open("/proc/self/exe").map_err(io("open /proc/self/exe"))?;
    let copy = sealed_copy(&own).unwrap_or(own.into());
    Ok(COPY.get_or_init(|| copy).as_fd())
}

fn sealed_copy(mut program: &File) -> Option<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut copy = File::from(rustix::fs::memfd_create("lacuna-actor", flags).ok()?);
    let executable = rustix::fs::fstat(&copy).ok()?.st_mode & 0o111 != 0;
    std::io::copy(&mut program, &mut copy).ok().filter(|_| executable)?;
    crate::linux::memfd::seal(&copy, seals()).ok()?;
    Some(copy.into())
}

/// The sealed descriptor that makes a process the actor of this task.
pub(crate) fn write_task(task: &Task) -> Result<OwnedFd, ActorError> {
    let io = |what| move |e: rustix::io::Errno| ActorError::Io { what, source: e.into() };
    let text = [MARK, &serde_json::to_vec(task)?].concat();
    if text.len() > MOST_TASK_BYTES {
        return Err(ActorError::Long);
    }
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(rustix::fs::memfd_create("lacuna-task", flags).map_err(io("memfd_create"))?);
    file.write_all(&text).map_err(|source| ActorError::Io { what: "write", source })?;
    crate::linux::memfd::seal(&file, seals()).map_err(io("fcntl(F_ADD_SEALS)"))?;
    Ok(file.into())
}

/// What an actor said until it was gone or the limit passed. What is no claim is left out.
pub(crate) fn read_claims(from: &OwnedFd, limit: Duration) -> Vec<Claim> {
    let deadline = std::time::Instant::now() + limit;
    let mut text = Vec::new();
    let mut block = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() || text.len() as u64 > MOST_CLAIMS_BYTES {
            break;
        }
        if !raw::wait_for(from.as_fd(), rustix::event::PollFlags::IN, left) {
            break;
        }
        match rustix::io::read(from, &mut block) {
            Ok(0) | Err(_) => break,
            Ok(n) => text.extend_from_slice(&block[..n]),
        }
    }
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}
