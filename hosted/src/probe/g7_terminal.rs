//! G7, terminals: who shares one does not type for the others.
//!
//! The trial makes a pseudo-terminal and passes its end to the job, as a supervisor does that lets a job write to the
//! user's; what the job puts into its *input*, the user's shell would take for what the user typed. The attacker makes
//! the terminal its controlling one first, in a child in a session of its own, for the kernel lets others do less.
//!
//! Source: `TIOCSTI`, `TIOCSETD` in ioctl_tty(2); CVE-2017-5226; CVE-2019-10063 (a filter that compares all 64 bits of a
//! number of which the kernel looks at 32); `dev.tty.legacy_tiocsti` of Linux 6.2 (EIO without `CAP_SYS_ADMIN`, where it is off).

use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags};

use super::inside::{check, in_a_child};
use super::stage::{Setting, Trouble, secret};
use super::tally::Tally;
use super::{Attack, Claims, Deciders, Probe, confinement as probe};
use crate::PrimitiveId::*;
use crate::actor::Task;

const CONTROL: Deciders = Deciders {
    expected: &[SeccompSurface],
    says: &[
        (SeccompSurface, libc::EPERM),
        (DropCapabilities, libc::EPERM),
        (DropCapabilities, libc::EIO),
        (UserNamespace, libc::EPERM),
        (UserNamespace, libc::EIO),
    ],
};
const NAMED: Deciders = Deciders {
    expected: &[LandlockFiles, PrivateRoot],
    says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::ENOENT)],
};
const FIX: &str = "a seccomp filter of the kernel's surface, or a terminal of the job's own";

pub(super) const PROBES: &[Probe] = &[
    probe("G7.terminal.push", "types on a terminal that it shares", CONTROL, FIX, typed, |_, claims| {
        type_by(claims, libc::TIOCSTI);
    }),
    probe("G7.terminal.high_bits", "types by a number with high bits set", CONTROL, FIX, typed, |_, claims| {
        type_by(claims, libc::TIOCSTI | 1 << 32);
    }),
    probe(
        "G7.terminal.discipline",
        "changes how a shared terminal treats lines",
        CONTROL,
        FIX,
        changed,
        |_, claims| {
            // SAFETY: a live local.
            let result = check(unsafe { libc::ioctl(SHARED, libc::TIOCSETD, &raw const N_NULL) });
            claims.say("ioctl(TIOCSETD)", &result);
        },
    ),
    probe(
        "G7.terminal.open",
        "writes to another's terminal by its name",
        NAMED,
        "Landlock or a private root",
        named,
        |attack, claims| {
            let file = fs::OpenOptions::new().write(true).open(attack.target("terminal"));
            let text = format!("{} {}\n", attack.target("secret"), claims.round());
            claims.say("open", &file.and_then(|mut file| file.write_all(text.as_bytes())));
        },
    ),
];

/// Where the attacker has the terminal.
const SHARED: RawFd = 5;
/// A discipline that does nothing, and that every kernel has.
static N_NULL: libc::c_int = 27;
/// What is typed.
static LETTER: u8 = b'!';

// --- inside

fn type_by(claims: &mut Claims, number: libc::c_ulong) {
    let result = in_a_child(|| {
        // SAFETY: the child alone changes its session and what it does when it is hung up; and it ends after it.
        unsafe {
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            libc::setsid();
            libc::ioctl(SHARED, libc::TIOCSCTTY, 0);
        }
        // SAFETY: one letter that lives.
        let typed = check(unsafe { libc::syscall(libc::SYS_ioctl, SHARED, number, &raw const LETTER) });
        // SAFETY: gives the terminal back, for it would be hung up with us.
        unsafe { libc::ioctl(SHARED, libc::TIOCNOTTY) };
        typed.map(drop)
    });
    claims.say("ioctl(TIOCSTI)", &result);
}

// --- outside

pub(super) struct Terminal {
    /// Where a terminal's emulator reads and writes.
    emulator: OwnedFd,
    /// What programs have.
    pub(super) end: OwnedFd,
    name: String,
}

impl Terminal {
    /// One that passes every letter on at once.
    pub(super) fn make() -> Result<Self, Trouble> {
        let emulator = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY)
            .map_err(Trouble::sys("open /dev/ptmx"))?;
        rustix::io::fcntl_setfd(&emulator, rustix::io::FdFlags::CLOEXEC).map_err(Trouble::sys("fcntl(F_SETFD)"))?;
        rustix::pty::grantpt(&emulator).map_err(Trouble::sys("grantpt"))?;
        rustix::pty::unlockpt(&emulator).map_err(Trouble::sys("unlockpt"))?;
        let name = rustix::pty::ptsname(&emulator, Vec::new()).map_err(Trouble::sys("ptsname"))?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let end = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).map_err(Trouble::sys("open a terminal"))?;
        let mut modes = rustix::termios::tcgetattr(&end).map_err(Trouble::sys("tcgetattr"))?;
        modes.make_raw();
        rustix::termios::tcsetattr(&end, rustix::termios::OptionalActions::Now, &modes)
            .map_err(Trouble::sys("tcsetattr"))?;
        rustix::io::ioctl_fionbio(&emulator, true).map_err(Trouble::sys("ioctl(FIONBIO)"))?;
        Ok(Self { emulator, end, name: name.to_string_lossy().into_owned() })
    }
}

fn everything(from: &OwnedFd) -> Vec<u8> {
    let mut all = Vec::new();
    let mut bytes = [0u8; 1024];
    while let Ok(n @ 1..) = rustix::io::read(from, &mut bytes) {
        all.extend_from_slice(&bytes[..n]);
    }
    all
}

fn typed(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let terminal = Terminal::make()?;
    let running = setting.start_passing(&Task::Attack(setting.attack()), &[(terminal.end.as_fd(), SHARED)])?;
    let claims = running.finish();
    let letters = everything(&terminal.end).into_iter().filter(|letter| *letter == LETTER).count();
    Ok(setting.tally("typed a letter", letters as u64, &claims))
}

fn changed(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let terminal = Terminal::make()?;
    let setting = Setting { rounds: 1, ..*setting };
    let running = setting.start_passing(&Task::Attack(setting.attack()), &[(terminal.end.as_fd(), SHARED)])?;
    let claims = running.finish();
    let mut discipline: libc::c_int = 0;
    // SAFETY: a live local.
    unsafe { libc::ioctl(terminal.end.as_raw_fd(), libc::TIOCGETD, &raw mut discipline) };
    Ok(setting.tally("changed it", u64::from(discipline == N_NULL), &claims))
}

fn named(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let (terminal, secret) = (Terminal::make()?, secret()?);
    let mut attack: Attack = setting.attack();
    attack.targets.insert("terminal".into(), terminal.name.clone());
    attack.targets.insert("secret".into(), secret.clone());
    let claims = setting.claims(attack)?;
    let text = String::from_utf8_lossy(&everything(&terminal.emulator)).into_owned();
    let shown = text.lines().filter(|line| line.starts_with(&secret)).count();
    Ok(setting.tally("wrote on it", shown as u64, &claims))
}
