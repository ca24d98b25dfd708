//! A connection to another process, as timely reads and writes it.
//!
//! Timely ends a thread with a panic when a connection breaks, and waits for ever when one is silent. So what it writes is
//! put into frames here, between which each process says now and then that it is alive; whoever is not heard of for too
//! long counts as lost, as does whoever closes without a farewell. Then the reader rests until the workers have gone,
//! and what is written disappears.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use timely::communication::allocator::zero_copy::stream::Stream;

use super::ClusterError;
use super::headers::Headers;

/// The length of a frame that says only that its sender is alive.
const ALIVE: u32 = 0;
/// The length of a frame that says that no other follows.
const FAREWELL: u32 = u32::MAX;
/// Bytes read at once.
const READ: usize = 1 << 16;

/// What the threads of a process know of its connections.
#[derive(Debug, Default)]
pub(super) struct Net {
    failed: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    failure: Option<ClusterError>,
    /// Farewells that were said and heard.
    farewells: usize,
    /// The workers have gone.
    over: bool,
}

fn lock<A>(mutex: &Mutex<A>) -> MutexGuard<'_, A> {
    // What is kept there is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Net {
    /// Something went wrong; the first that did counts.
    pub(super) fn fail(&self, error: ClusterError) {
        let mut state = lock(&self.state);
        if !state.over && state.failure.is_none() {
            state.failure = Some(error);
        }
        self.failed.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Did anything go wrong?
    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// What went wrong, as the others are to be told; nothing if they know better.
    pub(super) fn to_tell(&self) -> Option<String> {
        let state = lock(&self.state);
        state.failure.as_ref().filter(|error| !matches!(error, ClusterError::Remote { .. })).map(ToString::to_string)
    }

    /// Takes what went wrong.
    pub(super) fn take(&self) -> Option<ClusterError> {
        lock(&self.state).failure.take()
    }

    /// The workers have gone: waits until all farewells are said and heard, or something goes wrong, but not for long.
    pub(super) fn close(&self, farewells: usize, patience: Duration) {
        let until = Instant::now() + patience;
        let mut state = lock(&self.state);
        // After a failure those that are left still ought to hear why.
        let failed = state.failure.is_some();
        while state.farewells < farewells && (failed || state.failure.is_none()) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.over = true;
        self.changed.notify_all();
    }

    fn farewell(&self) {
        lock(&self.state).farewells += 1;
        self.changed.notify_all();
    }

    /// Waits until the workers have gone, but not longer than that.
    fn rest(&self, at_most: Duration) -> bool {
        let state = lock(&self.state);
        let waited = self.changed.wait_timeout_while(state, at_most, |state| !state.over);
        waited.unwrap_or_else(PoisonError::into_inner).0.over
    }
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Link {
    process: usize,
    socket: TcpStream,
    net: Arc<Net>,
    sending: Mutex<Sending>,
    /// As they are before the first.
    headers: Headers,
}

#[derive(Debug, Default)]
struct Sending {
    frame: Vec<u8>,
    over: bool,
}

impl Link {
    /// Of a connection with that process; it is lost when nothing is heard of it for so long.
    pub(super) fn new(
        process: usize,
        socket: TcpStream,
        net: &Arc<Net>,
        patience: Duration,
        headers: Headers,
    ) -> Result<Arc<Self>, ClusterError> {
        let set = || {
            socket.set_nonblocking(false)?;
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(patience))?;
            socket.set_write_timeout(Some(patience))
        };
        set().map_err(|source| ClusterError::System { doing: "set up a connection", source })?;
        Ok(Arc::new(Self { process, socket, net: Arc::clone(net), sending: Mutex::default(), headers }))
    }

    fn lost(&self, why: String) {
        self.net.fail(ClusterError::Lost { process: self.process, why });
    }

    /// Sends a frame, unless there is nobody who would read it.
    fn send(&self, mut sending: MutexGuard<'_, Sending>, length: u32, content: &[u8]) {
        if sending.over {
            if length == FAREWELL {
                self.net.farewell();
            }
            return;
        }
        sending.frame.clear();
        sending.frame.extend(length.to_le_bytes());
        sending.frame.extend(content);
        sending.over = length == FAREWELL;
        if let Err(error) = (&self.socket).write_all(&sending.frame) {
            sending.over = true;
            self.lost(format!("cannot send to it: {error}"));
        }
        if length == FAREWELL {
            self.net.farewell();
        }
    }

    /// Says now and then that this process is alive, until the workers have gone.
    pub(super) fn keep_alive(&self, every: Duration) {
        while !self.net.rest(every) {
            // If somebody is sending, that says it too.
            if let Ok(sending) = self.sending.try_lock() {
                self.send(sending, ALIVE, &[]);
            }
        }
    }

    /// Closes the connection.
    pub(super) fn close(&self) {
        // It may be closed already.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// What timely holds of a link.
#[derive(Debug)]
pub(super) struct Wire {
    link: Arc<Link>,
    from: BufReader<TcpStream>,
    headers: Headers,
    /// Bytes of the frame that are left.
    left: usize,
    over: bool,
}

impl Wire {
    /// Of a link.
    pub(super) fn new(link: Arc<Link>) -> io::Result<Self> {
        let from = BufReader::with_capacity(READ, link.socket.try_clone()?);
        let headers = link.headers.clone();
        Ok(Self { link, from, headers, left: 0, over: false })
    }

    /// Reads what there is, at the end of a frame the beginning of the next.
    fn next(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 && !self.over {
            let mut length = [0; 4];
            self.from.read_exact(&mut length)?;
            match u32::from_le_bytes(length) {
                FAREWELL => {
                    self.over = true;
                    self.link.net.farewell();
                }
                length => self.left = length as usize,
            }
        }
        let most = self.left.min(into.len());
        let read = self.from.read(&mut into[..most])?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !self.headers.look(&into[..read]) {
            return Err(io::Error::other("it sent what makes no sense"));
        }
        self.left -= read;
        Ok(read)
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.over {
            return Ok(0);
        }
        match self.next(into) {
            Ok(read) => Ok(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.link.lost(match error.kind() {
                    io::ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "nothing was heard of it".to_owned(),
                    _ => error.to_string(),
                });
                self.link.net.farewell();
                // A worker that is still there would panic with this thread.
                while !self.link.net.rest(Duration::from_secs(1)) {}
                // Ends timely's thread, which knows no other end, without a message.
                std::panic::resume_unwind(Box::new("a connection was lost"));
            }
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.chunks(1 << 24) {
            self.link.send(lock(&self.link.sending), part.len() as u32, part);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Wire {
    fn try_clone(&self) -> io::Result<Self> {
        Self::new(Arc::clone(&self.link))
    }

    fn set_nonblocking(&self, _nonblocking: bool) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, _how: Shutdown) -> io::Result<()> {
        self.link.send(lock(&self.link.sending), FAREWELL, &[]);
        Ok(())
    }
}
