//! Whether what tracks a process decides how it may be scheduled: a realtime priority in a cgroup of the cpu controller (G22).
//!
//! With realtime group scheduling (`CONFIG_RT_GROUP_SCHED`) a group of version 1 has a runtime for realtime processes of its own, which is 0 when it is made. A
//! process in it is refused SCHED_FIFO, whatever its privilege: put into the group for the sake of tracking or of its
//! share, it lost its priority. The same process outside of it is not refused.
//!
//! Source: sched(7), sched_setscheduler(2), Documentation/scheduler/sched-rt-group.rst (`cpu.rt_runtime_us`), cgroups(7).
//!
//! Nobody runs with the priority: whoever has got it ends at once. The group is the meter's own.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::pipe::PipeFlags;
use serde::{Deserialize, Serialize};

use super::MeasureError;
use super::cgroup::{Cgroup, Hierarchy};
use super::raw::{self, Child};

/// Where the process is that asks for a realtime priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// In a fresh group of the cpu controller. The unprotected way.
    FreshGroup,
    /// In such a group that was given a runtime.
    GroupWithRuntime,
    /// In a group of another hierarchy, which schedules nobody.
    TrackingAlone,
}

impl Mode {
    /// All of them, the unprotected one first.
    pub const ALL: [Self; 3] = [Self::FreshGroup, Self::GroupWithRuntime, Self::TrackingAlone];

    /// Its name, as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::FreshGroup => "a fresh cpu cgroup",
            Self::GroupWithRuntime => "cpu.rt_runtime_us",
            Self::TrackingAlone => "a cgroup without the cpu controller",
        }
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coupled {
    /// Under which mode.
    pub mode: Mode,
    /// Processes that asked for SCHED_FIFO.
    pub asked: u32,
    /// Those that were refused.
    pub refused: u32,
}

const PATIENCE: Duration = Duration::from_secs(5);
/// Of every second: little, and the least that every parent has.
const RUNTIME_US: &str = "10000";

const GRANTED: u8 = b'g';
const REFUSED: u8 = b'r';

/// Lets so many processes ask.
///
/// # Errors
/// [`MeasureError::Unavailable`] where there is no such group, or the process would be refused outside of it too; those of the
/// calls; [`MeasureError::Interrupted`]. Neither process nor group is left either way.
pub fn measure_unless(mode: Mode, n: u32, interrupt: &AtomicBool) -> Result<Coupled, MeasureError> {
    // Without the privilege it is refused everywhere, and that says nothing of groups.
    if ask(None)? == REFUSED {
        let reason = "SCHED_FIFO is refused outside of any group too (CAP_SYS_NICE)".into();
        return Err(MeasureError::Unavailable { what: "a realtime priority", reason });
    }
    let group = match mode {
        Mode::FreshGroup | Mode::GroupWithRuntime => Cgroup::make(Hierarchy::V1("cpu"))?,
        Mode::TrackingAlone => Cgroup::make(Hierarchy::V1("freezer")).or_else(|_| Cgroup::make(Hierarchy::V2))?,
    };
    if mode == Mode::FreshGroup && !group.has("cpu.rt_runtime_us") {
        let reason = "this kernel schedules no groups of realtime processes (CONFIG_RT_GROUP_SCHED)".into();
        return Err(MeasureError::Unavailable { what: "cgroup v1 cpu", reason });
    }
    if mode == Mode::GroupWithRuntime {
        let unavailable =
            |error: std::io::Error| MeasureError::Unavailable { what: "cpu.rt_runtime_us", reason: error.to_string() };
        group.write("cpu.rt_runtime_us", RUNTIME_US).map_err(unavailable)?;
    }
    let mut seen = Coupled { mode, asked: 0, refused: 0 };
    for _ in 0..n {
        if interrupt.load(Ordering::Relaxed) {
            return Err(MeasureError::Interrupted);
        }
        seen.refused += u32::from(ask(Some(&group))? == REFUSED);
        seen.asked += 1;
    }
    Ok(seen)
}

/// One process, in a group or not.
fn ask(group: Option<&Cgroup>) -> Result<u8, MeasureError> {
    let (reply, to) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(MeasureError::sys("pipe2"))?;
    let entrance = group.map(Cgroup::entrance).transpose().map_err(MeasureError::io("open cgroup.procs"))?;
    let (write_to, enter) = (to.as_raw_fd(), entrance.as_ref().map(AsRawFd::as_raw_fd));
    // SAFETY: the child runs `asking` alone, which makes bare system calls and ends in `_exit`.
    let pid = unsafe { raw::clone_process(0) };
    if pid == 0 {
        // SAFETY: as above.
        unsafe { asking(enter, write_to) }
    }
    let mut child = Child::adopt(pid)?;
    drop(to);
    let told = raw::read_byte(reply.as_fd(), PATIENCE);
    child.end();
    match told {
        Some(told @ (GRANTED | REFUSED)) => Ok(told),
        Some(_) => {
            let reason = "the process could not enter the group".into();
            Err(MeasureError::Unavailable { what: "a control group", reason })
        }
        None => Err(MeasureError::Timeout { what: "a call", limit_ms: PATIENCE.as_millis() as u64 }),
    }
}

/// # Safety
/// For a child after fork: async-signal-safe, allocates nothing.
unsafe fn asking(enter: Option<RawFd>, reply: RawFd) -> ! {
    // SAFETY: bare system calls on integers and live locals.
    unsafe {
        raw::bound_life();
        if let Some(enter) = enter
            && libc::write(enter, c"0".as_ptr().cast(), 1) != 1
        {
            raw::tell(reply, b'e');
            raw::exit_now(1);
        }
        let priority = 1i32; // all that struct sched_param has
        let asked = libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_FIFO, &raw const priority);
        raw::tell(reply, if asked == 0 { GRANTED } else { REFUSED });
    }
    raw::exit_now(0)
}
