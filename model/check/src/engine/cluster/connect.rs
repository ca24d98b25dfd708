//! Connects every process with every other: each with those before it in the list, and waits for those after it. Both
//! ends say who they are and what they explore, and go on only if that fits.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::ClusterError;

/// "lacunacl" in little-endian bytes.
const MAGIC: u64 = u64::from_le_bytes(*b"lacunacl");
/// What is spoken here.
const PROTOCOL: u64 = 2;
/// For how long one that has connected may say nothing.
const SILENCE: Duration = Duration::from_secs(1);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// What a process says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hello {
    /// Its place in the list.
    pub(super) process: usize,
    /// How long that is.
    pub(super) processes: usize,
    /// Workers in each.
    pub(super) workers: usize,
    /// Words in a state.
    pub(super) words: usize,
    /// Of the system.
    pub(super) fingerprint: u64,
    /// How it treats checkpoints.
    pub(super) checkpoints: u64,
    /// At most so many states.
    pub(super) max_states: u64,
}

/// Words of a hello.
const WORDS: usize = 9;

impl Hello {
    fn words(&self) -> [u64; WORDS] {
        let Self { process, processes, workers, words, fingerprint, checkpoints, max_states } = *self;
        let [process, processes, workers, words] = [process, processes, workers, words].map(|number| number as u64);
        [MAGIC, PROTOCOL, process, processes, workers, words, fingerprint, checkpoints, max_states]
    }

    fn say(&self, socket: &mut TcpStream) -> io::Result<()> {
        socket.write_all(&self.words().map(u64::to_le_bytes).concat())
    }

    /// Hears another; `None` if it is none of us.
    fn hear(socket: &mut TcpStream) -> io::Result<Option<[u64; WORDS]>> {
        let mut bytes = [0; 8 * WORDS];
        socket.read_exact(&mut bytes)?;
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Ok((words[0] == MAGIC).then_some(words))
    }

    /// Does another fit, apart from its place?
    fn check(&self, other: &[u64; WORDS]) -> Result<(), ClusterError> {
        let names = ["protocol", "place", "number of processes", "number of workers", "number of words in a state"];
        let names =
            names.into_iter().chain(["fingerprint", "treatment of checkpoints", "limit on the number of states"]);
        for (index, what) in names.enumerate().filter(|(index, _)| *index != 1) {
            let (own, other_has) = (self.words()[1 + index], other[1 + index]);
            if own != other_has {
                return Err(ClusterError::Unlike { process: other[2] as usize, what, own, other: other_has });
            }
        }
        Ok(())
    }
}

/// The connections with all others, by their place; `None` at the own.
pub(super) fn connect(
    addresses: &[String],
    listen: Option<&str>,
    hello: Hello,
    patience: Duration,
    interrupt: Option<&AtomicBool>,
) -> Result<Vec<Option<TcpStream>>, ClusterError> {
    let own = listen.unwrap_or(&addresses[hello.process]);
    let cannot = |source| ClusterError::Listen { address: own.to_owned(), source };
    let listener = TcpListener::bind(own).map_err(cannot)?;
    listener.set_nonblocking(true).map_err(cannot)?;
    let started = Instant::now();
    let mut sockets: Vec<Option<TcpStream>> = addresses.iter().map(|_| None).collect();
    let mut heard: Vec<String> = addresses.iter().map(|_| "it has not connected".to_owned()).collect();
    loop {
        if let Some((process, socket)) = accept(&listener, &hello)? {
            sockets[process] = Some(socket);
        }
        for before in 0..hello.process {
            if sockets[before].is_some() {
                continue;
            }
            match reach(&addresses[before], before, &hello, patience.saturating_sub(started.elapsed()))? {
                Ok(socket) => sockets[before] = Some(socket),
                Err(error) => heard[before] = error.to_string(),
            }
        }
        let missing = (0..addresses.len()).find(|other| *other != hello.process && sockets[*other].is_none());
        let Some(process) = missing else { return Ok(sockets) };
        if interrupt.is_some_and(|interrupt| interrupt.load(Ordering::Relaxed)) {
            return Err(ClusterError::Interrupted);
        }
        let waited = started.elapsed();
        if waited >= patience {
            let (address, why) = (addresses[process].clone(), heard.swap_remove(process));
            return Err(ClusterError::Absent { process, address, waited, why });
        }
        std::thread::sleep(PAUSE);
    }
}

/// Somebody who has connected; others than those of this cluster are sent away.
fn accept(listener: &TcpListener, hello: &Hello) -> Result<Option<(usize, TcpStream)>, ClusterError> {
    let Ok((mut socket, _)) = listener.accept() else { return Ok(None) };
    let mut talk = || {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(SILENCE))?;
        let other = Hello::hear(&mut socket)?;
        if other.is_some() {
            hello.say(&mut socket)?;
        }
        Ok::<_, io::Error>(other)
    };
    let Ok(Some(other)) = talk() else { return Ok(None) };
    hello.check(&other)?;
    let process = other[2] as usize;
    let expected = hello.process < process && process < hello.processes;
    Ok(expected.then_some((process, socket)))
}

/// Connects with one before in the list.
fn reach(address: &str, process: usize, hello: &Hello, left: Duration) -> Result<io::Result<TcpStream>, ClusterError> {
    let talk = || {
        let nowhere = || io::Error::other("its address has no meaning");
        let mut connected = Err(nowhere());
        for at in address.to_socket_addrs()? {
            connected = TcpStream::connect_timeout(&at, left.clamp(PAUSE, SILENCE));
            if connected.is_ok() {
                break;
            }
        }
        let mut socket = connected?;
        hello.say(&mut socket)?;
        // It may be busy with others before it answers.
        socket.set_read_timeout(Some(left.max(PAUSE)))?;
        let other = Hello::hear(&mut socket)?.ok_or_else(|| io::Error::other("something else answers there"))?;
        Ok((socket, other))
    };
    match talk() {
        Ok((socket, other)) => {
            hello.check(&other)?;
            if other[2] != process as u64 {
                let (own, other) = (process as u64, other[2]);
                return Err(ClusterError::Unlike { process, what: "place", own, other });
            }
            Ok(Ok(socket))
        }
        Err(error) => Ok(Err(error)),
    }
}
