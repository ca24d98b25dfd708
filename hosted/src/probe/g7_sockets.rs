//! G7, network: other kinds of sockets than a filter of TCP looks at, and what they tell of a network.
//!
//! The canaries are sockets of the trial's own, on loopback; the judge is what they receive, or a name or a secret that
//! nobody could know without having seen them. Where nobody outside can see it the attacker's word counts. No packet goes
//! anywhere but to loopback. A kernel that loads a family of sockets when one is asked for keeps it.
//!
//! Source: ip(7), raw(7), icmp(7), packet(7), netlink(7), sock_diag(7), vsock(7), socket(7) SO_REUSEPORT, proc_pid_net(5).

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::g7_files::inheritable;
use super::g7_network::{INET, all_of, confined, message, rounds_heard};
use super::inside::check;
use super::stage::{Setting, Trouble, secret};
use super::tally::Tally;
use super::{Attack, Deciders, Probe, confinement as probe};
use crate::PrimitiveId::*;
use crate::actor::Task;

/// Families that a filter refuses whatever they are for; a namespace has nothing in it to be seen.
const FAMILIES: Deciders = Deciders {
    expected: &[SeccompNoInternet, SeccompSockets, NetworkNamespace],
    says: &[
        (SeccompNoInternet, libc::EAFNOSUPPORT),
        (SeccompSockets, libc::EAFNOSUPPORT),
        (SeccompSockets, libc::EPROTONOSUPPORT),
        (NetworkNamespace, libc::ECONNREFUSED),
        (NetworkNamespace, libc::ENETUNREACH),
        (DropCapabilities, libc::EPERM),
        (UserNamespace, libc::EPERM),
    ],
};
const FIX: &str = "a network namespace (a policy without network), or a seccomp filter of socket families";

