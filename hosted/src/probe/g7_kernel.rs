//! G7, the kernel's own surface: calls that a job has no business with, and other ways to make them.
//!
//! Nobody outside can see whether such a call was let through, so here the attacker's word counts: it says what it got,
//! which it has no reason to invent, and what errno it got instead. Nothing is done with what a call returns.
//!
//! Source: seccomp(2) on x32 and other entries; io_uring_setup(2), userfaultfd(2), bpf(2), perf_event_open(2), clone(2).

use std::io;

use lacuna_model::guarantee::GuaranteeId::G7;

use super::inside::in_a_child;
use super::stage::{Setting, Trouble};
use super::tally::Tally;
use super::{Attack, Claims, Deciders, Probe};
use crate::PrimitiveId::*;

/// That a call is not there (ENOSYS) only a filter says, where the control made it. EPERM is also what these calls say
/// to whoever lacks a capability, by the settings of a host.
pub(super) const SURFACE: Deciders = Deciders {
    expected: &[SeccompSurface],
    says: &[
        (SeccompSurface, libc::ENOSYS),
        (SeccompSurface, libc::EPERM),
        (DropCapabilities, libc::EPERM),
        (UserNamespace, libc::EPERM),
    ],
};
/// Every filter refuses calls of another architecture, whatever else it is for.
#[cfg(target_arch = "x86_64")]
const FOREIGN: Deciders = Deciders {
    expected: &[SeccompSurface, SeccompNoInternet, SeccompSockets],
    says: &[(SeccompSurface, libc::ENOSYS), (SeccompNoInternet, libc::ENOSYS), (SeccompSockets, libc::ENOSYS)],
};
pub(super) const FIX: &str = "a seccomp filter of the kernel's surface";

pub(super) const PROBES: &[Probe] = &[
    probe("G7.kernel.io_uring", "sets up an io_uring", |_, claims| {
        let mut parameters = [0u64; 15];
        // SAFETY: the structure is 120 bytes, and zero is a request without flags.
        let result = call(|| unsafe { libc::syscall(libc::SYS_io_uring_setup, 2, parameters.as_mut_ptr()) });
        claims.say("io_uring_setup", &result);
    }),
    probe("G7.kernel.userfaultfd", "handles page faults of its own", |_, claims| {
        const USER_MODE_ONLY: libc::c_int = 1;
        // SAFETY: takes integers.
        let result = call(|| unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | USER_MODE_ONLY) });
        claims.say("userfaultfd", &result);
    }),
    probe("G7.kernel.bpf", "makes a BPF map", |_, claims| {
        // BPF_MAP_CREATE of an array of one 4-byte value.
        let attributes: [u32; 32] = std::array::from_fn(|i| [2, 4, 4, 1].get(i).copied().unwrap_or(0));
        // SAFETY: a live local of the size passed, zeroed beyond what the command reads.
        let result = call(|| unsafe { libc::syscall(libc::SYS_bpf, 0, attributes.as_ptr(), size_of_val(&attributes)) });
        claims.say("bpf", &result);
    }),
    probe("G7.kernel.perf", "counts its own events", |_, claims| {
        // A software clock of the calling process: type 1, 128 bytes, user space only.
        let mut attributes = [0u64; 16];
        attributes[0] = 1 | 128 << 32;
        attributes[5] = 0b110_0001;
        // SAFETY: a live local of the size that it names.
        let result = call(|| unsafe { libc::syscall(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, -1, 0) });
        claims.say("perf_event_open", &result);
    }),
    probe("G7.kernel.unshare", "makes a user namespace", |_, claims| {
        claims.say(
            "unshare",
            &in_a_child(|| {
                // SAFETY: takes integers; the child ends after it.
                match unsafe { libc::unshare(libc::CLONE_NEWUSER) } {
                    0 => Ok(()),
                    _ => Err(io::Error::last_os_error()),
                }
            }),
        );
    }),
    probe("G7.kernel.clone3", "makes a user namespace by flags that a filter cannot read", |_, claims| {
        // struct clone_args, 64 bytes: flags first, the exit signal fifth.
        let arguments = [libc::CLONE_NEWUSER as u64, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0];
        let result = call(|| {
            // SAFETY: a live local of the size passed; without CLONE_VM it is a fork, and the child ends at once.
            let pid = unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) };
            if pid == 0 {
                // SAFETY: ends the child.
                unsafe { libc::_exit(0) }
            }
            if pid > 0 {
                // SAFETY: our own child; its status is not asked for.
                unsafe { libc::waitpid(pid as libc::pid_t, std::ptr::null_mut(), 0) };
            }
            if pid > 0 { -2 } else { pid }
        });
        claims.say("clone3", &result);
    }),
    #[cfg(target_arch = "x86_64")]
    foreign("G7.kernel.x32", "calls the kernel by the numbers of x32", |_, claims| {
        const X32: libc::c_long = 0x4000_0000;
        // SAFETY: takes nothing and returns a number.
        let result = call(|| unsafe { if libc::syscall(libc::SYS_getpid | X32) < 0 { -1 } else { -2 } });
        claims.say("getpid (x32)", &result);
    }),
    #[cfg(target_arch = "x86_64")]
    foreign("G7.kernel.i386", "calls the kernel by its 32-bit entry", |_, claims| {
        // In a child: where the entry is closed it is a fault, or a filter kills.
        claims.say(
            "int 0x80",
            &in_a_child(|| {
                let answer: i32;
                // SAFETY: number 20 is getpid there, which takes nothing; only rax is changed, and r8 to r11 by some kernels.
                unsafe {
                    std::arch::asm!("int 0x80", inlateout("eax") 20 => answer,
                    out("r8") _, out("r9") _, out("r10") _, out("r11") _, options(nostack));
                }
                // An error comes back negated; this entry knows no errno.
                if answer > 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-answer)) }
            }),
        );
    }),
];

const fn probe(id: &'static str, about: &'static str, attack: fn(&Attack, &mut Claims)) -> Probe {
    Probe { id, guarantee: G7, about, deciders: SURFACE, fix: FIX, trial: own_word, attack }
}

#[cfg(target_arch = "x86_64")]
const fn foreign(id: &'static str, about: &'static str, attack: fn(&Attack, &mut Claims)) -> Probe {
    Probe { deciders: FOREIGN, ..probe(id, about, attack) }
}

// --- inside

/// Makes a call and closes what it returns; below -1 is success without a descriptor.
fn call(make: impl FnOnce() -> libc::c_long) -> io::Result<()> {
    match make() {
        -1 => Err(io::Error::last_os_error()),
        fd => {
            if let Ok(fd @ 3..) = libc::c_int::try_from(fd) {
                // SAFETY: just made by the call, and nobody else has it.
                unsafe { libc::close(fd) };
            }
            Ok(())
        }
    }
}

// --- outside

/// The attacker's own word counts.
pub(super) fn own_word(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let mut attack = setting.attack();
    attack.targets.insert("inside".into(), setting.place.inside().to_string_lossy().into_owned());
    let claims = setting.claims(attack)?;
    let through = claims.iter().filter(|claim| claim.errno.is_none()).count();
    Ok(setting.tally("let through, by the attacker's own word", through as u64, &claims))
}
