//! Outside: the processes that create and end jobs, played by this one; and the run as a whole.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lacuna_model::profile::Profile;
use lacuna_model::record::{By, Came, Instance, Operation, Record, VERSION, What};
use lacuna_model::system::{GroupId, HandleId, Instruction, ProcessId, System};
use rustix::event::PollFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process_group, pidfd_send_signal};

use super::part::{self, Cast, Part};
use super::watch::Watch;
use super::{NotRecorded, Recorded};
use crate::actor::{self, CLAIMS_FD, TASK_FD, Task};
use crate::measure::account::Stat;
use crate::measure::raw;
use crate::{Account, Job, Output, Plan, PrimitiveId};

/// How long a computation takes here at most.
const COMPUTES: Duration = Duration::from_millis(2);
/// How long a wait for a process takes here at most, and how long the launched ones run where nobody ends them.
const WAITS: Duration = Duration::from_millis(250);
/// How long what was killed, or left behind, may show that it lives on.
const AFTERWARDS: Duration = Duration::from_millis(20);
/// Instructions of one context.
const MOST_INSTRUCTIONS: u32 = 200;

/// A job of the run: an instance of a declared process that has a program of its own, and all below it.
struct Launched {
    process: ProcessId,
    job: Job,
    /// The same as the job's, to wait for without the job.
    first: OwnedFd,
    number: i32,
    waited: bool,
}

/// What a kill of a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// Of the job, whole, by what was applied for it.
    Group,
    /// Of the process group, as everyday programs do.
    ProcessGroup,
}

struct Stage<'a> {
    system: &'a System,
    plan: &'a Plan,
    cast: Cast,
    seed: u64,
    watch: Watch,
    /// The inner end of the queue of claims.
    claims: OwnedFd,
    /// For each buffer, its outer and its inner end.
    pipes: Vec<(OwnedFd, OwnedFd)>,
    means: Means,
    launched: Mutex<Vec<Launched>>,
    failed: Mutex<Option<NotRecorded>>,
    interrupt: &'a AtomicBool,
}

pub(super) fn run(system: &System, plan: &Plan, seed: u64, interrupt: &AtomicBool) -> Result<Recorded, NotRecorded> {
    use PrimitiveId::{CgroupV1Freezer, CgroupV2, PidNamespace};
    let cast = part::cast(system)?;
    let queue = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (outer, claims) = queue.map_err(NotRecorded::sys("socketpair"))?;
    sockopt::set_socket_passcred(&outer, true).map_err(NotRecorded::sys("setsockopt(SO_PASSCRED)"))?;
    let pipe = || pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(NotRecorded::sys("pipe2"));
    let pipes = system.buffers.iter().map(|_| pipe()).collect::<Result<_, _>>()?;
    let applied = [PidNamespace, CgroupV2, CgroupV1Freezer];
    let means = if applied.iter().any(|id| plan.has(*id)) { Means::Group } else { Means::ProcessGroup };
    let first_inside = Instance::try_from(cast.outside.len()).unwrap_or(0);
    let stage = Stage {
        system,
        plan,
        seed,
        watch: Watch::new(first_inside),
        claims,
        pipes,
        means,
        launched: Mutex::default(),
        failed: Mutex::default(),
        interrupt,
        cast,
    };
    std::thread::scope(|scope| {
        scope.spawn(|| stage.watch.run(&outer));
        stage.play();
        stage.watch.end();
    });
    stage.finish()
}

