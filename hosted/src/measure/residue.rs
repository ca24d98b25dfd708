//! What a job that was killed leaves behind for the next one to find (G8).
//!
//! A process makes a file in a directory that is not its own alone, and a segment of System V shared memory; then it is
//! killed, so that it cannot remove either. A judge outside looks for both once it is reaped, and removes them.
//!
//! Source: shmget(2), shmctl(2) `IPC_RMID`, ipc_namespaces(7), mount_namespaces(7), tmpfs(5).
//!
//! The directory is one of the meter's own, below that for temporary files, and stands for it: under [`Mode::OwnNamespaces`] the process has an empty file
//! system in memory mounted there, which goes with its mount namespace, as an IPC namespace's segments do.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::pipe::PipeFlags;
use serde::{Deserialize, Serialize};

use super::MeasureError;
use super::raw::{self, Child};

/// Where the process makes things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Where every process of the host does. The unprotected way.
    Shared,
    /// In a directory and in a name space of its own.
    OwnNamespaces,
}

impl Mode {
    /// All of them, the unprotected one first.
    pub const ALL: [Self; 2] = [Self::Shared, Self::OwnNamespaces];

    /// Its name, as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared with the host",
            Self::OwnNamespaces => "a tmpfs and an ipc namespace",
        }
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Residue {
    /// Under which mode.
    pub mode: Mode,
    /// Jobs that made both and were killed.
    pub jobs: u32,
    /// Those that left either.
    pub left_something: u32,
    /// Files that were left.
    pub files: u32,
    /// Segments that were left.
    pub segments: u32,
}

const PATIENCE: Duration = Duration::from_secs(5);
const FILE: &str = "scratch";

/// Lets so many jobs make a file and a segment, kills each, and looks.
///
/// # Errors
/// [`MeasureError::Unavailable`] where no such namespace may be made; those of the calls; [`MeasureError::Interrupted`]. Nothing is
/// left either way.
pub fn measure_unless(mode: Mode, n: u32, interrupt: &AtomicBool) -> Result<Residue, MeasureError> {
    let name = crate::clean::fresh_name().map_err(MeasureError::io("/proc/self/stat"))?;
    let directory = std::env::temp_dir().join(name);
    fs::create_dir(&directory).map_err(MeasureError::io("mkdir"))?;
    let seen = jobs(mode, n, &directory, interrupt);
    let _ = fs::remove_dir_all(&directory);
    seen
}

fn jobs(mode: Mode, n: u32, directory: &Path, interrupt: &AtomicBool) -> Result<Residue, MeasureError> {
    let file = directory.join(FILE);
    let mut seen = Residue { mode, jobs: 0, left_something: 0, files: 0, segments: 0 };
    for _ in 0..n {
        if interrupt.load(Ordering::Relaxed) {
            return Err(MeasureError::Interrupted);
        }
        let key = free_key()?;
        let maker = job(mode, directory, &file, key)?;
        seen.jobs += 1;
        let left_file = fs::remove_file(&file).is_ok();
        let left_segment = remove_segment(key, maker)?;
        seen.files += u32::from(left_file);
        seen.segments += u32::from(left_segment);
        seen.left_something += u32::from(left_file || left_segment);
    }
    Ok(seen)
}

/// A key that no segment of this host has.
fn free_key() -> Result<libc::key_t, MeasureError> {
    for _ in 0..64 {
        let mut bytes = [0u8; 4];
        let random = fs::File::open("/dev/urandom").and_then(|mut file| io::Read::read_exact(&mut file, &mut bytes));
        random.map_err(MeasureError::io("read /dev/urandom"))?;
        let key = libc::key_t::from_ne_bytes(bytes);
        // 0 is IPC_PRIVATE, which no segment is found by.
        // SAFETY: takes integers; without IPC_CREAT nothing is made.
        if key != 0 && unsafe { libc::shmget(key, 0, 0) } < 0 {
            return Ok(key);
        }
    }
    Err(MeasureError::Unavailable { what: "System V shared memory", reason: "every key is taken".into() })
}

