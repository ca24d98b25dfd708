//! Why a checkpoint was not written, or not read.

use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a checkpoint. What was written before stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system refused: no space, no permission, no such place.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was to be done with it.
        doing: &'static str,
        /// What the file system said.
        source: io::Error,
    },
    /// A search that starts anew would write over a checkpoint.
    #[error("{}: there is a checkpoint; go on from it, or give another directory", .0.display())]
    Occupied(PathBuf),
    /// There is nothing to go on from.
    #[error("{}: no complete checkpoint; of a cluster's, the parts of all workers are needed", .0.display())]
    Missing(PathBuf),
    /// It is not what was written.
    #[error("{} is damaged at byte {offset}: {what}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where; for a checksum, where that begins which it covers.
        offset: u64,
        /// What was expected, and what was found.
        what: String,
    },
    /// It belongs to another system, or another way of packing its states.
    #[error("{} belongs to something else: {what} is {found:#x}, and {expected:#x} was expected", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// In what it differs.
        what: &'static str,
        /// What is explored now.
        expected: u64,
        /// What was explored then.
        found: u64,
    },
    /// The search that it is of began elsewhere.
    #[error("{}: the checkpoint is of a system that starts in other states; begin anew in another directory", .0.display())]
    OtherStart(PathBuf),
    /// It was written by a later version.
    #[error("{} has format {found}; formats up to {known} are known", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: u64,
        /// The latest that is known.
        known: u64,
    },
    /// Its states do not fit into the memory that is allowed now.
    #[error(
        "the {states} states of the checkpoint need more memory than is allowed: {allowed} bytes are left for them"
    )]
    TooLarge {
        /// So many states.
        states: u64,
        /// So many bytes are allowed.
        allowed: u64,
    },
}

impl CheckpointError {
    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), doing, source }
    }

    pub(crate) fn damaged(file: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), offset, what: what.into() }
    }
}
