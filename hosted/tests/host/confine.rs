//! Files, network, descriptors, privilege: with the primitive and without.

use std::fs::File;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use lacuna_hosted::PrimitiveId::{
    DropCapabilities, ExactDescriptors, IpcNamespace, LandlockFiles, LandlockNetwork, LandlockScopes, NetworkNamespace,
    PidNamespace, PrivateRoot, SeccompNoInternet, SeccompSockets, SeccompSurface,
};
use lacuna_hosted::{Access, Network, Plan, PrimitiveId, SetUp};
use lacuna_model::profile::Authority;

use crate::common::{Test, attack, attacker, plan, policy, skip};

pub(crate) const TESTS: &[Test] = &[
    ("confine::files", files),
    ("confine::files_by_every_landlock", files_by_version),
    ("confine::names_outside_a_private_root", names),
    ("confine::read_only_means_no_chmod", read_only),
    ("confine::own_proc", own_proc),
    ("confine::network", network),
    ("confine::loopback_of_its_own", loopback),
    ("confine::tcp_ports", tcp_ports),
    ("confine::exact_descriptors", exact_descriptors),
    ("confine::signals_and_sockets_outside", outside),
    ("confine::system_v_ipc", ipc),
    ("confine::surface", surface),
    ("confine::no_privilege", no_privilege),
    ("confine::a_step_that_fails_is_named", failing_step),
];

/// The plans in which only these of the tight one's steps work: `None` if one of them is not to be had here.
fn only(base: &Plan, test: &str, keep: &[PrimitiveId]) -> Option<Plan> {
    if let Some(missing) = keep.iter().find(|id| !base.has(**id)) {
        skip(test, &format!("{missing} is not in the plan here"));
        return None;
    }
    let needed = [PrimitiveId::UserNamespace, PrimitiveId::NoNewPrivileges];
    Some(base.only(&[keep, &needed].concat()).unwrap())
}

fn temporary() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(directory.path(), mode).unwrap();
    directory
}

fn files() {
    let (allowed, other) = (temporary(), temporary());
    let path = |directory: &tempfile::TempDir, name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path(&other, "secret"), "secret").unwrap();
    let tight = plan(SetUp::Tight, &policy().dir(allowed.path(), Access::ALL));
    let bare = plan(SetUp::Bare, &policy());
    assert_eq!(attack(&bare, &["read", &path(&other, "secret")]).0, "ok");
    assert_eq!(attack(&bare, &["write", &path(&other, "made")]).0, "ok");
    assert_eq!(attack(&tight, &["write", &path(&allowed, "made")]).0, "ok");
    assert_ne!(attack(&tight, &["read", &path(&other, "secret")]).0, "ok");
    if let Some(landlock) = only(&tight, "files", &[LandlockFiles]) {
        assert_eq!(attack(&landlock, &["write", &path(&allowed, "made")]).0, "ok");
        assert_eq!(attack(&landlock, &["read", &path(&other, "secret")]).0, "errno 13");
        assert_eq!(attack(&landlock, &["write", &path(&other, "again")]).0, "errno 13");
        // A known hole: what has a name can be looked at.
        assert_eq!(attack(&landlock, &["stat", &path(&other, "secret")]).0, "ok");
        // So can it be shortened, without the step for that.
        assert_eq!(attack(&landlock, &["truncate", &path(&other, "secret")]).0, "ok");
    }
    assert!(!other.path().join("again").exists());
}

fn files_by_version() {
    let (allowed, other) = (temporary(), temporary());
    let secret = other.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let made = allowed.path().join("made");
    for version in 1..=crate::common::facts().landlock_abi.min(7) {
        let facts = lacuna_hosted::Facts { landlock_abi: version, ..crate::common::facts().clone() };
        let plan = SetUp::Minimal.plan(&policy().dir(allowed.path(), Access::ALL), &facts).unwrap();
        let plan = plan.without(&[PrivateRoot]).unwrap();
        assert_eq!(attack(&plan, &["read", secret.to_str().unwrap()]).0, "errno 13", "{version}");
        assert_eq!(attack(&plan, &["write", made.to_str().unwrap()]).0, "ok", "{version}");
        // What the plan says of it is what happens.
        std::fs::write(&secret, "secret").unwrap();
        let claimed = plan.effective().files == Authority::Subtractive;
        assert_eq!(claimed, version >= 3);
        let said = attack(&plan, &["truncate", secret.to_str().unwrap()]).0;
        assert_eq!(said, if claimed { "errno 13" } else { "ok" }, "{version}");
        assert_eq!(std::fs::metadata(&secret).unwrap().len(), if claimed { 6 } else { 0 }, "{version}");
    }
}

