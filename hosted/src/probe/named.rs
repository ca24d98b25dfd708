//! Objects of the kernel that have a name or a key, and that outlive whoever made them: made, read, removed.
//!
//! The same code makes them inside and looks for them outside (residue), or makes them outside and reads them inside
//! (confinement). Each holds a text; reading may take it away. Source: shmget(2), semget(2), msgget(2), mq_overview(7),
//! shm_overview(7), keyrings(7), keyctl(2).

use std::ffi::CString;
use std::fs;
use std::io;

use super::inside::check;
use super::{Attack, Claims};

/// What a text is long: a secret of the stage.
const BYTES: usize = 32;

/// A kind of such objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A System V segment of shared memory.
    Memory,
    /// A System V set of semaphores.
    Semaphores,
    /// A System V queue of messages.
    Messages,
    /// A POSIX queue of messages.
    Queue,
    /// A file: in /dev/shm POSIX shared memory.
    File,
    /// A key in the user's keyring.
    UserKey,
    /// A key in the keyring of the session.
    SessionKey,
    /// A directory, of which the text is not kept.
    Directory,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Named {
    kind: Kind,
    name: String,
}

/// What keyctl(2) is asked for, and special keyrings, by their numbers.
const SETPERM: i32 = 5;
const UNLINK: i32 = 9;
const SEARCH: i32 = 10;
const READ: i32 = 11;
const SESSION_KEYRING: i32 = -3;
const USER_KEYRING: i32 = -4;
/// Everything to whoever possesses it and to its user.
const ALL: u32 = 0x3f3f_0000;

impl Named {
    pub(super) fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// Tells an attack of it, for a round.
    pub(super) fn aim(&self, attack: &mut Attack, round: u64) {
        attack.targets.insert(format!("kind{round}"), (self.kind as u8).to_string());
        attack.targets.insert(format!("name{round}"), self.name.clone());
    }

    /// What an attack is aimed at in this round.
    pub(super) fn target(attack: &Attack, claims: &Claims) -> Self {
        let all = [
            Kind::Memory,
            Kind::Semaphores,
            Kind::Messages,
            Kind::Queue,
            Kind::File,
            Kind::UserKey,
            Kind::SessionKey,
            Kind::Directory,
        ];
        let kind: usize = attack.number(&format!("kind{}", claims.round()));
        let name = attack.target(&format!("name{}", claims.round()));
        Self::new(all.get(kind).copied().unwrap_or(Kind::File), name)
    }

