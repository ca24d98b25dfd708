//! G7, the machine itself: its modules, clock, name, log, memory and processors, and old or large parts of its kernel.
//!
//! None of these may do what it is for, not even in the control. Each is called with arguments with which it can do
//! nothing (no such file, a length that cannot be, a number that is no magic), chosen so that the kernel first asks who
//! calls: what is judged is the answer of that check. EPERM, or ENOSYS from a filter, is a refusal; an errno that only
//! comes after the check is as good as a success, by the attacker's own word.
//!
//! Source: init_module(2), kexec_load(2), reboot(2), swapon(2), acct(2), syslog(2), adjtimex(2), sethostname(2),
//! quotactl(2), ioperm(2), modify_ldt(2), add_key(2), sysfs(2), sched_setscheduler(2), setpriority(2), chroot(2); the order
//! of the checks is that of Linux 6.18.

use std::ffi::CString;
use std::io;

use super::g7_kernel::{FIX, SURFACE, own_word};
use super::inside::{allowed, check, in_a_child, own, unshare};
use super::{Attack, Claims, Deciders, Probe, confinement};
use crate::PrimitiveId::*;

/// A capability is all that it takes.
const CAPABILITY: Deciders = Deciders {
    expected: &[DropCapabilities, UserNamespace],
    says: &[
        (DropCapabilities, libc::EPERM),
        (DropCapabilities, libc::EACCES),
        (UserNamespace, libc::EPERM),
        (UserNamespace, libc::EACCES),
    ],
};
const FIX_CAPABILITY: &str = "drop all capabilities";

