//! The stage of a trial: directories for canaries, the launch of the actor, and what it said.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lacuna_model::evidence::HostOutcome;
use rustix::event::PollFlags;
use rustix::pipe::PipeFlags;

use super::tally::Tally;
use crate::actor::{self, ActorError, Attack, CLAIMS_FD, Claim, TASK_FD, Task};
use crate::measure::{MeasureError, raw};
use crate::{Access, Facts, Job, LaunchError, Output, Plan, Policy, PrimitiveId};

/// How long an actor may take for all its rounds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What a trial works with.
pub(crate) struct Setting<'a> {
    /// What the actor runs under.
    pub(crate) plan: &'a Plan,
    /// Where canaries go.
    pub(crate) place: &'a Place,
    /// How often the attack is tried.
    pub(crate) rounds: u64,
    /// Whose trial it is.
    pub(crate) probe: &'static str,
}

/// The same plan for another policy; one that was cut down stays so.
pub(crate) fn replan(plan: &Plan, policy: &Policy, facts: &Facts) -> Result<Plan, Trouble> {
    let steps: Vec<PrimitiveId> = plan.steps().iter().map(|step| step.primitive).collect();
    let whole = plan.set_up().plan(policy, facts);
    whole.and_then(|whole| whole.only(&steps)).map_err(|e| Trouble::Launch(e.to_string()))
}

/// Why a trial could not be held.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// A privilege or facility is missing; or the policy grants what would be attacked.
    #[error("{why}; {remedy}")]
    NotHere { why: String, remedy: String },
    /// The plan could not be launched.
    #[error("the plan could not be launched: {0}")]
    Launch(String),
    /// A judge could not be set up.
    #[error("{what}: {source}")]
    Io { what: &'static str, source: std::io::Error },
}

impl Trouble {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    pub(crate) fn sys(what: &'static str) -> impl FnOnce(rustix::io::Errno) -> Self {
        move |errno| Self::Io { what, source: errno.into() }
    }

    pub(crate) fn outcome(&self) -> HostOutcome {
        match self {
            Self::NotHere { .. } | Self::Launch(_) => HostOutcome::NotTestableHere,
            Self::Io { .. } => HostOutcome::Inconclusive,
        }
    }
}

impl From<ActorError> for Trouble {
    fn from(error: ActorError) -> Self {
        Self::Launch(error.to_string())
    }
}

impl From<LaunchError> for Trouble {
    fn from(error: LaunchError) -> Self {
        Self::Launch(error.to_string())
    }
}

impl From<MeasureError> for Trouble {
    fn from(error: MeasureError) -> Self {
        Self::NotHere { why: error.to_string(), remedy: "see the meters".into() }
    }
}

/// Directories of the run's own: one that the policy is made to grant, one that it does not, and one for trials that
/// grant less of it.
pub(crate) struct Place {
    root: PathBuf,
}

impl Place {
    /// Makes them where the policy grants nothing.
    pub(crate) fn make(policy: &Policy) -> Result<Self, Trouble> {
        let candidates = [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into(), "/dev/shm".into()];
        let granted = |dir: &Path| policy.paths().iter().any(|rule| dir.starts_with(&rule.path));
        let name = crate::clean::fresh_name().map_err(Trouble::io("/proc/self/stat"))?;
        for base in candidates.iter().filter_map(|dir| dir.canonicalize().ok()).filter(|dir| !granted(dir)) {
            let root = base.join(&name);
            let made = ["", "in", "out", "ro"].iter().try_for_each(|part| {
                let dir = root.join(part);
                fs::create_dir(&dir)?;
                fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))
            });
            let place = Self { root };
            if made.is_ok() {
                return Ok(place);
            }
        }
        Err(Trouble::NotHere {
            why: "the policy grants every directory in which a canary could be put".into(),
            remedy: "set TMPDIR to a directory outside of it".into(),
        })
    }

    /// The directory that the attacker may write.
    pub(crate) fn inside(&self) -> PathBuf {
        self.root.join("in")
    }

    /// The directory that it may not even read.
    pub(crate) fn outside(&self) -> PathBuf {
        self.root.join("out")
    }

    /// A directory that a trial may grant for reading alone.
    pub(crate) fn read_only(&self) -> PathBuf {
        self.root.join("ro")
    }

    /// The policy, with what an actor needs to start and the directory to write in.
    pub(crate) fn grant(&self, policy: &Policy) -> Policy {
        policy.clone().system().dir(self.inside(), Access::ALL).deadline(2 * PATIENCE)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Copies a program of the system to a directory, by a process of its own: what this one writes is for a moment open for
/// writing in each child that another thread is starting, and then nobody may execute it (ETXTBSY).
pub(crate) fn copy_program(name: &str, directory: &Path) -> Result<PathBuf, Trouble> {
    let found = ["/usr/bin", "/bin"].iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
    let not_here = |why| Trouble::NotHere { why, remedy: "install one".into() };
    let from = found.ok_or_else(|| not_here(format!("there is no `{name}` to copy")))?;
    let to = directory.join(name);
    let copied = Command::new("cp").arg(from).arg(&to).status().map_err(|error| not_here(format!("cp: {error}")))?;
    if !copied.success() {
        return Err(not_here(format!("cp: {copied}")));
    }
    fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).map_err(Trouble::io("make a program"))?;
    Ok(to)
}