fn names() {
    let (allowed, other) = (temporary(), temporary());
    let socket = other.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let socket = socket.to_str().unwrap();
    let tight = plan(SetUp::Tight, &policy().dir(allowed.path(), Access::ALL));
    let bare = plan(SetUp::Bare, &policy());
    assert_eq!(attack(&bare, &["unix", socket]).0, "ok");
    if let Some(rooted) = only(&tight, "names", &[PrivateRoot]) {
        assert_eq!(attack(&rooted, &["unix", socket]).0, "errno 2");
        assert_eq!(attack(&rooted, &["stat", other.path().to_str().unwrap()]).0, "errno 2");
        assert_eq!(attack(&rooted, &["write", "/made"]).0, "errno 30");
        let top = attack(&rooted, &["list", "/"]).0;
        assert!(!top.contains("home") && !top.contains("old") && top.contains("usr"), "{top}");
    }
}

fn read_only() {
    let (mine, other) = (temporary(), temporary());
    let file = other.path().join("file");
    std::fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    let policy = policy().dir(other.path(), Access::READ).dir(mine.path(), Access::ALL);
    assert_eq!(attack(&plan(SetUp::Bare, &policy), &["chmod", file]).0, "ok");
    let tight = plan(SetUp::Tight, &policy);
    if let Some(landlock) = only(&tight, "read_only", &[LandlockFiles]) {
        // A known hole of Landlock.
        assert_eq!(attack(&landlock, &["chmod", file]).0, "ok");
    }
    if only(&tight, "read_only", &[PrivateRoot]).is_some() {
        assert_eq!(attack(&tight, &["chmod", file]).0, "errno 30");
    }
}

fn own_proc() {
    let tight = plan(SetUp::Tight, &policy().dir("/proc", Access::READ));
    if only(&tight, "own_proc", &[PrivateRoot, PidNamespace]).is_none() {
        return;
    }
    let (names, _) = attack(&tight, &["list", "/proc"]);
    let numbers: Vec<u32> = names.split(' ').filter_map(|name| name.parse().ok()).collect();
    assert_eq!(numbers, [1, 2], "{names}");
    assert_ne!(attack(&tight, &["read", "/proc/1/environ"]).0, "ok");
    assert_ne!(attack(&tight, &["write", "/proc/sys/kernel/core_pattern"]).0, "ok");
    // The attacker has seen its own status; without /proc it could not.
    assert!(attack(&tight, &["capabilities"]).0.starts_with("0000"));
}

fn network() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tight = plan(SetUp::Tight, &policy());
    assert_eq!(attack(&plan(SetUp::Bare, &policy()), &["tcp", &address]).0, "ok");
    if let Some(namespace) = only(&tight, "network", &[NetworkNamespace]) {
        assert_eq!(attack(&namespace, &["tcp", &address]).0, "errno 101");
    }
    if let Some(filter) = only(&tight, "network", &[SeccompNoInternet]) {
        assert_eq!(attack(&filter, &["tcp", &address]).0, "errno 97");
    }
}

fn loopback() {
    let tight = plan(SetUp::Tight, &policy().network(Network::Loopback));
    if let Some(namespace) = only(&tight, "loopback", &[NetworkNamespace]) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Refused by its own loopback, which is up and where nobody listens; not unreachable.
        assert_eq!(attack(&namespace, &["tcp", &listener.local_addr().unwrap().to_string()]).0, "errno 111");
    }
}

fn tcp_ports() {
    let (open, shut) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (open, shut) = (open.local_addr().unwrap(), shut.local_addr().unwrap());
    let policy = policy().network(Network::Tcp { connect: vec![open.port()], bind: vec![] });
    let tight = plan(SetUp::Tight, &policy);
    let bare = plan(SetUp::Bare, &policy);
    let udp = datagrams.local_addr().unwrap().to_string();
    assert_eq!(attack(&bare, &["tcp", &shut.to_string()]).0, "ok");
    assert_eq!(attack(&bare, &["udp", &udp]).0, "ok");
    if only(&tight, "tcp_ports", &[LandlockNetwork, SeccompSockets]).is_some() {
        assert_eq!(attack(&tight, &["tcp", &open.to_string()]).0, "ok");
        assert_eq!(attack(&tight, &["tcp", &shut.to_string()]).0, "errno 13");
        assert_eq!(attack(&tight, &["udp", &udp]).0, "errno 93");
    }
}

fn exact_descriptors() {
    let open = File::open("/dev/null").unwrap();
    let leak = open.as_raw_fd();
    // SAFETY: takes numbers only; the descriptor is this function's.
    assert_eq!(unsafe { libc::fcntl(leak, libc::F_SETFD, 0) }, 0);
    let words = |plan: &Plan| {
        let mut job = attacker(plan, &["fds"]).pass(&open, 9).pass(&open, 777).spawn().unwrap();
        let mut text = String::new();
        job.output().read_to_string(&mut text).unwrap();
        assert!(job.wait().unwrap().status.success());
        text.trim().split(' ').map(|fd| fd.parse::<i32>().unwrap()).collect::<Vec<_>>()
    };
    let tight = plan(SetUp::Tight, &policy());
    let leaked = words(&plan(SetUp::Bare, &policy()));
    assert!([0, 1, 2, 9, 777, leak].iter().all(|fd| leaked.contains(fd)), "{leaked:?}");
    if let Some(exact) = only(&tight, "exact_descriptors", &[ExactDescriptors]) {
        assert_eq!(words(&exact), [0, 1, 2, 9, 777]);
        assert_eq!(words(&tight), [0, 1, 2, 9, 777]);
    }
}