pub(super) const PROBES: &[Probe] = &[
    probe("G7.machine.module", "loads a module into the kernel", |_, claims| {
        // An image of no bytes: ENOEXEC.
        let none = std::ptr::null::<u8>();
        // SAFETY: nothing is read of an image of no bytes; the parameters are an empty string.
        let result = check(unsafe { libc::syscall(libc::SYS_init_module, none, 0usize, c"".as_ptr()) });
        claims.say("init_module", &allowed(result, &[libc::ENOEXEC]));
    }),
    probe("G7.machine.kexec", "starts another kernel", |_, claims| {
        // More segments than there may be: EINVAL, before any is looked at.
        let none = std::ptr::null::<u8>();
        // SAFETY: no segment is read.
        let result = check(unsafe { libc::syscall(libc::SYS_kexec_load, 0usize, usize::MAX, none, 0usize) });
        claims.say("kexec_load", &allowed(result, &[libc::EINVAL]));
    }),
    probe("G7.machine.reboot", "restarts the machine", |_, claims| {
        // Without the magic numbers: EINVAL. Nothing is ever armed.
        let none = std::ptr::null::<u8>();
        // SAFETY: takes integers, and a pointer that is not read.
        let result = check(unsafe { libc::syscall(libc::SYS_reboot, 0, 0, 0, none) });
        claims.say("reboot", &allowed(result, &[libc::EINVAL]));
    }),
    probe("G7.machine.swap", "has memory written to a file of its own", |attack, claims| {
        let path = no_such_file(attack, claims);
        // SAFETY: the path ends in a zero.
        let result = check(unsafe { libc::syscall(libc::SYS_swapon, path.as_ptr(), 0) });
        claims.say("swapon", &allowed(result, &[libc::ENOENT]));
    }),
    probe("G7.machine.accounting", "has the end of every process written to a file of its own", |attack, claims| {
        let path = no_such_file(attack, claims);
        // SAFETY: the path ends in a zero.
        let result = check(unsafe { libc::syscall(libc::SYS_acct, path.as_ptr()) });
        claims.say("acct", &allowed(result, &[libc::ENOENT]));
    }),
    probe("G7.machine.log", "looks at the kernel's log", |_, claims| {
        const SIZE_BUFFER: i32 = 10;
        let none = std::ptr::null::<u8>();
        // SAFETY: asks for a size; no buffer is written.
        let result = check(unsafe { libc::syscall(libc::SYS_syslog, SIZE_BUFFER, none, 0) });
        claims.say("syslog", &result);
    }),
    probe("G7.machine.clock", "changes how fast the clock goes", |_, claims| {
        // A tick of a microsecond: EINVAL.
        // SAFETY: plain data, for which zero is a value.
        let mut change: libc::timex = unsafe { std::mem::zeroed() };
        (change.modes, change.tick) = (libc::ADJ_TICK, 1);
        // SAFETY: a live local of the kernel's layout.
        let result = check(unsafe { libc::syscall(libc::SYS_adjtimex, &raw mut change) });
        claims.say("adjtimex", &allowed(result, &[libc::EINVAL]));
    }),
    probe("G7.machine.name", "changes the machine's name", |_, claims| {
        // A name of -1 letters: EINVAL.
        // SAFETY: nothing is read of a name of that length.
        let result = check(unsafe { libc::syscall(libc::SYS_sethostname, c"".as_ptr(), -1) });
        claims.say("sethostname", &allowed(result, &[libc::EINVAL]));
    }),
    probe("G7.machine.quota", "calls the code of disk quotas", |_, claims| {
        // Writes out what is changed of all quotas, as happens every few seconds.
        const SYNC: i32 = 0x80_0001 << 8;
        let none = std::ptr::null::<u8>();
        // SAFETY: neither a device nor an address is looked at.
        let result = check(unsafe { libc::syscall(libc::SYS_quotactl, SYNC, none, 0, none) });
        claims.say("quotactl", &result);
    }),
    #[cfg(target_arch = "x86_64")]
    probe("G7.machine.ports", "speaks to devices by their ports", |_, claims| {
        // A port that no device reads; the permission ends with the child, which does not use it.
        // SAFETY: takes integers.
        let ask = || check(unsafe { libc::ioperm(0x80, 1, 1) }).map(drop);
        claims.say("ioperm", &in_a_child(ask));
    }),
    #[cfg(target_arch = "x86_64")]
    probe("G7.kernel.ldt", "makes a segment of its own", |_, claims| {
        // struct user_desc: number, base, limit, flags (32-bit, limit in pages, usable).
        let segment = [0u32, 0, 0xfffff, 0b101_0001];
        // SAFETY: a live local of the size passed; nobody uses the segment, and it ends with the child.
        let make = || check(unsafe { libc::syscall(libc::SYS_modify_ldt, 1, segment.as_ptr(), 16usize) }).map(drop);
        claims.say("modify_ldt", &in_a_child(make));
    }),
    probe("G7.kernel.keys", "keeps a key in the kernel", |_, claims| {
        const PROCESS_KEYRING: i32 = -2;
        let (kind, name, text) = (c"user".as_ptr(), c"lacuna".as_ptr(), c"x".as_ptr());
        // SAFETY: strings that end in a zero, and one byte; the keyring ends with the child.
        let add = || check(unsafe { libc::syscall(libc::SYS_add_key, kind, name, text, 1usize, PROCESS_KEYRING) });
        claims.say("add_key", &in_a_child(|| add().map(drop)));
    }),
    #[cfg(target_arch = "x86_64")]
    probe("G7.kernel.obsolete", "makes a call that nobody has made for decades", |_, claims| {
        // How many kinds of file systems there are.
        // SAFETY: takes integers.
        let result = check(unsafe { libc::syscall(libc::SYS_sysfs, 3) });
        claims.say("sysfs", &result);
    }),
    probe("G7.kernel.clone", "makes a user namespace by the call that every fork makes", |_, claims| {
        let flags = libc::CLONE_NEWUSER | libc::SIGCHLD;
        // SAFETY: without CLONE_VM it is a fork, and the child ends at once.
        let pid = unsafe { libc::syscall(libc::SYS_clone, flags as libc::c_ulong, 0usize, 0usize, 0usize, 0usize) };
        if pid == 0 {
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) }
        }
        let result = check(pid);
        if result.is_ok() {
            // SAFETY: our own child; its status is not asked for.
            unsafe { libc::waitpid(pid as libc::pid_t, std::ptr::null_mut(), 0) };
        }
        claims.say("clone", &result);
    }),
    probe("G7.kernel.netfilter", "reaches the packet filter's code from a namespace of its own", |_, claims| {
        claims.say("unshare", &in_a_child(ask_packet_filter));
    }),
    probe("G7.kernel.time", "gives its children another clock", |_, claims| {
        const NEW_TIME: i32 = 0x80;
        claims.say("unshare(CLONE_NEWTIME)", &in_a_child(|| unshare(NEW_TIME)));
    }),
    capability("G7.machine.realtime", "runs before everybody else", |_, claims| {
        let parameters = libc::sched_param { sched_priority: 1 };
        // SAFETY: a live local; the child is the one that is urgent, and ends after it.
        let make = || check(unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) });
        claims.say("sched_setscheduler", &in_a_child(|| make().map(drop)));
    }),
    capability("G7.machine.nice", "has itself preferred", |_, claims| {
        // SAFETY: takes integers; the child is the one that is preferred, and ends after it.
        let make = || check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) }).map(drop);
        claims.say("setpriority", &in_a_child(make));
    }),
    capability("G7.machine.chroot", "changes what it takes for the root directory", |attack, claims| {
        let path = CString::new(attack.target("inside")).unwrap_or_default();
        // SAFETY: the path ends in a zero; the child ends after it.
        let make = || check(unsafe { libc::chroot(path.as_ptr()) }).map(drop);
        claims.say("chroot", &in_a_child(make));
    }),
];

