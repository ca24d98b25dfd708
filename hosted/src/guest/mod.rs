//! This program as the first process of a virtual machine: the init of a guest.
//!
//! A kernel that is not this host's can be asked by booting it. The machine's root is then nothing but this executable and a list of
//! [errands](errands), which it carries out, each as the user it names; what they print goes out over the second serial port as a tar
//! archive, which the kernel's console, on the first, cannot garble. Then the machine is switched off. `guests/run` makes such machines.
//!
//! Source: Documentation/filesystems/ramfs-rootfs-initramfs.rst of Linux (the first root, and how to leave it),
//! Documentation/admin-guide/kernel-parameters.rst (what the kernel does not know of its command line becomes the environment of init),
//! switch_root(8), cgroups(7).
//!
//! # Invariants
//! - It becomes an init only where a guest has asked for it, see `asked`: the first process of a container is an ordinary program.
//! - Every way out of the init switches the machine off.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process};
use rustix::system::RebootCommand;

mod archive;
mod errands;
mod setup;

use archive::Archive;
use errands::Errand;

/// The list of errands, in the first root.
const ERRANDS: &str = "/lacuna.guest";
/// What the kernel's command line must have, as `lacuna_guest=1`.
const ASKED: &str = "lacuna_guest";
/// How long what an errand left behind may take to end of itself: the kernel's work goes on after the last death.
const SETTLE: Duration = Duration::from_millis(500);

/// Why a guest could not do its errands.
#[derive(Debug, thiserror::Error)]
enum GuestError {
    /// A call failed that has no reason to.
    #[error("{what}: {source}")]
    Io {
        /// Which, or what for.
        what: String,
        /// The errno.
        source: std::io::Error,
    },
    /// The list of errands is wrong.
    #[error("{ERRANDS}: {0}")]
    Errands(#[from] errands::ErrandError),
}

impl GuestError {
    fn io<E: Into<std::io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |source| Self::Io { what: what.into(), source: source.into() }
    }
}

/// Becomes the init of a guest, if this is one that asked for it; else returns at once.
///
/// To be called in `main` before any thread is started.
pub fn enter() {
    if !asked() {
        return;
    }
    if let Err(error) = serve() {
        eprintln!("lacuna guest: {error}");
    }
    rustix::fs::sync();
    // Without power management it is halted or restarted instead, and the machine's own limit on time ends it.
    for how in [RebootCommand::PowerOff, RebootCommand::Restart] {
        let _ = rustix::system::reboot(how);
    }
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Is this the first process of a machine, with nothing mounted yet, whose kernel was told so, with errands in its first root?
fn asked() -> bool {
    /// `RAMFS_MAGIC` and `TMPFS_MAGIC` of linux/magic.h: what the first root is made of.
    const FIRST_ROOTS: [u64; 2] = [0x8584_58f6, 0x0102_1994];
    std::process::id() == 1
        && std::env::var_os(ASKED).is_some_and(|value| value == "1")
        && !Path::new("/proc/self").exists()
        && Path::new(ERRANDS).is_file()
        && rustix::fs::statfs("/").is_ok_and(|root| FIRST_ROOTS.contains(&(root.f_type as u64)))
}

fn serve() -> Result<(), GuestError> {
    let text = fs::read_to_string(ERRANDS).map_err(GuestError::io(ERRANDS))?;
    let errands = errands::parse(&text)?;
    setup::machine()?;
    let mut archive = Archive::open()?;
    let mut ends = BTreeMap::new();
    for errand in &errands {
        eprintln!("lacuna guest: {}", errand.name);
        let end = carry_out(errand, &mut archive)?;
        ends.insert(errand.name.clone(), end);
    }
    // Last, so that whoever finds it has everything.
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let summary = serde_json::json!({ "version": 1, "release": release, "errands": ends });
    archive.add("guest.json", format!("{summary:#}\n").as_bytes())?;
    archive.finish()
}

/// How an errand ended.
#[derive(Debug, serde::Serialize)]
struct Ending {
    /// Its exit status; none if a signal ended it.
    exit: Option<i32>,
    /// How many processes it left behind, beside the kernel's.
    left: usize,
    /// How long it took, in milliseconds.
    ms: u64,
}

/// Runs it, and writes what it said.
fn carry_out(errand: &Errand, archive: &mut Archive) -> Result<Ending, GuestError> {
    let kept = |suffix: &str| format!("/run/lacuna/{}.{suffix}", errand.name);
    let file = |path: String| fs::File::create(&path).map_err(GuestError::io(path));
    let (out, err) = (file(kept("json"))?, file(kept("err"))?);
    let home = setup::home(errand.uid)?;
    let mut command = Command::new(setup::PROGRAM);
    command.args(&errand.arguments).env_clear().current_dir(&home);
    command.envs([("PATH", "/usr/bin:/bin"), ("HOME", &home), ("LANG", "C.UTF-8")]);
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    if errand.uid != 0 {
        command.uid(errand.uid).gid(errand.uid);
    }
    let begin = Instant::now();
    let child = command.spawn().map_err(GuestError::io(errand.name.clone()))?;
    let exit = reap_until(Pid::from_child(&child)).map_err(GuestError::io("wait"))?;
    let ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    let left = end_the_rest();
    for suffix in ["json", "err"] {
        let text = fs::read(kept(suffix)).map_err(GuestError::io(kept(suffix)))?;
        archive.add(&format!("{}.{suffix}", errand.name), &text)?;
    }
    Ok(Ending { exit, left, ms })
}

/// Waits for that child, reaping every orphan on the way, and gives its exit status.
fn reap_until(child: Pid) -> Result<Option<i32>, rustix::io::Errno> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == child => return Ok(status.exit_status()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Kills whoever is left in the machine, and says how many there were.
fn end_the_rest() -> usize {
    let begin = Instant::now();
    let mut left = others_after_reaping();
    while !left.is_empty() && begin.elapsed() < SETTLE {
        std::thread::sleep(Duration::from_millis(20));
        left = others_after_reaping();
    }
    let found = left.len();
    while !left.is_empty() {
        for pid in left {
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(1));
        left = others_after_reaping();
    }
    found
}

fn others_after_reaping() -> Vec<Pid> {
    while matches!(rustix::process::wait(WaitOptions::NOHANG), Ok(Some(_))) {}
    setup::others()
}