pub(super) const PROBES: &[Probe] = &[
    probe("G7.net.tcp6", "connects to a TCP port by the other version of IP", INET, FIX, tcp6, |attack, claims| {
        let stream = TcpStream::connect((Ipv6Addr::LOCALHOST, attack.number("port")));
        claims.say("connect", &stream.and_then(|mut to| to.write_all(&message(attack, claims))));
    }),
    probe("G7.net.steal", "takes connections to a port that another serves", INET, FIX, stolen, |attack, claims| {
        let listener = shared_port(attack.number("port"));
        claims.say("bind(SO_REUSEPORT)", &listener);
        if let Ok(listener) = listener {
            answer_all(&listener, attack.target("secret"));
        }
    }),
    probe("G7.net.raw", "sends a packet of a protocol of its own", FAMILIES, FIX, raw, |attack, claims| {
        let sent = socket(libc::AF_INET, libc::SOCK_RAW, PROTOCOL).and_then(|fd| {
            let text = message(attack, claims);
            let to = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: 0,
                sin_addr: libc::in_addr { s_addr: u32::from(Ipv4Addr::LOCALHOST).to_be() },
                sin_zero: [0; 8],
            };
            send_to(&fd, &text, &to)
        });
        claims.say("socket(SOCK_RAW)", &sent);
    }),
    probe("G7.net.ping", "sends an echo request without any privilege", FAMILIES, FIX, word, |_, claims| {
        claims.say("socket(IPPROTO_ICMP)", &ping());
    }),
    probe("G7.net.packet", "listens to what others send", FAMILIES, FIX, overheard, |attack, claims| {
        claims.saw("socket(AF_PACKET)", overhear(attack.target("mark")));
    }),
    probe("G7.net.vsock", "has an address that the machine's host can reach", FAMILIES, FIX, word, |_, claims| {
        // Bound and never listened on: nobody can connect to it.
        let bound = socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0).and_then(|fd| {
            // SAFETY: plain data, for which zero is a value.
            let mut address: libc::sockaddr_vm = unsafe { std::mem::zeroed() };
            address.svm_family = libc::AF_VSOCK as libc::sa_family_t;
            (address.svm_cid, address.svm_port) = (libc::VMADDR_CID_ANY, libc::VMADDR_PORT_ANY);
            bind(&fd, &address)
        });
        claims.say("bind(AF_VSOCK)", &bound);
    }),
    probe("G7.net.diag", "asks the kernel for everybody's sockets", FAMILIES, FIX, discovered, |attack, claims| {
        claims.saw("socket(NETLINK_SOCK_DIAG)", diagnose(attack.target("mark")));
    }),
    probe(
        "G7.net.proc",
        "reads the list of everybody's sockets",
        Deciders {
            expected: &[LandlockFiles, PrivateRoot, NetworkNamespace],
            says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::ENOENT)],
        },
        "a network namespace, or no /proc of the host",
        discovered,
        |attack, claims| {
            let mark = attack.target("mark");
            let line = |text: String| text.lines().find(|line| line.contains(mark)).unwrap_or_default().to_owned();
            claims.saw("open", std::fs::read_to_string("/proc/self/net/unix").map(line));
        },
    ),
    probe("G7.net.usersock", "sends a message by netlink", FAMILIES, FIX, netlink, |attack, claims| {
        let sent = socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_USERSOCK).and_then(|fd| {
            let to = netlink_address(attack.number("port"), 0);
            send_to(&fd, &message(attack, claims), &to)
        });
        claims.say("sendto(AF_NETLINK)", &sent);
    }),
    probe("G7.net.uevent", "hears what happens to devices", FAMILIES, FIX, word, |_, claims| {
        let bound = socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_KOBJECT_UEVENT)
            .and_then(|fd| bind(&fd, &netlink_address(0, 1)));
        claims.say("bind(NETLINK_KOBJECT_UEVENT)", &bound);
    }),
    probe("G7.net.route", "learns the host's interfaces", FAMILIES, FIX, interfaces, |_, claims| {
        claims.saw("socket(NETLINK_ROUTE)", links());
    }),
    probe("G7.net.audit", "asks the audit system how it is", FAMILIES, FIX, word, |_, claims| {
        const AUDIT_GET: u16 = 1000;
        let asked =
            socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT).and_then(|fd| ask(&fd, AUDIT_GET, &[]));
        claims.say("socket(NETLINK_AUDIT)", &asked);
    }),
    probe("G7.net.alg", "has the kernel compute for it", FAMILIES, FIX, word, |_, claims| {
        claims.say("socket(AF_ALG)", &socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0));
    }),
    probe("G7.net.xdp", "shares memory with network devices", FAMILIES, FIX, word, |_, claims| {
        claims.say("socket(AF_XDP)", &socket(libc::AF_XDP, libc::SOCK_RAW, 0));
    }),
    probe(
        "G7.net.inherited",
        "sends by a socket that the supervisor left open",
        Deciders { expected: &[ExactDescriptors], says: &[(ExactDescriptors, libc::EBADF)] },
        "pass exactly the listed descriptors",
        inherited,
        |attack, claims| {
            let text = message(attack, claims);
            // SAFETY: live bytes of that length; where nothing is open the call fails.
            let sent = unsafe { libc::send(attack.number("socket"), text.as_ptr().cast(), text.len(), 0) };
            claims.say("send", &check(sent as i64));
        },
    ),
];

/// A number for experiments (RFC 3692).
const PROTOCOL: libc::c_int = 253;

// --- inside

fn socket(family: libc::c_int, kind: libc::c_int, protocol: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: takes integers.
    let fd = check(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) })?;
    // SAFETY: just made, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn bind<A>(fd: &OwnedFd, address: &A) -> io::Result<()> {
    let size = size_of::<A>() as libc::socklen_t;
    // SAFETY: a live address of the size passed.
    check(unsafe { libc::bind(fd.as_raw_fd(), std::ptr::from_ref(address).cast(), size) }).map(drop)
}

fn send_to<A>(fd: &OwnedFd, bytes: &[u8], address: &A) -> io::Result<()> {
    let size = size_of::<A>() as libc::socklen_t;
    let (from, length) = (bytes.as_ptr().cast(), bytes.len());
    // SAFETY: live bytes and a live address of the sizes passed.
    let sent = unsafe { libc::sendto(fd.as_raw_fd(), from, length, 0, std::ptr::from_ref(address).cast(), size) };
    check(sent as i64).map(drop)
}

/// What came, or nothing after so long.
fn receive(fd: &OwnedFd, bytes: &mut [u8], limit: Duration) -> io::Result<usize> {
    use std::os::fd::AsFd;
    if !crate::measure::raw::wait_for(fd.as_fd(), rustix::event::PollFlags::IN, limit) {
        return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
    }
    Ok(rustix::io::read(fd, bytes)?)
}

fn netlink_address(port: u32, groups: u32) -> libc::sockaddr_nl {
    // SAFETY: plain data, for which zero is a value.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    (address.nl_pid, address.nl_groups) = (port, groups);
    address
}