fn outside() {
    let name = format!("lacuna-test-{}", std::process::id());
    let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let pid = std::process::id().to_string();
    let tight = plan(SetUp::Tight, &policy());
    let bare = plan(SetUp::Bare, &policy());
    if !bare.judge().contains(&PidNamespace) {
        assert_eq!(attack(&bare, &["signal", &pid]).0, "ok");
    }
    assert_eq!(attack(&bare, &["abstract", &name]).0, "ok");
    if let Some(scopes) = only(&tight, "outside", &[LandlockScopes]) {
        let refused = if scopes.judge().contains(&PidNamespace) { "errno 3" } else { "errno 1" };
        assert_eq!(attack(&scopes, &["signal", &pid]).0, refused);
        assert_eq!(attack(&scopes, &["abstract", &name]).0, "errno 1");
    }
    if let Some(namespaces) = only(&tight, "outside", &[PidNamespace, NetworkNamespace]) {
        assert_eq!(attack(&namespaces, &["signal", &pid]).0, "errno 3");
        assert_eq!(attack(&namespaces, &["abstract", &name]).0, "errno 111");
    }
}

fn ipc() {
    let key = 0x1ac0_0000 + std::process::id() as i32 % 0xffff;
    // SAFETY: takes numbers only.
    let id = unsafe { libc::shmget(key, 4096, libc::IPC_CREAT | 0o600) };
    assert!(id >= 0);
    let tight = plan(SetUp::Tight, &policy());
    let reached = attack(&plan(SetUp::Bare, &policy()), &["ipc", &key.to_string()]).0;
    let refused = only(&tight, "ipc", &[IpcNamespace]).map(|plan| attack(&plan, &["ipc", &key.to_string()]).0);
    // SAFETY: removes the segment made above; no pointer is passed.
    unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
    assert_eq!(reached, "ok");
    assert!(refused.is_none_or(|said| said == "errno 2"));
}

fn surface() {
    let tight = plan(SetUp::Tight, &policy());
    let bare = plan(SetUp::Bare, &policy());
    let Some(filtered) = only(&tight, "surface", &[SeccompSurface]) else { return };
    // With all arguments 0 each of these says something else than EPERM to whoever may call it.
    for call in [libc::SYS_io_uring_setup, libc::SYS_keyctl, libc::SYS_unshare, libc::SYS_ptrace] {
        let call = call.to_string();
        assert_ne!(attack(&bare, &["call", &call]).0, "errno 1", "{call}");
        assert_eq!(attack(&filtered, &["call", &call]).0, "errno 1", "{call}");
    }
    assert_eq!(attack(&filtered, &["call", &libc::SYS_clone3.to_string()]).0, "errno 38");
    #[cfg(target_arch = "x86_64")]
    {
        let x32_getpid = (0x4000_0000 | libc::SYS_getpid).to_string();
        assert_eq!(attack(&filtered, &["call", &x32_getpid]).0, "errno 38");
    }
}

fn no_privilege() {
    let tight = plan(SetUp::Tight, &policy().dir("/proc", Access::READ));
    let none = ["0000000000000000"; 5].join(" ");
    assert_eq!(attack(&tight, &["capabilities"]).0, none);
    if let Some(dropped) = only(&tight, "no_privilege", &[DropCapabilities]) {
        assert_eq!(attack(&dropped, &["capabilities"]).0, none);
    }
    let namespaced = only(&tight, "no_privilege", &[]).unwrap();
    if namespaced.has(PrimitiveId::UserNamespace) {
        assert_ne!(attack(&namespaced, &["capabilities"]).0, none, "the control");
    }
}

fn failing_step() {
    let gone = temporary().path().to_path_buf();
    let tight = plan(SetUp::Tight, &policy().dir(&gone, Access::ALL));
    let error = tight.command("/bin/true").spawn().err().map(|error| error.to_string());
    let error = error.expect("a granted path that does not exist is an error");
    assert!(error.contains("landlock") || error.contains("private-root"), "{error}");
    let minimal = plan(SetUp::Minimal, &policy());
    let named = |command: lacuna_hosted::JobCommand| command.spawn().err().unwrap().to_string();
    assert!(named(minimal.command("/bin/true").cwd("/nowhere")).starts_with("working directory"));
    assert!(named(minimal.command("/bin/nothing")).starts_with("exec"));
    assert!(named(minimal.command("nothing-of-the-kind")).contains("no program"));
    // A fact that is not so: the step fails on the other side, and is named.
    let mut facts = crate::common::facts().clone();
    facts.landlock_abi = 0;
    facts.namespaces.user = lacuna_hosted::Support::Fails("as a test".into());
    facts.capabilities = u64::MAX;
    let lied = SetUp::Minimal.plan(&policy(), &facts).unwrap();
    if rustix_is_unprivileged() {
        assert!(named(lied.command("/bin/true")).contains("pid-namespace"));
    }
}

fn rustix_is_unprivileged() -> bool {
    crate::common::facts().capabilities == 0
}