/// Removes the segment of that key that this process made; was there one?
fn remove_segment(key: libc::key_t, maker: i32) -> Result<bool, MeasureError> {
    // SAFETY: takes integers.
    let id = unsafe { libc::shmget(key, 0, 0) };
    // SAFETY: shmid_ds is plain data.
    let mut of: libc::shmid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: a live local for the kernel to write to; an id below 0 is refused.
    if id < 0 || unsafe { libc::shmctl(id, libc::IPC_STAT, &raw mut of) } != 0 || of.shm_cpid != maker {
        return Ok(false);
    }
    // SAFETY: our own job made it; the last argument is not looked at.
    match unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) } {
        0 => Ok(true),
        _ => Err(MeasureError::io("shmctl(IPC_RMID)")(io::Error::last_os_error())),
    }
}

/// One job: it makes both, says so, and is killed. Returns its number.
fn job(mode: Mode, directory: &Path, file: &Path, key: libc::key_t) -> Result<i32, MeasureError> {
    let (reply, to) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(MeasureError::sys("pipe2"))?;
    let nul = |path: &Path| {
        let path = CString::new(path.as_os_str().as_bytes());
        path.map_err(|error| MeasureError::io("a path")(io::Error::other(error)))
    };
    let (directory, file, write_to) = (nul(directory)?, nul(file)?, to.as_raw_fd());
    let user = if rustix::process::geteuid().is_root() { 0 } else { libc::CLONE_NEWUSER };
    let namespaces = match mode {
        Mode::Shared => 0,
        Mode::OwnNamespaces => libc::CLONE_NEWNS | libc::CLONE_NEWIPC | user,
    };
    // SAFETY: the child runs `make` alone, which makes bare system calls and ends in `_exit`.
    let pid = unsafe { raw::clone_process(namespaces) };
    if pid == 0 {
        // SAFETY: as above.
        unsafe { make(mode, &directory, &file, key, write_to) }
    }
    let unavailable = |reason: String| MeasureError::Unavailable { what: "a mount and an ipc namespace", reason };
    if pid < 0 {
        return Err(unavailable(format!("clone: {}", io::Error::last_os_error())));
    }
    // Dropped, it is killed and reaped: that is the kill of the job.
    let _job = Child::adopt(pid)?;
    drop(to);
    match raw::read_byte(reply.as_fd(), PATIENCE) {
        Some(raw::READY) => Ok(pid),
        Some(step) => Err(unavailable(format!("step `{}` was refused", char::from(step)))),
        None => Err(MeasureError::Timeout { what: "a job that makes things", limit_ms: PATIENCE.as_millis() as u64 }),
    }
}

/// # Safety
/// For a child after fork: async-signal-safe, allocates nothing.
unsafe fn make(mode: Mode, directory: &CString, file: &CString, key: libc::key_t, reply: RawFd) -> ! {
    // SAFETY: bare system calls on integers and on strings that were laid out before the fork.
    unsafe {
        raw::bound_life();
        let refuse = |step: u8| {
            raw::tell(reply, step);
            raw::exit_now(1)
        };
        if mode == Mode::OwnNamespaces {
            let (none, tmpfs) = (std::ptr::null(), c"tmpfs".as_ptr());
            let private = libc::MS_REC | libc::MS_PRIVATE;
            if libc::mount(none, c"/".as_ptr(), none, private, none.cast()) != 0
                || libc::mount(tmpfs, directory.as_ptr(), tmpfs, libc::MS_NOSUID | libc::MS_NODEV, none.cast()) != 0
            {
                refuse(b'm');
            }
        }
        if libc::open(file.as_ptr(), libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY | libc::O_CLOEXEC, 0o600) < 0 {
            refuse(b'f');
        }
        if libc::shmget(key, 4096, libc::IPC_CREAT | libc::IPC_EXCL | 0o600) < 0 {
            refuse(b's');
        }
        raw::tell(reply, raw::READY);
        loop {
            libc::pause();
        }
    }
}
