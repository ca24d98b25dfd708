//! Primitives `seccomp-surface`, `seccomp-no-internet`, `seccomp-sockets`: calls that a job has no
//! business with are refused.
//!
//! Calls: `seccomp(SECCOMP_SET_MODE_FILTER)` after `no_new_privs`. Source: `seccomp(2)`; the lists are those of the
//! kernel's attack surface that container engines agree on, read against Linux 6.18.
//!
//! Assumptions: a deny-list by nature: a call that a later kernel adds passes, which is why `clone3`, whose flags lie in
//! memory that no filter can read, is answered `ENOSYS` (C libraries then use `clone`, whose flags can be seen), and so
//! is `openat2`, whose mode lies there.
//! No file is given the mode of a set-user-id program: among a job's outputs it would make whoever runs it the job's user.
//! Holes: the mode that gives a group (directories have it in earnest); descriptors that were passed in; arguments behind pointers; `AF_UNIX` stays, see `private-root`.

use super::filter::{Deny, Instruction, Test, assemble};
use super::sys::{self, Errno};
use crate::plan::Plan;
use crate::policy::Network;
use crate::primitive::PrimitiveId;

/// `AUDIT_ARCH_*` of this machine.
#[cfg(target_arch = "x86_64")]
pub const ARCHITECTURE: u32 = 0xc000_003e;
/// `AUDIT_ARCH_*` of this machine.
#[cfg(target_arch = "aarch64")]
pub const ARCHITECTURE: u32 = 0xc000_00b7;
/// `AUDIT_ARCH_*` of this machine.
#[cfg(target_arch = "riscv64")]
pub const ARCHITECTURE: u32 = 0xc000_00f3;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
compile_error!("seccomp filters are written for x86-64, AArch64 and RISC-V; add the AUDIT_ARCH of this machine");

/// Calls refused with `EPERM`, on every machine.
const SURFACE: &[libc::c_long] = &[
    // Namespaces and mounts.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // Other processes' insides.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // Large interfaces with a history.
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_fanotify_init,
    // Keys outlive processes.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The machine's.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_open_by_handle_at,
];

/// The same, where a machine has more.
#[cfg(target_arch = "x86_64")]
const SURFACE_HERE: &[libc::c_long] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_kexec_file_load,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
];
/// The same, where a machine has more.
#[cfg(not(target_arch = "x86_64"))]
const SURFACE_HERE: &[libc::c_long] = &[];

/// `CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET`; `NEWTIME` is no flag of `clone`.
const NEW_NAMESPACES: u32 = 0x7e02_0000;

/// Calls that give a file a mode, and which argument that is.
const CHANGE_MODE: &[(libc::c_long, u8)] =
    &[(libc::SYS_fchmod, 1), (libc::SYS_fchmodat, 2), (FCHMODAT2, 2), (libc::SYS_mknodat, 2)];
/// The same, where a machine has more.
#[cfg(target_arch = "x86_64")]
const CHANGE_MODE_HERE: &[(libc::c_long, u8)] = &[(libc::SYS_chmod, 1), (libc::SYS_creat, 1), (libc::SYS_mknod, 1)];
/// The same, where a machine has more.
#[cfg(not(target_arch = "x86_64"))]
const CHANGE_MODE_HERE: &[(libc::c_long, u8)] = &[];

/// Calls that give a file a mode if they make one: where the flags are; the mode is next.
#[cfg(target_arch = "x86_64")]
const OPEN: &[(libc::c_long, u8)] = &[(libc::SYS_openat, 2), (libc::SYS_open, 1)];
/// Calls that give a file a mode if they make one: where the flags are; the mode is next.
#[cfg(not(target_arch = "x86_64"))]
const OPEN: &[(libc::c_long, u8)] = &[(libc::SYS_openat, 2)];

/// Of Linux 6.6, the same number on every machine.
const FCHMODAT2: libc::c_long = 452;

fn set_user_id() -> Vec<Deny> {
    let bits = |argument: u8, bits: u32| Test::AnyBit { argument, bits };
    let deny = |call: libc::c_long, when: Vec<Test>| Deny { call: call as u32, when, errno: libc::EPERM as u16 };
    let changes = CHANGE_MODE.iter().chain(CHANGE_MODE_HERE);
    let mut rules: Vec<Deny> = changes.map(|(call, mode)| deny(*call, vec![bits(*mode, libc::S_ISUID)])).collect();
    // Whoever makes nothing need not say a mode, and may leave anything in its place.
    let makes = (libc::O_CREAT | libc::O_TMPFILE & !libc::O_DIRECTORY) as u32;
    let opens = OPEN.iter().map(|(call, flags)| deny(*call, vec![bits(*flags, makes), bits(flags + 1, libc::S_ISUID)]));
    rules.extend(opens);
    rules.push(Deny { call: libc::SYS_openat2 as u32, when: vec![], errno: libc::ENOSYS as u16 });
    rules
}