/// `NLM_F_REQUEST`, and `NLM_F_DUMP` where everything is asked for.
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// Sends a request to the kernel.
fn request(fd: &OwnedFd, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
    // struct nlmsghdr: length, kind, flags, number, port.
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&(16 + body.len() as u32).to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(body);
    send_to(fd, &bytes, &netlink_address(0, 0))
}

/// Asks for one thing, and says whether it was answered.
fn ask(fd: &OwnedFd, kind: u16, body: &[u8]) -> io::Result<()> {
    request(fd, kind, REQUEST, body)?;
    let mut bytes = [0u8; 1024];
    let length = receive(fd, &mut bytes, Duration::from_millis(300))?;
    each(&bytes[..length], |_, _| ())
}

/// Goes through the messages of one answer.
fn each(bytes: &[u8], mut with: impl FnMut(u16, &[u8])) -> io::Result<()> {
    let mut rest = bytes;
    while let (Some(length), Some(kind)) = (word_at(rest, 0), rest.get(4..6)) {
        let length = length as usize;
        let Some(body) = rest.get(16..length) else { break };
        let kind = u16::from_ne_bytes([kind[0], kind[1]]);
        match (kind, word_at(body, 0)) {
            (NLMSG_ERROR, Some(error)) if error != 0 => {
                return Err(io::Error::from_raw_os_error(error.cast_signed().wrapping_neg()));
            }
            _ => with(kind, body),
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(())
}

fn word_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Everything of a kind: the text of each attribute of each answer, with `skip` bytes of header before the attributes.
fn dump(fd: &OwnedFd, kind: u16, body: &[u8], skip: usize) -> io::Result<Vec<String>> {
    request(fd, kind, REQUEST | DUMP, body)?;
    let mut texts = Vec::new();
    let mut done = false;
    let mut bytes = vec![0u8; 64 << 10];
    while !done {
        let length = receive(fd, &mut bytes, Duration::from_millis(300))?;
        each(&bytes[..length], |kind, body| {
            done |= kind == NLMSG_DONE;
            let mut rest = body.get(skip..).unwrap_or_default();
            while let Some(header) = rest.get(..4) {
                let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
                let Some(text) = rest.get(4..length) else { break };
                texts.push(String::from_utf8_lossy(text).trim_matches('\0').to_owned());
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            }
        })?;
    }
    Ok(texts)
}

/// The name of a unix socket that holds the mark.
fn diagnose(mark: &str) -> io::Result<String> {
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const SHOW_NAME: u32 = 1;
    let fd = socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_SOCK_DIAG)?;
    // struct unix_diag_req: family, protocol, padding; states, inode, what to show, cookie.
    let words = [u32::from_ne_bytes([libc::AF_UNIX as u8, 0, 0, 0]), u32::MAX, 0, SHOW_NAME, 0, 0];
    let names = dump(&fd, SOCK_DIAG_BY_FAMILY, &words.map(u32::to_ne_bytes).concat(), 16)?;
    Ok(names.into_iter().find(|name| name.contains(mark)).unwrap_or_default())
}

/// The names of all interfaces.
fn links() -> io::Result<String> {
    const RTM_GETLINK: u16 = 18;
    let fd = socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
    // struct ifinfomsg, 16 bytes, of any family.
    let texts = dump(&fd, RTM_GETLINK, &[0; 16], 16)?;
    let name = |text: &String| !text.is_empty() && text.len() < 16 && text.bytes().all(|byte| byte.is_ascii_graphic());
    Ok(texts.into_iter().filter(name).collect::<Vec<_>>().join(" "))
}

/// An echo request to loopback, and its answer.
fn ping() -> io::Result<()> {
    let fd = socket(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP)?;
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from(Ipv4Addr::LOCALHOST).to_be() },
        sin_zero: [0; 8],
    };
    // Type 8; the kernel fills in the sum and the identity.
    send_to(&fd, &[8, 0, 0, 0, 0, 0, 0, 1], &to)?;
    receive(&fd, &mut [0; 64], Duration::from_millis(300)).map(drop)
}

