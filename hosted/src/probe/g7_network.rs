//! G7, network: what the policy does not grant is not reached, by whatever protocol.
//!
//! The canaries are listeners on loopback, made by the trial, and the judge is what they receive. Source: landlock(7)
//! on what its TCP rules see; tcp(7) MSG_FASTOPEN; Documentation/networking/mptcp.rst; unix(7).
//!
//! Assumption: the policy does not grant the host's network. The port of a listener is the kernel's choice; a policy
//! that happens to grant that very TCP port would be wronged, which a fixed list of ports makes unlikely.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener, UnixStream};
use std::time::Duration;

use super::stage::{Setting, Trouble, secret};
use super::tally::Tally;
use super::{Attack, Claims, Deciders, Probe, confinement as probe};
use crate::Network;
use crate::PrimitiveId::*;
use crate::actor::Claim;

/// A filter answers before anything else is asked. A namespace of one's own has no way out (ENETUNREACH),
/// nobody who listens when its loopback is up (ECONNREFUSED), and settings of its own for what TCP may do (EOPNOTSUPP).
pub(super) const INET: Deciders = Deciders {
    expected: &[NetworkNamespace, SeccompNoInternet, SeccompSockets, LandlockNetwork],
    says: &[
        (SeccompNoInternet, libc::EAFNOSUPPORT),
        (SeccompSockets, libc::EPROTONOSUPPORT),
        (SeccompSockets, libc::EOPNOTSUPP),
        (NetworkNamespace, libc::EOPNOTSUPP),
        (NetworkNamespace, libc::ENETUNREACH),
        (NetworkNamespace, libc::ECONNREFUSED),
        (LandlockNetwork, libc::EACCES),
    ],
};
const FIX: &str = "a network namespace (a policy without network), or a seccomp filter of socket families";

pub(super) const PROBES: &[Probe] = &[
    probe("G7.net.tcp", "connects to a TCP port", INET, FIX, tcp, |attack, claims| {
        let sent = TcpStream::connect(address(attack)).and_then(|mut to| to.write_all(&message(attack, claims)));
        claims.say("connect", &sent);
    }),
    probe("G7.net.fastopen", "sends data with the opening of a TCP connection", INET, FIX, tcp, |attack, claims| {
        let sent =
            stream(0).and_then(|fd| send_to(&fd, &address(attack), &message(attack, claims), libc::MSG_FASTOPEN));
        claims.say("sendto(MSG_FASTOPEN)", &sent);
    }),
    probe("G7.net.mptcp", "connects by MPTCP to a TCP port", INET, FIX, tcp, |attack, claims| {
        let sent = stream(libc::IPPROTO_MPTCP).and_then(|fd| {
            connect(&fd, &address(attack))?;
            TcpStream::from(fd).write_all(&message(attack, claims))
        });
        claims.say("connect(IPPROTO_MPTCP)", &sent);
    }),
    probe("G7.net.udp", "sends a datagram", INET, FIX, udp, |attack, claims| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
        let sent = socket.and_then(|from| from.send_to(&message(attack, claims), address(attack)));
        claims.say("sendto", &sent);
    }),
    probe("G7.net.listen", "is reached from outside on a port of its own", INET, FIX, reached, |attack, claims| {
        let listener = TcpListener::bind(address(attack));
        claims.say("bind", &listener);
        if let Ok(listener) = listener {
            claims.saw("accept", answer(&listener, attack.target("secret")));
        }
    }),
    probe(
        "G7.net.abstract",
        "connects to an abstract socket",
        Deciders {
            expected: &[NetworkNamespace, LandlockScopes],
            says: &[(NetworkNamespace, libc::ECONNREFUSED), (LandlockScopes, libc::EPERM)],
        },
        "a network namespace, or Landlock's scope of abstract sockets",
        abstract_socket,
        |attack, claims| {
            let address = UnixAddr::from_abstract_name(attack.target("name"));
            let stream = address.and_then(|address| UnixStream::connect_addr(&address));
            let sent = stream.and_then(|mut to| to.write_all(&message(attack, claims)));
            claims.say("connect", &sent);
        },
    ),
    probe(
        "G7.net.pathname",
        "connects to a socket that has a name in a directory outside",
        Deciders { expected: &[PrivateRoot], says: &[(PrivateRoot, libc::ENOENT)] },
        "a private root: Landlock does not cover pathname sockets",
        pathname_socket,
        |attack, claims| {
            let stream = UnixStream::connect(attack.target("name"));
            let sent = stream.and_then(|mut to| to.write_all(&message(attack, claims)));
            claims.say("connect", &sent);
        },
    ),
];