/// `TIOCSTI`, `TIOCLINUX`, `TIOCSETD`: input forged on a terminal, and its line discipline.
const TERMINAL: [u32; 3] = [0x5412, 0x541c, 0x5423];

fn surface() -> Vec<Deny> {
    let always = |call: libc::c_long, errno: i32| Deny { call: call as u32, when: vec![], errno: errno as u16 };
    let mut rules: Vec<Deny> = SURFACE.iter().chain(SURFACE_HERE).map(|call| always(*call, libc::EPERM)).collect();
    rules.push(always(libc::SYS_clone3, libc::ENOSYS));
    rules.append(&mut set_user_id());
    rules.push(Deny {
        call: libc::SYS_clone as u32,
        when: vec![Test::AnyBit { argument: 0, bits: NEW_NAMESPACES }],
        errno: libc::EPERM as u16,
    });
    rules.extend(TERMINAL.map(|value| Deny {
        call: libc::SYS_ioctl as u32,
        when: vec![Test::Is { argument: 1, mask: u32::MAX, value }],
        errno: libc::EPERM as u16,
    }));
    rules
}

fn sockets(network: &Network) -> Vec<Deny> {
    let families: &[i32] = match network {
        Network::None => &[libc::AF_UNIX],
        Network::Loopback | Network::Tcp { .. } => &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6],
        Network::Host => return Vec::new(),
    };
    let deny = |call: libc::c_long, when, errno: i32| Deny { call: call as u32, when, errno: errno as u16 };
    let is = |argument, value: i32| Test::Is { argument, mask: u32::MAX, value: value as u32 };
    let is_not = |argument, value: i32| Test::IsNot { argument, mask: u32::MAX, value: value as u32 };
    let other = families.iter().map(|family| is_not(0, *family)).collect();
    let mut rules = vec![
        deny(libc::SYS_socket, other, libc::EAFNOSUPPORT),
        deny(libc::SYS_socketpair, vec![is_not(0, libc::AF_UNIX)], libc::EAFNOSUPPORT),
    ];
    if matches!(network, Network::Tcp { .. }) {
        // TCP alone is what Landlock's rules see: no datagrams, no MPTCP or SCTP, no data with the opening.
        for family in [libc::AF_INET, libc::AF_INET6] {
            let stream = Test::IsNot { argument: 1, mask: 0xf, value: libc::SOCK_STREAM as u32 };
            rules.push(deny(libc::SYS_socket, vec![is(0, family), stream], libc::EPROTONOSUPPORT));
            let other = vec![is(0, family), is_not(2, 0), is_not(2, libc::IPPROTO_TCP)];
            rules.push(deny(libc::SYS_socket, other, libc::EPROTONOSUPPORT));
        }
        let fast_open = |argument| vec![Test::AnyBit { argument, bits: libc::MSG_FASTOPEN as u32 }];
        rules.push(deny(libc::SYS_sendto, fast_open(3), libc::EOPNOTSUPP));
        rules.push(deny(libc::SYS_sendmsg, fast_open(2), libc::EOPNOTSUPP));
        rules.push(deny(libc::SYS_sendmmsg, fast_open(3), libc::EOPNOTSUPP));
    }
    rules
}

/// The filter of a plan, if any of the two primitives is a step of it.
pub(crate) fn prepare(plan: &Plan) -> Option<Vec<Instruction>> {
    let mut rules = Vec::new();
    if plan.has(PrimitiveId::SeccompNoInternet) || plan.has(PrimitiveId::SeccompSockets) {
        rules.append(&mut sockets(plan.policy().network_granted()));
    }
    if plan.has(PrimitiveId::SeccompSurface) {
        rules.append(&mut surface());
    }
    (!rules.is_empty()).then(|| assemble(ARCHITECTURE, &rules))
}

/// After `clone` and `no_new_privs`: installs the filter, for good.
pub(crate) fn install(filter: &[Instruction]) -> Result<(), Errno> {
    /// The kernel's `struct sock_fprog`.
    #[repr(C)]
    struct Program {
        length: u16,
        instructions: *const Instruction,
    }
    const SET_MODE_FILTER: u32 = 1;
    let program = Program { length: filter.len() as u16, instructions: filter.as_ptr() };
    // SAFETY: the program and the instructions it points to live during the call, and are laid out as the kernel's.
    sys::check(unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, 0, &raw const program) }).map(drop)
}