const fn probe(id: &'static str, about: &'static str, attack: fn(&Attack, &mut Claims)) -> Probe {
    confinement(id, about, SURFACE, FIX, own_word, attack)
}

const fn capability(id: &'static str, about: &'static str, attack: fn(&Attack, &mut Claims)) -> Probe {
    confinement(id, about, CAPABILITY, FIX_CAPABILITY, own_word, attack)
}

// --- inside

fn no_such_file(attack: &Attack, claims: &Claims) -> CString {
    let path = own(attack, claims, "no-such-file");
    CString::new(path.to_string_lossy().as_bytes()).unwrap_or_default()
}

/// In a network namespace of its own, asks the packet filter for its generation: whoever may ask administers it.
fn ask_packet_filter() -> io::Result<()> {
    const NETLINK_NETFILTER: i32 = 12;
    const TABLES_GET_GENERATION: u16 = 10 << 8 | 16;
    unshare(libc::CLONE_NEWNET)?;
    // SAFETY: takes integers.
    let socket = check(unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, NETLINK_NETFILTER) })? as i32;
    // struct nlmsghdr (length, kind, flags: a request, number, port), then struct nfgenmsg, which may be zero.
    let mut request = [0u8; 20];
    request[..4].copy_from_slice(&20u32.to_ne_bytes());
    request[4..6].copy_from_slice(&TABLES_GET_GENERATION.to_ne_bytes());
    request[6..8].copy_from_slice(&1u16.to_ne_bytes());
    // SAFETY: a live local of the size passed.
    check(unsafe { libc::send(socket, request.as_ptr().cast(), request.len(), 0) } as i64)?;
    let mut answer = [0u8; 512];
    // SAFETY: as above; the kernel has answered before the send returned.
    check(unsafe { libc::recv(socket, answer.as_mut_ptr().cast(), answer.len(), libc::MSG_DONTWAIT) } as i64)?;
    // An error has the kind 2 and says which after the header, negated.
    match (
        u16::from_ne_bytes([answer[4], answer[5]]),
        i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]),
    ) {
        (2, error) if error < 0 => Err(io::Error::from_raw_os_error(-error)),
        _ => Ok(()),
    }
}
