//! Where the files of a checkpoint are: a directory for each generation, and in it a manifest and a file of states for
//! each part.
//!
//! A generation keeps its number of parts. A search that goes on with another number begins the next generation, and the
//! one before stays valid until the new one is complete.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::CheckpointError;
use super::manifest::{Manifest, Part};
use crate::engine::system::Packed;

/// A directory of checkpoints.
#[derive(Debug, Clone)]
pub(super) struct Directory(pub(super) PathBuf);

impl Directory {
    /// The directory of a generation.
    pub(super) fn generation(&self, generation: u64) -> PathBuf {
        self.0.join(format!("generation-{generation}"))
    }

    /// The manifest of a part.
    pub(super) fn manifest(&self, generation: u64, part: Part) -> PathBuf {
        self.generation(generation).join(format!("part-{}-of-{}.manifest", part.index, part.of))
    }

    /// The states of a part.
    pub(super) fn states(&self, generation: u64, part: Part) -> PathBuf {
        self.manifest(generation, part).with_extension("states")
    }

    /// The generations there are, the latest first.
    pub(super) fn generations(&self) -> Result<Vec<u64>, CheckpointError> {
        let mut found: Vec<u64> = names(&self.0)?
            .iter()
            .filter_map(|name| name.strip_prefix("generation-")?.parse().ok())
            .filter(|generation| self.generation(*generation).is_dir())
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    /// The parts of which a generation has a manifest.
    pub(super) fn parts(&self, generation: u64) -> Result<Vec<Part>, CheckpointError> {
        let part = |name: &String| {
            let (index, of) = name.strip_prefix("part-")?.strip_suffix(".manifest")?.split_once("-of-")?;
            Some(Part { index: index.parse().ok()?, of: of.parse().ok()? })
        };
        let mut parts: Vec<Part> = names(&self.generation(generation))?.iter().filter_map(part).collect();
        parts.sort_unstable_by_key(|part| (part.of, part.index));
        Ok(parts)
    }

    /// Reads a manifest.
    pub(super) fn read<S: Packed>(
        &self,
        generation: u64,
        part: Part,
        fingerprint: u64,
    ) -> Result<Manifest<S>, CheckpointError> {
        let file = self.manifest(generation, part);
        let bytes = fs::read(&file).map_err(CheckpointError::io(&file, "read"))?;
        Manifest::read(&bytes, &file, fingerprint, part)
    }

    /// Writes a manifest, or leaves the one before.
    pub(super) fn write<S: Packed>(&self, generation: u64, manifest: &Manifest<S>) -> Result<(), CheckpointError> {
        let file = self.manifest(generation, manifest.part);
        let new = file.with_extension("new");
        let mut open = File::create(&new).map_err(CheckpointError::io(&new, "create"))?;
        open.write_all(&manifest.bytes()).map_err(CheckpointError::io(&new, "write"))?;
        open.sync_all().map_err(CheckpointError::io(&new, "flush"))?;
        drop(open);
        fs::rename(&new, &file).map_err(CheckpointError::io(&file, "replace"))?;
        flush(&self.generation(generation))
    }

    /// Makes a generation.
    pub(super) fn create(&self, generation: u64) -> Result<(), CheckpointError> {
        let path = self.generation(generation);
        fs::create_dir_all(&path).map_err(CheckpointError::io(&path, "create"))?;
        flush(&self.0)?;
        match self.0.parent() {
            Some(parent) if parent.as_os_str().is_empty() => flush(Path::new(".")),
            Some(parent) => flush(parent),
            None => Ok(()),
        }
    }

    /// Removes the generations before this one.
    pub(super) fn remove_before(&self, generation: u64) -> Result<(), CheckpointError> {
        for old in self.generations()?.into_iter().filter(|old| *old < generation) {
            let path = self.generation(old);
            match fs::remove_dir_all(&path) {
                // Another process may have been faster.
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(CheckpointError::io(&path, "remove")(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The names in a directory, none if there is no such directory.
fn names(path: &Path) -> Result<Vec<String>, CheckpointError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CheckpointError::io(path, "list")(error)),
    };
    let name = |entry: std::io::Result<fs::DirEntry>| match entry {
        Ok(entry) => Ok(entry.file_name().into_string().unwrap_or_default()),
        Err(error) => Err(CheckpointError::io(path, "list")(error)),
    };
    entries.map(name).collect()
}

/// A file that was renamed or created is there after a crash only when its directory was flushed.
fn flush(directory: &Path) -> Result<(), CheckpointError> {
    if cfg!(unix) {
        let open = File::open(directory).map_err(CheckpointError::io(directory, "open"))?;
        open.sync_all().map_err(CheckpointError::io(directory, "flush"))?;
    }
    Ok(())
}