/// Listens on every interface until a packet has the mark, and tells what follows it.
fn overhear(mark: &str) -> io::Result<String> {
    let every = i32::from((libc::ETH_P_ALL as u16).to_be());
    let fd = socket(libc::AF_PACKET, libc::SOCK_DGRAM, every)?;
    let start = Instant::now();
    let mut bytes = [0u8; 2048];
    while start.elapsed() < Duration::from_secs(1) {
        let length = receive(&fd, &mut bytes, Duration::from_millis(300))?;
        let text = String::from_utf8_lossy(&bytes[..length]);
        if let Some((_, rest)) = text.split_once(mark) {
            return Ok(rest.to_owned());
        }
    }
    Err(io::Error::from_raw_os_error(libc::ETIMEDOUT))
}

/// A listener on a port that others of the same user may have too.
fn shared_port(port: u16) -> io::Result<TcpListener> {
    let fd = socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
    rustix::net::sockopt::set_socket_reuseport(&fd, true)?;
    rustix::net::bind(&fd, &std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    rustix::net::listen(&fd, 16)?;
    Ok(fd.into())
}

/// Gives whoever connects the secret, until the job is ended.
fn answer_all(listener: &TcpListener, secret: &str) {
    for mut stream in listener.incoming().flatten() {
        let _ = stream.write_all(secret.as_bytes());
    }
}

// --- outside

const SHORT: Option<Duration> = Some(Duration::from_millis(200));

fn aimed(setting: &Setting<'_>, targets: &[(&str, &str)]) -> Attack {
    let mut attack = setting.attack();
    attack.targets.extend(targets.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    attack
}

fn word(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    confined(setting)?;
    super::g7_kernel::own_word(setting)
}

fn told(setting: &Setting<'_>, claims: &[crate::actor::Claim], effect: &'static str, secret: &str) -> Tally {
    let knows = |claim: &&crate::actor::Claim| claim.saw.as_deref().is_some_and(|saw| saw.contains(secret));
    setting.tally(effect, claims.iter().filter(knows).count() as u64, claims)
}

fn tcp6(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    confined(setting)?;
    let secret = secret()?;
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).map_err(|error| Trouble::NotHere {
        why: format!("there is no loopback of IPv6: {error}"),
        remedy: "try it where there is one".into(),
    })?;
    let port = listener.local_addr().map_err(Trouble::io("getsockname"))?.port().to_string();
    listener.set_nonblocking(true).map_err(Trouble::io("ioctl(FIONBIO)"))?;
    let claims = setting.claims(aimed(setting, &[("port", &port), ("secret", &secret)]))?;
    let messages = std::iter::from_fn(|| listener.accept().ok()).filter_map(|(stream, _)| {
        stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(SHORT)).ok()?;
        all_of(stream)
    });
    Ok(setting.tally("reached the listener", rounds_heard(setting, &secret, messages), &claims))
}

/// Both serve the port; the kernel deals connections out to the two of them.
fn stolen(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    confined(setting)?;
    let setting = Setting { rounds: 1, ..*setting };
    let secret = secret()?;
    let listener = shared_port(0).map_err(Trouble::io("listen on loopback"))?;
    listener.set_nonblocking(true).map_err(Trouble::io("ioctl(FIONBIO)"))?;
    let port = listener.local_addr().map_err(Trouble::io("getsockname"))?.port();
    let attack = aimed(&setting, &[("port", &port.to_string()), ("secret", &secret)]);
    let running = setting.start(&Task::Attack(attack))?;
    let claims = running.first_claim();
    // That none of so many goes to one of two has a probability of 2^-64.
    let stolen = (0..64).any(|_| {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
        // What came to us we do not answer.
        if listener.accept().is_ok() {
            return false;
        }
        let mut text = String::new();
        let read = stream.set_read_timeout(SHORT).and_then(|()| stream.read_to_string(&mut text));
        read.is_ok() && text == secret
    });
    Ok(setting.tally("served a caller", u64::from(stolen), &claims))
}

fn raw(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    confined(setting)?;
    let secret = secret()?;
    let fd =
        socket(libc::AF_INET, libc::SOCK_RAW | libc::SOCK_NONBLOCK, PROTOCOL).map_err(|error| Trouble::NotHere {
            why: format!("nobody outside can see such a packet: {error}"),
            remedy: "run it as root".into(),
        })?;
    let claims = setting.claims(aimed(setting, &[("secret", &secret)]))?;
    let messages = std::iter::from_fn(|| {
        let mut bytes = [0; 256];
        let length = rustix::io::read(&fd, &mut bytes).ok()?;
        // After a header without options.
        Some(String::from_utf8_lossy(bytes.get(20..length)?).into_owned())
    });
    Ok(setting.tally("reached the socket", rounds_heard(setting, &secret, messages), &claims))
}