impl Stage<'_> {
    fn launched(&self) -> MutexGuard<'_, Vec<Launched>> {
        self.launched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: NotRecorded) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn is_over(&self) -> bool {
        if self.interrupt.load(Ordering::Relaxed) {
            self.fail(NotRecorded::Interrupted);
        }
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn play(&self) {
        for (instance, id) in (0..).zip(&self.cast.outside) {
            let process = self.system.processes[id.index()].name.clone();
            self.watch.now_is(By::Supervisor, What::Appears { instance, process });
        }
        for id in &self.cast.launched {
            if let Err(error) = self.launch(*id) {
                return self.fail(error);
            }
        }
        std::thread::scope(|scope| {
            for (instance, id) in (0..).zip(&self.cast.outside) {
                for context in self.system.processes[id.index()].contexts.iter().filter(|it| it.task.is_none()) {
                    let mut director = Director {
                        stage: self,
                        instance,
                        context: &context.name,
                        instructions_left: MOST_INSTRUCTIONS,
                        handles: vec![],
                        random: self.seed | 1,
                    };
                    scope.spawn(move || director.play(&context.program));
                }
            }
        });
        if self.cast.outside.is_empty() {
            // Nobody ends them: they end by themselves, or run on.
            for one in self.launched().iter() {
                raw::wait_for(one.first.as_fd(), PollFlags::IN, WAITS);
            }
        }
        self.look_afterwards();
        self.drain();
    }

    /// Who lives on a moment later.
    fn look_afterwards(&self) {
        std::thread::sleep(AFTERWARDS);
        self.watch.catch_up();
        self.watch.look_who_lives();
    }

    /// What is in the buffers comes out.
    fn drain(&self) {
        for (buffer, (outer, _)) in self.system.buffers.iter().zip(&self.pipes) {
            let (from, mut byte) = (self.watch.now(), [0]);
            while let Ok(1) = rustix::io::read(outer, &mut byte) {
                let what = What::Message { buffer: buffer.name.clone() };
                self.watch.note(from, self.watch.now(), By::Buffer, what);
            }
        }
    }

    /// Launches the actor in the part of a declared process.
    fn launch(&self, id: ProcessId) -> Result<(), NotRecorded> {
        let declared = &self.system.processes[id.index()];
        let task = Task::Part(Part { roles: self.cast.roles.clone(), first: id.index(), seed: self.seed });
        let program = actor::executable()?.try_clone_to_owned().map_err(NotRecorded::io("fcntl(F_DUPFD_CLOEXEC)"))?;
        let command = self.plan.command_open(program, "lacuna-actor").env_clear().cwd("/");
        let command = command.stdout(Output::Null).stderr(Output::Null);
        let command = command.pass(actor::write_task(&task)?, TASK_FD).pass(&self.claims, CLAIMS_FD);
        let ends = self.pipes.iter().enumerate();
        let command = ends.fold(command, |command, (index, (_, inner))| command.pass(inner, part::buffer_fd(index)));
        let refused = |source| NotRecorded::Launch { process: declared.name.clone(), source };
        let job = command.spawn().map_err(refused)?;
        let number = i32::try_from(job.id()).unwrap_or(0);
        let first = job.pidfd().map(|first| first.try_clone_to_owned()).transpose();
        let first = first.map_err(NotRecorded::io("fcntl(F_DUPFD_CLOEXEC)"))?;
        let first =
            first.ok_or(NotRecorded::Launch { process: declared.name.clone(), source: crate::LaunchError::Died })?;
        self.launched().push(Launched { process: id, job, first, number, waited: false });
        Ok(())
    }

    /// Ends whatever is left, and hands the record over.
    fn finish(self) -> Result<Recorded, NotRecorded> {
        let mut launched = self.launched.into_inner().unwrap_or_else(PoisonError::into_inner);
        let applied = launched.first().map_or(&[][..], |one| one.job.applied());
        let applied: Vec<String> = applied.iter().map(|id| id.name().into()).collect();
        let effective = launched.first().map_or_else(|| self.plan.effective(), |one| one.job.effective());
        for one in &mut launched {
            one.job.kill()?;
        }
        if let Some(failed) = self.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failed);
        }
        let (events, held, lost) = self.watch.into_events();
        let mut left_out = self.cast.left_out;
        if held > 0 {
            left_out.push(format!("{held} processes made as many calls as they may here, and then held still"));
        }
        if lost > 0 {
            let what = format!("{lost} events were lost, so that nothing follows from the rest");
            return Err(NotRecorded::Program { process: self.system.name.clone(), what });
        }
        let mut reported = Vec::new();
        for process in &self.system.processes {
            let played = process.contexts.iter().filter(|context| context.task.is_none());
            reported.extend(played.map(|context| format!("{}/{}", process.name, context.name)));
        }
        let record =
            Record { version: VERSION, scenario: self.system.name.clone(), applied, reported, left_out, events };
        Ok(Recorded { record, effective: Profile { name: "effective".into(), ..effective } })
    }
}

