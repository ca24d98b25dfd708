//! The messages between the supervisor, the keeper and the job's first process before its `exec`.
//!
//! One `SOCK_SEQPACKET` pair carries them, so a message is whole or absent. They are eight bytes, made without
//! allocation: kind, subject, two bytes of nothing, a number. The supervisor writes one word: end it, or let go.

use std::os::fd::RawFd;

use super::sys::{self, Errno};
use crate::primitive::PrimitiveId;

/// A part of a launch that can fail, beside the primitives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Stage {
    /// Applying a primitive.
    Primitive(PrimitiveId),
    /// Making the job's first process.
    Fork,
    /// Its standard input and outputs, and the descriptors passed.
    Descriptors,
    /// Its working directory.
    WorkingDirectory,
    /// Starting the program.
    Exec,
    /// The keeper's own needs: its descriptors and signals.
    Keeper,
}

impl Stage {
    const OTHER: u8 = 128;

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Primitive(id) => id as u8,
            Self::Fork => Self::OTHER,
            Self::Descriptors => Self::OTHER + 1,
            Self::WorkingDirectory => Self::OTHER + 2,
            Self::Exec => Self::OTHER + 3,
            Self::Keeper => Self::OTHER + 4,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        match number.checked_sub(Self::OTHER) {
            None => PrimitiveId::from_number(number).map(Self::Primitive),
            Some(0) => Some(Self::Fork),
            Some(1) => Some(Self::Descriptors),
            Some(2) => Some(Self::WorkingDirectory),
            Some(3) => Some(Self::Exec),
            Some(4) => Some(Self::Keeper),
            Some(_) => None,
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Primitive(id) => id.name(),
            Self::Fork => "fork",
            Self::Descriptors => "descriptors",
            Self::WorkingDirectory => "working directory",
            Self::Exec => "exec",
            Self::Keeper => "keeper",
        })
    }
}

/// What is told to the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// This primitive holds now.
    Applied(PrimitiveId),
    /// This failed, and the launch with it.
    Failed(Stage, Errno),
    /// The first process exists; its pidfd comes with this message, its number in the supervisor's view does not.
    Born,
    /// The program runs: the last descriptor that `exec` closes was closed.
    Started,
    /// The first process ended, with this status of `wait4`, and this is whether others live on.
    Ended { status: i32, others: Others },
    /// The keeper has no child left.
    Empty,
    /// After the account said that nobody is left, so many children of the keeper were alive, and were killed.
    Escaped(i32),
}

/// Is anyone left of the job when its first process has ended?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    None,
    Some,
}

/// The supervisor's words.
pub(crate) const WORD_END: u8 = b'E';
pub(crate) const WORD_LET_GO: u8 = b'L';

/// Bytes of a message.
pub(crate) const SIZE: usize = 8;

impl Message {
    pub(crate) fn encode(self) -> [u8; SIZE] {
        let (kind, subject, number) = match self {
            Self::Applied(id) => (1, id as u8, 0),
            Self::Failed(stage, errno) => (2, stage.number(), errno),
            Self::Born => (3, 0, 0),
            Self::Started => (4, 0, 0),
            Self::Ended { status, others } => (5, u8::from(others == Others::Some), status),
            Self::Empty => (6, 0, 0),
            Self::Escaped(count) => (7, 0, count),
        };
        let [a, b, c, d] = number.to_ne_bytes();
        [kind, subject, 0, 0, a, b, c, d]
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let [kind, subject, _, _, a, b, c, d] = *bytes else { return None };
        let number = i32::from_ne_bytes([a, b, c, d]);
        match kind {
            1 => PrimitiveId::from_number(subject).map(Self::Applied),
            2 => Stage::from_number(subject).map(|stage| Self::Failed(stage, number)),
            3 => Some(Self::Born),
            4 => Some(Self::Started),
            5 => {
                let others = if subject == 0 { Others::None } else { Others::Some };
                Some(Self::Ended { status: number, others })
            }
            6 => Some(Self::Empty),
            7 => Some(Self::Escaped(number)),
            _ => None,
        }
    }
}

/// Sends without allocation. That nobody listens any more is found out elsewhere.
pub(crate) fn send(socket: RawFd, message: Message) {
    let bytes = message.encode();
    // SAFETY: the pointer and length are those of a live array; MSG_NOSIGNAL keeps a lost peer from being a signal.
    unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
}

/// Sends with one descriptor, without allocation.
pub(crate) fn send_with(socket: RawFd, message: Message, fd: RawFd) -> Result<(), Errno> {
    let mut bytes = message.encode();
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // Room for one control message with one descriptor, aligned as cmsghdr wants it.
    let mut control = [0u64; 4];
    // SAFETY: msghdr is plain data, and all zero is an empty one.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    // SAFETY: the space for 4 bytes of data is at most 24 bytes, and `control` has 32; CMSG_FIRSTHDR points into it.
    unsafe {
        header.msg_controllen = libc::CMSG_SPACE(4) as _;
        let control_header = libc::CMSG_FIRSTHDR(&raw const header);
        (*control_header).cmsg_level = libc::SOL_SOCKET;
        (*control_header).cmsg_type = libc::SCM_RIGHTS;
        (*control_header).cmsg_len = libc::CMSG_LEN(4) as _;
        libc::CMSG_DATA(control_header).cast::<RawFd>().write_unaligned(fd);
        sys::check(libc::sendmsg(socket, &raw const header, libc::MSG_NOSIGNAL) as i64).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_comes_back() {
        let stages = [Stage::Fork, Stage::Descriptors, Stage::WorkingDirectory, Stage::Exec, Stage::Keeper];
        let mut messages = vec![Message::Born, Message::Started, Message::Empty, Message::Escaped(3)];
        messages.extend(PrimitiveId::ALL.iter().map(|id| Message::Applied(*id)));
        messages.extend(PrimitiveId::ALL.iter().map(|id| Message::Failed(Stage::Primitive(*id), 1)));
        messages.extend(stages.map(|stage| Message::Failed(stage, 13)));
        messages.extend([Others::None, Others::Some].map(|others| Message::Ended { status: 0x8b, others }));
        for message in messages {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
        assert_eq!(Message::decode(&[9; SIZE]), None);
        assert_eq!(Message::decode(&[1; 3]), None);
    }
}