    /// The call that answers.
    pub(super) fn call(&self) -> &'static str {
        match self.kind {
            Kind::Memory => "shmget",
            Kind::Semaphores => "semget",
            Kind::Messages => "msgget",
            Kind::Queue => "mq_open",
            Kind::File => "open",
            Kind::UserKey | Kind::SessionKey => "keyctl",
            Kind::Directory => "mkdir",
        }
    }

    /// The key of a System V object: 28 bits of the name, and never 0, which is no key.
    fn key(&self) -> libc::key_t {
        let digits = self.name.get(..7).and_then(|digits| i32::from_str_radix(digits, 16).ok());
        digits.unwrap_or_default() | 1 << 28
    }

    fn name(&self) -> io::Result<CString> {
        Ok(CString::new(self.name.as_str())?)
    }

    fn keyring(&self) -> i32 {
        if self.kind == Kind::UserKey { USER_KEYRING } else { SESSION_KEYRING }
    }

    /// Makes it with this text.
    pub(super) fn make(&self, text: &str) -> io::Result<()> {
        let bytes = fixed(text);
        let new = libc::IPC_CREAT | libc::IPC_EXCL | 0o600;
        match self.kind {
            Kind::Memory => {
                // SAFETY: takes integers.
                let id = check(unsafe { libc::shmget(self.key(), 4096, new) })? as i32;
                with_memory(id, 0, |at| {
                    // SAFETY: a page, attached for writing.
                    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at, BYTES) };
                })
            }
            Kind::Semaphores => {
                let mut values = bytes.map(u16::from);
                // SAFETY: takes integers.
                let id = check(unsafe { libc::semget(self.key(), BYTES as i32, new) })? as i32;
                // SAFETY: as many values as there are semaphores.
                check(unsafe { libc::semctl(id, 0, libc::SETALL, values.as_mut_ptr()) }).map(drop)
            }
            Kind::Messages => {
                // SAFETY: takes integers.
                let id = check(unsafe { libc::msgget(self.key(), new) })? as i32;
                let message = Message { kind: 1, text: bytes };
                // SAFETY: a live message of that length.
                check(unsafe { libc::msgsnd(id, (&raw const message).cast(), BYTES, libc::IPC_NOWAIT) }).map(drop)
            }
            Kind::Queue => {
                // SAFETY: plain data, for which zero is a value.
                let mut limits: libc::mq_attr = unsafe { std::mem::zeroed() };
                (limits.mq_maxmsg, limits.mq_msgsize) = (1, BYTES as _);
                let flags = libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY | libc::O_CLOEXEC;
                // SAFETY: a string that ends in a zero, and live limits.
                let queue = unsafe { libc::mq_open(self.name()?.as_ptr(), flags, 0o600, &raw const limits) };
                check(queue)?;
                // SAFETY: live bytes of that length; the queue is closed after it.
                let sent = check(unsafe { libc::mq_send(queue, bytes.as_ptr().cast(), BYTES, 0) });
                // SAFETY: opened above, and nobody else has it.
                unsafe { libc::mq_close(queue) };
                sent.map(drop)
            }
            Kind::File => fs::write(&self.name, text),
            Kind::UserKey | Kind::SessionKey => {
                let (kind, name) = (c"user".as_ptr(), self.name()?);
                // SAFETY: strings that end in a zero, and live bytes of that length.
                let key = check(unsafe {
                    libc::syscall(libc::SYS_add_key, kind, name.as_ptr(), bytes.as_ptr(), BYTES, self.keyring())
                })?;
                // SAFETY: takes integers.
                check(unsafe { libc::syscall(libc::SYS_keyctl, SETPERM, key, ALL) }).map(drop)
            }
            Kind::Directory => fs::create_dir(&self.name),
        }
    }

    /// Its text.
    pub(super) fn read(&self) -> io::Result<String> {
        let mut bytes = [0u8; BYTES];
        match self.kind {
            Kind::Memory => {
                // SAFETY: takes integers.
                let id = check(unsafe { libc::shmget(self.key(), 0, 0) })? as i32;
                with_memory(id, libc::SHM_RDONLY, |at| {
                    // SAFETY: a segment is a page at least, attached for reading.
                    unsafe { std::ptr::copy_nonoverlapping(at, bytes.as_mut_ptr(), BYTES) };
                })?;
            }
            Kind::Semaphores => {
                let mut values = [0u16; BYTES];
                // SAFETY: takes integers; it fails where there are fewer.
                let id = check(unsafe { libc::semget(self.key(), BYTES as i32, 0) })? as i32;
                // SAFETY: room for as many values as we make semaphores, under a key that nobody else has.
                check(unsafe { libc::semctl(id, 0, libc::GETALL, values.as_mut_ptr()) })?;
                bytes = values.map(|value| value as u8);
            }
            Kind::Messages => {
                // SAFETY: takes integers.
                let id = check(unsafe { libc::msgget(self.key(), 0) })? as i32;
                let mut message = Message { kind: 0, text: bytes };
                // SAFETY: room for a message of that length; a longer one is refused.
                check(unsafe { libc::msgrcv(id, (&raw mut message).cast(), BYTES, 0, libc::IPC_NOWAIT) } as i64)?;
                bytes = message.text;
            }
            Kind::Queue => {
                let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_CLOEXEC;
                // SAFETY: a string that ends in a zero.
                let queue = unsafe { libc::mq_open(self.name()?.as_ptr(), flags) };
                check(queue)?;
                let none = std::ptr::null_mut();
                // SAFETY: room for a message of that length; of a queue of longer ones nothing is received.
                let received = unsafe { libc::mq_receive(queue, bytes.as_mut_ptr().cast(), BYTES, none) };
                let received = check(received as i64);
                // SAFETY: opened above, and nobody else has it.
                unsafe { libc::mq_close(queue) };
                received?;
            }
            Kind::File => return fs::read_to_string(&self.name),
            Kind::UserKey | Kind::SessionKey => {
                let key = self.search()?;
                // SAFETY: room for as many bytes as are asked for.
                check(unsafe { libc::syscall(libc::SYS_keyctl, READ, key, bytes.as_mut_ptr(), BYTES) })?;
            }
            Kind::Directory => return fs::metadata(&self.name).map(|_| String::new()),
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Is there one of this name?
    pub(super) fn exists(&self) -> bool {
        match self.kind {
            // SAFETY: takes integers.
            Kind::Memory => unsafe { libc::shmget(self.key(), 0, 0) >= 0 },
            // SAFETY: as above.
            Kind::Semaphores => unsafe { libc::semget(self.key(), 0, 0) >= 0 },
            // SAFETY: as above.
            Kind::Messages => unsafe { libc::msgget(self.key(), 0) >= 0 },
            Kind::Queue => self.name().is_ok_and(|name| {
                // SAFETY: a string that ends in a zero.
                let queue = unsafe { libc::mq_open(name.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
                if queue >= 0 {
                    // SAFETY: just opened, and nobody else has it.
                    unsafe { libc::mq_close(queue) };
                }
                queue >= 0
            }),
            Kind::File | Kind::Directory => fs::symlink_metadata(&self.name).is_ok(),
            Kind::UserKey | Kind::SessionKey => self.search().is_ok(),
        }
    }

    /// Removes it.
    pub(super) fn remove(&self) -> io::Result<()> {
        match self.kind {
            Kind::Memory => {
                // SAFETY: takes integers.
                let id = check(unsafe { libc::shmget(self.key(), 0, 0) })? as i32;
                // SAFETY: nothing is read or written by a removal.
                check(unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) }).map(drop)
            }
            Kind::Semaphores => {
                // SAFETY: takes integers.
                let id = check(unsafe { libc::semget(self.key(), 0, 0) })? as i32;
                // SAFETY: as above.
                check(unsafe { libc::semctl(id, 0, libc::IPC_RMID) }).map(drop)
            }
            Kind::Messages => {
                // SAFETY: takes integers.
                let id = check(unsafe { libc::msgget(self.key(), 0) })? as i32;
                // SAFETY: as above.
                check(unsafe { libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()) }).map(drop)
            }
            Kind::Queue => {
                let name = self.name()?;
                // SAFETY: a string that ends in a zero.
                check(unsafe { libc::mq_unlink(name.as_ptr()) }).map(drop)
            }
            Kind::File => fs::remove_file(&self.name),
            Kind::UserKey | Kind::SessionKey => {
                let key = self.search()?;
                // SAFETY: takes integers.
                check(unsafe { libc::syscall(libc::SYS_keyctl, UNLINK, key, self.keyring()) }).map(drop)
            }
            Kind::Directory => fs::remove_dir(&self.name),
        }
    }

    fn search(&self) -> io::Result<i64> {
        let (kind, name) = (c"user".as_ptr(), self.name()?);
        // SAFETY: strings that end in a zero.
        check(unsafe { libc::syscall(libc::SYS_keyctl, SEARCH, self.keyring(), kind, name.as_ptr(), 0) })
    }
}

/// The kernel's `struct msgbuf`.
#[repr(C)]
struct Message {
    kind: libc::c_long,
    text: [u8; BYTES],
}

fn fixed(text: &str) -> [u8; BYTES] {
    let mut bytes = [b' '; BYTES];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    bytes
}

/// Attaches a segment for as long as it is used.
fn with_memory(id: i32, flags: i32, mut with: impl FnMut(*mut u8)) -> io::Result<()> {
    // SAFETY: attaches at an address of the kernel's choice.
    let at = unsafe { libc::shmat(id, std::ptr::null(), flags) };
    if at as isize == -1 {
        return Err(io::Error::last_os_error());
    }
    with(at.cast());
    // SAFETY: attached above, and no reference is left.
    unsafe { libc::shmdt(at) };
    Ok(())
}

/// One that is removed when it is dropped, whoever made it.
pub(super) struct Removed(pub(super) Named);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = self.0.remove();
    }
}