/// After `clone`, to see whether a filter can be installed: one that allows everything.
pub(crate) fn try_filter() -> Result<(), Errno> {
    super::capabilities::no_new_privileges()?;
    install(&Instruction::ALLOW_ALL)
}

#[cfg(test)]
mod tests {
    use super::super::filter::interpret;
    use super::*;

    fn decide(rules: &[Deny], call: libc::c_long, arguments: [u64; 6]) -> Option<i32> {
        interpret(&assemble(ARCHITECTURE, rules), ARCHITECTURE, call as u32, arguments).map(i32::from)
    }

    #[test]
    fn namespaces_are_refused_and_threads_are_not() {
        let rules = surface();
        let thread = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD;
        assert_eq!(decide(&rules, libc::SYS_clone, [thread as u64, 0, 0, 0, 0, 0]), None);
        assert_eq!(decide(&rules, libc::SYS_clone, [libc::SIGCHLD as u64, 0, 0, 0, 0, 0]), None);
        assert_eq!(decide(&rules, libc::SYS_clone, [libc::CLONE_NEWUSER as u64, 0, 0, 0, 0, 0]), Some(libc::EPERM));
        assert_eq!(decide(&rules, libc::SYS_clone3, [0; 6]), Some(libc::ENOSYS));
        assert_eq!(decide(&rules, libc::SYS_execve, [0; 6]), None);
    }

    #[test]
    fn nothing_is_made_a_set_user_id_program() {
        let rules = surface();
        let (at, create, tmpfile) = (libc::AT_FDCWD as u64, libc::O_CREAT as u64, libc::O_TMPFILE as u64);
        let refused = Some(libc::EPERM);
        for (call, arguments, mode, says) in [
            (libc::SYS_fchmod, [3, 0, 0, 0, 0, 0], 1, refused),
            (libc::SYS_fchmodat, [at, 0, 0, 0, 0, 0], 2, refused),
            (FCHMODAT2, [at, 0, 0, 0, 0, 0], 2, refused),
            (libc::SYS_mknodat, [at, 0, 0, 0, 0, 0], 2, refused),
            (libc::SYS_openat, [at, 0, create, 0, 0, 0], 3, refused),
            (libc::SYS_openat, [at, 0, tmpfile, 0, 0, 0], 3, refused),
            // Nothing is made, and what looks like a mode is none.
            (libc::SYS_openat, [at, 0, 0, 0, 0, 0], 3, None),
            (libc::SYS_openat, [at, 0, libc::O_DIRECTORY as u64, 0, 0, 0], 3, None),
        ] {
            let with = |bits: u64| {
                let mut arguments: [u64; 6] = arguments;
                arguments[mode] = bits;
                decide(&rules, call, arguments)
            };
            assert_eq!((with(0o755), with(0o2755), with(0o4755)), (None, None, says), "{call}");
        }
        assert_eq!(decide(&rules, libc::SYS_openat2, [at, 0, 0, 0, 0, 0]), Some(libc::ENOSYS));
    }

    #[test]
    fn sockets_are_those_of_the_policy() {
        let open = |network: &Network, family: i32, kind: i32, protocol: i32| {
            decide(&sockets(network), libc::SYS_socket, [family as u64, kind as u64, protocol as u64, 0, 0, 0])
        };
        let tcp = Network::Tcp { connect: vec![443], bind: vec![] };
        let (stream, datagram) = (libc::SOCK_STREAM | libc::SOCK_CLOEXEC, libc::SOCK_DGRAM);
        assert_eq!(open(&Network::None, libc::AF_UNIX, stream, 0), None);
        assert_eq!(open(&Network::None, libc::AF_INET, stream, 0), Some(libc::EAFNOSUPPORT));
        assert_eq!(open(&Network::Loopback, libc::AF_INET6, datagram, 0), None);
        assert_eq!(open(&Network::Loopback, libc::AF_VSOCK, stream, 0), Some(libc::EAFNOSUPPORT));
        assert_eq!(open(&tcp, libc::AF_INET, stream, 0), None);
        assert_eq!(open(&tcp, libc::AF_INET, stream, libc::IPPROTO_TCP), None);
        assert_eq!(open(&tcp, libc::AF_INET, stream, libc::IPPROTO_MPTCP), Some(libc::EPROTONOSUPPORT));
        assert_eq!(open(&tcp, libc::AF_INET, datagram, 0), Some(libc::EPROTONOSUPPORT));
        assert_eq!(open(&tcp, libc::AF_UNIX, datagram, 0), None);
        let fast = [0, 0, 0, libc::MSG_FASTOPEN as u64, 0, 0];
        assert_eq!(decide(&sockets(&tcp), libc::SYS_sendto, fast), Some(libc::EOPNOTSUPP));
    }
}