/// A secret that nobody can guess: what a claim that holds it knows, it has read.
pub(crate) fn secret() -> Result<String, Trouble> {
    let mut bytes = [0u8; 16];
    let mut random = fs::File::open("/dev/urandom").map_err(Trouble::io("open /dev/urandom"))?;
    std::io::Read::read_exact(&mut random, &mut bytes).map_err(Trouble::io("read /dev/urandom"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// An actor that was started.
pub(crate) struct Running {
    pub(crate) job: Job,
    pub(crate) claims: OwnedFd,
}

impl Running {
    /// Has the first process not ended?
    pub(crate) fn alive(&self) -> bool {
        // A pidfd is readable when its process is dead.
        let dead = |fd| raw::wait_for(fd, PollFlags::IN, Duration::ZERO);
        self.job.pidfd().is_some_and(|fd| !dead(fd))
    }

    /// What it says first; then it stays as it is until it is ended.
    pub(crate) fn first_claim(&self) -> Vec<Claim> {
        // One attempt that takes its time; the job's deadline is a little later.
        self.next_claim(2 * PATIENCE - Duration::from_secs(1)).into_iter().collect()
    }

    /// What it says next, within so long. Each claim is written as one.
    pub(crate) fn next_claim(&self, limit: Duration) -> Option<Claim> {
        let mut line = Vec::new();
        while let Some(byte) = raw::read_byte(self.claims.as_fd(), limit) {
            line.push(byte);
            if byte == b'\n' {
                break;
            }
        }
        serde_json::from_slice(&line).ok()
    }

    /// Its claims until it is gone; then the job is ended, whoever is left of it.
    pub(crate) fn finish(mut self) -> Vec<Claim> {
        let claims = actor::read_claims(&self.claims, PATIENCE);
        let _ = self.job.kill();
        claims
    }
}

impl Setting<'_> {
    /// Is any of these a step of the plan? What the judge uses for itself is not.
    pub(crate) fn applies(&self, primitives: &[PrimitiveId]) -> bool {
        primitives.iter().any(|id| self.plan.has(*id))
    }

    /// An attack of this probe, without targets.
    pub(crate) fn attack(&self) -> Attack {
        Attack { probe: self.probe.into(), rounds: self.rounds, ..Attack::default() }
    }

    /// Starts the actor on a task.
    pub(crate) fn start(&self, task: &Task) -> Result<Running, Trouble> {
        self.start_passing(task, &[])
    }

    /// Starts the actor on a task, with further descriptors at these numbers, 5 or above.
    pub(crate) fn start_passing(&self, task: &Task, passed: &[(BorrowedFd<'_>, RawFd)]) -> Result<Running, Trouble> {
        let (claims, to) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(Trouble::sys("pipe2"))?;
        let task = actor::write_task(task)?;
        let program = actor::executable()?.try_clone_to_owned().map_err(Trouble::io("fcntl(F_DUPFD_CLOEXEC)"))?;
        let command = self.plan.command_open(program, "lacuna-actor").env_clear().cwd(self.place.inside());
        let command = command.stdout(Output::Null).stderr(Output::Null).pass(task, TASK_FD).pass(to, CLAIMS_FD);
        let job = passed.iter().fold(command, |command, (fd, number)| command.pass(fd, *number)).spawn()?;
        Ok(Running { job, claims })
    }

    /// Has the attack made and gathers what was said.
    pub(crate) fn claims(&self, attack: Attack) -> Result<Vec<Claim>, Trouble> {
        Ok(self.start(&Task::Attack(attack))?.finish())
    }

    /// A tally of this trial: the judge has seen the effect so often.
    pub(crate) fn tally(&self, effect: &'static str, through: u64, claims: &[Claim]) -> Tally {
        let mut tally = Tally { n: self.rounds, through, effect, ..Tally::default() };
        tally.refusals_of(claims);
        if claims.is_empty() && through == 0 {
            tally.refused("the attacker was killed before it could say anything", None);
        }
        tally
    }
}