// --- inside

fn address(attack: &Attack) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, attack.number("port")).into()
}

/// The secret and the round: 32 letters, a space, a number.
pub(super) fn message(attack: &Attack, claims: &Claims) -> Vec<u8> {
    format!("{} {}", attack.target("secret"), claims.round()).into_bytes()
}

fn stream(protocol: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: takes integers.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, protocol) };
    // SAFETY: just made, and nobody else has it.
    if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(unsafe { OwnedFd::from_raw_fd(fd) }) }
}

fn socket_address(address: &SocketAddr) -> libc::sockaddr_in {
    // SAFETY: a structure of integers, for which zero is a value.
    let mut to: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    to.sin_family = libc::AF_INET as libc::sa_family_t;
    to.sin_port = address.port().to_be();
    to.sin_addr.s_addr = u32::from(Ipv4Addr::LOCALHOST).to_be();
    to
}

fn connect(fd: &OwnedFd, address: &SocketAddr) -> io::Result<()> {
    let to = socket_address(address);
    // SAFETY: a live local of the size passed.
    let done = unsafe { libc::connect(fd.as_raw_fd(), (&raw const to).cast(), size_of_val(&to) as libc::socklen_t) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn send_to(fd: &OwnedFd, address: &SocketAddr, bytes: &[u8], flags: libc::c_int) -> io::Result<()> {
    let to = socket_address(address);
    // SAFETY: live locals of the sizes passed.
    let sent = unsafe {
        let (buffer, length) = (bytes.as_ptr().cast(), bytes.len());
        let flags = flags | libc::MSG_NOSIGNAL;
        let size = size_of_val(&to) as libc::socklen_t;
        libc::sendto(fd.as_raw_fd(), buffer, length, flags, (&raw const to).cast(), size)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes one connection within a third of a second and gives it the secret.
fn answer(listener: &TcpListener, secret: &str) -> io::Result<String> {
    listener.set_nonblocking(true)?;
    for _ in 0..150 {
        match listener.accept() {
            Ok((mut stream, _)) => return stream.write_all(secret.as_bytes()).map(|()| "a caller".into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ETIMEDOUT))
}

// --- outside

/// The policy that grants everything here has nothing to be attacked.
pub(super) fn confined(setting: &Setting<'_>) -> Result<(), Trouble> {
    match setting.plan.policy().network_granted() {
        Network::Host => Err(Trouble::NotHere {
            why: "the policy grants the host's network".into(),
            remedy: "grant less, and probe again".into(),
        }),
        _ => Ok(()),
    }
}

fn aimed(setting: &Setting<'_>, target: &str, value: String, secret: &str) -> Attack {
    let mut attack = setting.attack();
    attack.targets.insert(target.into(), value);
    attack.targets.insert("secret".into(), secret.into());
    attack
}

/// Rounds of which a message came. What anybody else may have sent does not hold the secret.
pub(super) fn rounds_heard(setting: &Setting<'_>, secret: &str, messages: impl IntoIterator<Item = String>) -> u64 {
    let mut heard: Vec<u64> = messages
        .into_iter()
        .filter_map(|text| text.strip_prefix(secret)?.trim().parse().ok())
        .filter(|round| *round < setting.rounds)
        .collect();
    heard.sort_unstable();
    heard.dedup();
    heard.len() as u64
}

pub(super) fn all_of(mut from: impl Read) -> Option<String> {
    let mut text = String::new();
    from.by_ref().take(200).read_to_string(&mut text).ok()?;
    Some(text)
}

const SHORT: Option<Duration> = Some(Duration::from_millis(200));

fn tcp(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    confined(setting)?;
    let secret = secret()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Trouble::io("listen on loopback"))?;
    let port = listener.local_addr().map_err(Trouble::io("getsockname"))?.port();
    listener.set_nonblocking(true).map_err(Trouble::io("ioctl(FIONBIO)"))?;
    let claims = setting.claims(aimed(setting, "port", port.to_string(), &secret))?;
    // Connections wait in the queue, with what was sent, after the attacker is gone.
    let messages = std::iter::from_fn(|| listener.accept().ok()).filter_map(|(stream, _)| {
        stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(SHORT)).ok()?;
        all_of(stream)
    });
    let through = rounds_heard(setting, &secret, messages);
    Ok(setting.tally("reached the listener", through, &claims))
}

fn udp(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    confined(setting)?;
    let secret = secret()?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Trouble::io("bind on loopback"))?;
    let port = socket.local_addr().map_err(Trouble::io("getsockname"))?.port();
    socket.set_nonblocking(true).map_err(Trouble::io("ioctl(FIONBIO)"))?;
    let claims = setting.claims(aimed(setting, "port", port.to_string(), &secret))?;
    let messages = std::iter::from_fn(|| {
        let mut bytes = [0; 200];
        let (length, _) = socket.recv_from(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(bytes.get(..length)?).into_owned())
    });
    let through = rounds_heard(setting, &secret, messages);
    Ok(setting.tally("reached the socket", through, &claims))
}

/// The judge is the caller here: it has reached the attacker when it is told the secret.
fn reached(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    confined(setting)?;
    let setting = Setting { rounds: 1, ..*setting };
    // Between the choice of a port and its use by the attacker anybody may take it: that refuses nothing.
    let taken = |claim: &Claim| claim.errno == Some(libc::EADDRINUSE);
    for _ in 0..4 {
        let (told, claims) = reach(&setting)?;
        if !claims.iter().any(taken) {
            return Ok(setting.tally("was reached", told, &claims));
        }
    }
    Err(Trouble::Io { what: "find a free port", source: io::ErrorKind::AddrInUse.into() })
}

fn reach(setting: &Setting<'_>) -> Result<(u64, Vec<Claim>), Trouble> {
    let secret = secret()?;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let port = free.map_err(Trouble::io("listen on loopback"))?.port();
    let running = setting.start(&crate::actor::Task::Attack(aimed(setting, "port", port.to_string(), &secret)))?;
    let mut told = 0;
    for _ in 0..100 {
        if let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            let read = stream.set_read_timeout(SHORT).ok().and_then(|()| all_of(stream));
            told += u64::from(read.is_some_and(|text| text == secret));
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok((told, running.finish()))
}

fn abstract_socket(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let (secret, name) = (secret()?, secret()?);
    let listener = UnixAddr::from_abstract_name(&name).and_then(|address| UnixListener::bind_addr(&address));
    unix(setting, listener, name, &secret)
}

fn pathname_socket(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let path = setting.place.outside().join("socket");
    unix(setting, UnixListener::bind(&path), path.to_string_lossy().into_owned(), &secret()?)
}

fn unix(
    setting: &Setting<'_>,
    listener: io::Result<UnixListener>,
    name: String,
    secret: &str,
) -> Result<Tally, Trouble> {
    let listener = listener.map_err(Trouble::io("listen on a unix socket"))?;
    listener.set_nonblocking(true).map_err(Trouble::io("ioctl(FIONBIO)"))?;
    let claims = setting.claims(aimed(setting, "name", name, secret))?;
    let messages = std::iter::from_fn(|| listener.accept().ok()).filter_map(|(stream, _)| {
        stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(SHORT)).ok()?;
        all_of(stream)
    });
    let through = rounds_heard(setting, secret, messages);
    Ok(setting.tally("reached the listener", through, &claims))
}