/// Somebody sends himself secrets while the attacker listens.
fn overheard(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    confined(setting)?;
    let setting = Setting { rounds: setting.rounds.min(2), ..*setting };
    let (mark, secret) = (secret()?, secret()?);
    let own = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Trouble::io("bind on loopback"))?;
    let address = own.local_addr().map_err(Trouble::io("getsockname"))?;
    let over = AtomicBool::new(false);
    let claims = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let _ = own.send_to(format!("{mark}{secret}").as_bytes(), address);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let claims = setting.claims(aimed(&setting, &[("mark", &mark)]));
        over.store(true, Ordering::Relaxed);
        claims
    })?;
    Ok(told(&setting, &claims, "heard the secret", &secret))
}

/// A listener whose name is a mark that the attacker may know and a secret that it may not.
fn discovered(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    confined(setting)?;
    let setting = Setting { rounds: setting.rounds.min(3), ..*setting };
    let (mark, secret) = (secret()?, secret()?);
    let name = UnixAddr::from_abstract_name(format!("{mark}{secret}"));
    let _listener =
        name.and_then(|name| UnixListener::bind_addr(&name)).map_err(Trouble::io("listen on a unix socket"))?;
    let claims = setting.claims(aimed(&setting, &[("mark", &mark)]))?;
    Ok(told(&setting, &claims, "learnt its name", &secret))
}

fn netlink(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    confined(setting)?;
    let secret = secret()?;
    let fd = socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_NONBLOCK, libc::NETLINK_USERSOCK)
        .and_then(|fd| bind(&fd, &netlink_address(0, 0)).map(|()| fd))
        .map_err(Trouble::io("bind a netlink socket"))?;
    let mut address = netlink_address(0, 0);
    let mut size = size_of_val(&address) as libc::socklen_t;
    // SAFETY: a live address of the size passed.
    check(unsafe { libc::getsockname(fd.as_raw_fd(), (&raw mut address).cast(), &raw mut size) })
        .map_err(Trouble::io("getsockname"))?;
    let claims = setting.claims(aimed(setting, &[("port", &address.nl_pid.to_string()), ("secret", &secret)]))?;
    let messages = std::iter::from_fn(|| {
        let mut bytes = [0; 256];
        let length = rustix::io::read(&fd, &mut bytes).ok()?;
        Some(String::from_utf8_lossy(bytes.get(..length)?).into_owned())
    });
    Ok(setting.tally("reached the socket", rounds_heard(setting, &secret, messages), &claims))
}

fn interfaces(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    confined(setting)?;
    let setting = Setting { rounds: setting.rounds.min(3), ..*setting };
    let here: Vec<String> = std::fs::read_dir("/sys/class/net")
        .map_err(Trouble::io("list interfaces"))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "lo")
        .collect();
    if here.is_empty() {
        return Err(Trouble::NotHere {
            why: "there is no interface but loopback, which every namespace has".into(),
            remedy: "try it where there is one".into(),
        });
    }
    let claims = setting.claims(setting.attack())?;
    let knows = |saw: &String| saw.split(' ').any(|name| here.iter().any(|here| here == name));
    let through = claims.iter().filter(|claim| claim.saw.as_ref().is_some_and(knows)).count();
    Ok(setting.tally("learnt one", through as u64, &claims))
}

fn inherited(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    confined(setting)?;
    let secret = secret()?;
    let bound = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    let (to, from) = bound().and_then(|to| Ok((to, bound()?))).map_err(Trouble::io("bind on loopback"))?;
    to.local_addr().and_then(|address| from.connect(address)).map_err(Trouble::io("connect on loopback"))?;
    to.set_nonblocking(true).map_err(Trouble::io("ioctl(FIONBIO)"))?;
    let left_open = inheritable(&from.into())?;
    let number = left_open.as_raw_fd().to_string();
    let claims = setting.claims(aimed(setting, &[("socket", &number), ("secret", &secret)]))?;
    let messages = std::iter::from_fn(|| {
        let mut bytes = [0; 200];
        let length = to.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(bytes.get(..length)?).into_owned())
    });
    Ok(setting.tally("reached the socket", rounds_heard(setting, &secret, messages), &claims))
}