/// A context that is played here.
struct Director<'a> {
    stage: &'a Stage<'a>,
    instance: Instance,
    context: &'a str,
    /// After these it stops where it is: a context may always be slow.
    instructions_left: u32,
    handles: Vec<(HandleId, (OwnedFd, OwnedFd))>,
    random: u64,
}

/// A program goes on, or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Go {
    On,
    Over,
}

impl Director<'_> {
    fn play(&mut self, program: &[Instruction]) {
        if self.perform(program) == Go::On && !self.stage.is_over() {
            self.calls(Operation::Exit, None);
        }
    }

    fn perform(&mut self, program: &[Instruction]) -> Go {
        for instruction in program {
            if self.stage.is_over() || self.instructions_left == 0 {
                return Go::Over;
            }
            self.instructions_left -= 1;
            match self.perform_one(instruction) {
                Ok(Go::On) => {}
                Ok(Go::Over) => return Go::Over,
                Err(error) => {
                    self.stage.fail(error);
                    return Go::Over;
                }
            }
        }
        Go::On
    }

    fn calls(&mut self, operation: Operation, target: Option<&str>) {
        let (context, target) = (self.context.to_owned(), target.map(Into::into));
        self.stage.watch.now_is(By::Supervisor, What::Calls { instance: self.instance, context, operation, target });
    }

    fn returns(&self, came: Came) {
        let context = self.context.to_owned();
        self.stage.watch.now_is(By::Supervisor, What::Returns { instance: self.instance, context, came });
    }

    fn perform_one(&mut self, instruction: &Instruction) -> Result<Go, NotRecorded> {
        let system = self.stage.system;
        let process = |id: &ProcessId| system.processes[id.index()].name.as_str();
        match instruction {
            Instruction::Compute { bcet, .. } => std::thread::sleep(Duration::from_nanos(bcet.0).min(COMPUTES)),
            Instruction::Open(handle) => {
                self.calls(Operation::Open, Some(&system.handles[handle.index()]));
                let pipe = pipe_with(PipeFlags::CLOEXEC).map_err(NotRecorded::sys("pipe2"))?;
                self.returns(Came::Done);
                self.handles.push((*handle, pipe));
            }
            Instruction::Close(handle) => {
                self.calls(Operation::Close, Some(&system.handles[handle.index()]));
                self.handles.retain(|(open, _)| open != handle);
                self.returns(Came::Done);
            }
            Instruction::Spawn { process: child, .. } => {
                self.calls(Operation::Spawn, Some(process(child)));
                self.stage.launch(*child)?;
                self.returns(Came::Done);
            }
            Instruction::Wait { process: child, until } => {
                self.calls(Operation::Wait, Some(process(child)));
                let limit = until.map_or(WAITS, |until| Duration::from_nanos(until.0).min(WAITS));
                let came = self.wait(*child, until.is_some(), limit);
                match came {
                    Some(came) => self.returns(came),
                    // Without a limit nobody goes on before the child has ended.
                    None => return Ok(Go::Over),
                }
            }
            Instruction::Kill(group) => self.kill(*group)?,
            Instruction::KillProcess(named) => {
                self.calls(Operation::KillProcess, Some(process(named)));
                let launched = self.stage.launched();
                let last = launched.iter().rev().find(|one| one.process == *named).filter(|one| !one.waited);
                let came = match last.map(|one| pidfd_send_signal(&one.first, Signal::KILL)) {
                    Some(Ok(())) => Came::Done,
                    _ => Came::Refused,
                };
                drop(launched);
                self.returns(came);
            }
            Instruction::Exit => {
                self.calls(Operation::Exit, None);
                return Ok(Go::Over);
            }
            Instruction::Loop { times, body } => {
                let mut left = *times;
                while left != Some(0) {
                    if self.perform(body) == Go::Over {
                        return Ok(Go::Over);
                    }
                    left = left.map(|left| left - 1);
                }
            }
            Instruction::Choose(arms) => {
                self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                let arm = (self.random >> 33).checked_rem(arms.len() as u64).unwrap_or(0);
                if let Some(arm) = arms.get(arm as usize) {
                    return Ok(self.perform(arm));
                }
            }
            // The cast has none.
            _ => return Ok(Go::Over),
        }
        Ok(Go::On)
    }

    /// Waits for the end of a job's first process: done, timed out, refused where there is none; nothing if there was no end to it.
    fn wait(&self, child: ProcessId, has_limit: bool, limit: Duration) -> Option<Came> {
        let until = Instant::now() + limit;
        let awaited = || {
            let launched = self.stage.launched();
            let found = launched.iter().enumerate().find(|(_, one)| one.process == child && !one.waited);
            found.map(|(index, one)| (index, one.first.try_clone()))
        };
        let Some((index, Ok(first))) = awaited() else { return Some(Came::Refused) };
        while !self.stage.is_over() {
            let left = until.saturating_duration_since(Instant::now());
            if raw::wait_for(first.as_fd(), PollFlags::IN, left.min(Duration::from_millis(20))) {
                if let Some(one) = self.stage.launched().get_mut(index) {
                    one.waited = true;
                }
                return Some(Came::Done);
            }
            if left.is_zero() {
                return has_limit.then_some(Came::TimedOut);
            }
        }
        None
    }

    fn kill(&mut self, group: GroupId) -> Result<(), NotRecorded> {
        let (stage, name) = (self.stage, self.stage.system.job_groups[group.index()].name.clone());
        stage.watch.catch_up();
        self.look_who_is_in(group, &name);
        let from = stage.watch.now();
        self.calls(Operation::Kill, Some(&name));
        let mut launched = stage.launched();
        let members =
            launched.iter_mut().filter(|one| stage.system.processes[one.process.index()].group == Some(group));
        for one in members {
            match stage.means {
                Means::Group => drop(one.job.kill()?),
                Means::ProcessGroup => kill_process_group_of(one),
            }
        }
        drop(launched);
        self.returns(Came::Done);
        if stage.means == Means::Group {
            // The account said so before the kill returned.
            stage.watch.note(from, stage.watch.now(), By::Kernel, What::Empty { group: name });
        }
        stage.look_afterwards();
        Ok(())
    }

    /// Who of those that appeared is in the group, and who is not, of those that live before and after it is looked at.
    fn look_who_is_in(&self, group: GroupId, name: &str) {
        let watch = &self.stage.watch;
        let mut found = Vec::new();
        for one in self.stage.launched().iter() {
            if self.stage.system.processes[one.process.index()].group != Some(group) {
                continue;
            }
            let from = watch.now();
            let listed = matches!(one.job.account(), Account::CgroupV2 | Account::CgroupV1Freezer);
            let members = match self.stage.means {
                Means::Group if listed => one.job.members().ok(),
                Means::Group => None,
                Means::ProcessGroup => Some(vec![]),
            };
            let Some(members) = members else { continue };
            watch.for_each_living(|seen| {
                let number = seen.pid;
                let inside = match self.stage.means {
                    Means::Group => u32::try_from(number).is_ok_and(|number| members.contains(&number)),
                    Means::ProcessGroup => Stat::read(number).is_some_and(|stat| stat.group == one.number),
                };
                let to = watch.now();
                if seen.lives() {
                    found.push((from, to, seen.instance, inside));
                }
            });
        }
        for (from, to, instance, inside) in found {
            let group = name.to_owned();
            let what = if inside { What::Member { instance, group } } else { What::Outside { instance, group } };
            watch.note(from, to, By::Kernel, what);
        }
    }
}

/// As an everyday program: by the number of the group's first process. The number is its group's as long as somebody is in it; once it is
/// nobody's the kernel says so, unless it was given again, which takes as many processes as there are numbers.
fn kill_process_group_of(one: &Launched) {
    if let Some(group) = Pid::from_raw(one.number) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}
