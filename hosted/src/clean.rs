//! Names for what is put on the host, and the removal of what a killed run left.
//!
//! Every cgroup, directory and file of ours is called `lacuna-N-P-S-Q`: the inode of the process namespace, the owner's
//! process number in it, the owner's start in clock ticks since boot (`proc_pid_stat(5)`, field 22), a serial number.
//! A number alone would be recycled; number and start together name one process until the next boot. Only a thing so
//! named, whose owner is of our namespace and dead, is removed. Nothing else is ever touched.
//!
//! Assumptions: the trees looked at (our own place in each hierarchy of cgroups, the directory for temporary files, /tmp
//! and /dev/shm) are of this boot, which those are. Holes: what has no name (a key in a keyring, System V objects, which
//! a probe has an attacker make) is removed by the probe alone; an owner in another process namespace is left alone,
//! dead or not; one in another *time* namespace shows another start, and must not share our trees.

use std::path::PathBuf;

/// What a cleaning did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cleaned {
    /// Removed, all of dead owners.
    pub removed: Vec<PathBuf>,
    /// Of dead owners, and could not be removed, with the reason.
    pub left: Vec<(PathBuf, String)>,
}

/// Who owns a thing on the host, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    namespace: u64,
    pid: u32,
    start_ticks: u64,
}

/// The prefix of every name.
const PREFIX: &str = "lacuna";

impl Owner {
    /// The owner that a name tells, if it is one of ours.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        if parts.next() != Some(PREFIX) {
            return None;
        }
        let (namespace, pid) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (start_ticks, _serial) = (parts.next()?.parse().ok()?, parts.next()?.parse::<u64>().ok()?);
        Some(Self { namespace, pid, start_ticks })
    }

    fn name(self, serial: u64) -> String {
        let Self { namespace, pid, start_ticks } = self;
        format!("{PREFIX}-{namespace}-{pid}-{start_ticks}-{serial}")
    }
}

/// The start of a process in clock ticks, from the text of its `stat`. The second field may hold anything, also `)`.
fn start_ticks(stat: &str) -> Option<u64> {
    let after_name = stat.rsplit_once(')')?.1;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(target_os = "linux")]
mod live {
    use std::collections::BTreeSet;
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    impl Owner {
        /// This very process.
        pub(crate) fn this() -> io::Result<Self> {
            // Where /proc shows another process namespace than ours, its numbers mean others: 0 is nobody's to judge.
            let ours = std::fs::read_link("/proc/self")?.to_str() == Some(&std::process::id().to_string());
            let namespace = if ours { std::fs::metadata("/proc/self/ns/pid")?.ino() } else { 0 };
            let stat = std::fs::read_to_string("/proc/self/stat")?;
            let start_ticks = start_ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
            Ok(Self { namespace, pid: std::process::id(), start_ticks })
        }

        /// Is it of our process namespace, and surely gone?
        pub(crate) fn is_dead(self, this: Self) -> bool {
            if self.namespace != this.namespace || this.namespace == 0 {
                return false;
            }
            match std::fs::read_to_string(format!("/proc/{}/stat", self.pid)) {
                Ok(stat) => start_ticks(&stat).is_some_and(|start| start != self.start_ticks),
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            }
        }
    }

    /// A name nobody else has or will have.
    pub(crate) fn fresh_name() -> io::Result<String> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        Ok(Owner::this()?.name(SERIAL.fetch_add(1, Ordering::Relaxed)))
    }

    /// Removes what runs left whose process is dead: their cgroups, with whoever still lives in them, and their
    /// temporary directories.
    ///
    /// # Errors
    /// This process cannot tell who it is: no `/proc`.
    pub fn clean() -> io::Result<Cleaned> {
        let this = Owner::this()?;
        let mut cleaned = Cleaned::default();
        for tree in crate::linux::cgroup::own_trees()? {
            for path in dead_in(&tree.own, this) {
                note(&mut cleaned, crate::linux::cgroup::end_and_remove(tree.version, &path), path);
            }
        }
        // Where a run makes its directories, and where a probe has an attacker leave a file.
        let places: BTreeSet<PathBuf> = [std::env::temp_dir(), "/tmp".into(), "/dev/shm".into()].into();
        for path in places.iter().flat_map(|place| dead_in(place, this)) {
            let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            note(&mut cleaned, removed, path);
        }
        Ok(cleaned)
    }

    fn note(cleaned: &mut Cleaned, result: io::Result<()>, path: PathBuf) {
        match result {
            Ok(()) => cleaned.removed.push(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => cleaned.left.push((path, error.to_string())),
        }
    }

    /// Directories and files in `parent` named as ours whose owner is dead; a link is neither.
    pub(super) fn dead_in(parent: &Path, this: Owner) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
        entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_file()))
            .filter(|entry| {
                entry.file_name().to_str().and_then(Owner::of_name).is_some_and(|owner| owner.is_dead(this))
            })
            .map(|entry| entry.path())
            .collect()
    }
}

#[cfg(target_os = "linux")]
pub use live::clean;
#[cfg(target_os = "linux")]
pub(crate) use live::fresh_name;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_owner() {
        let owner = Owner { namespace: 4026531836, pid: 42, start_ticks: 12345 };
        assert_eq!(Owner::of_name(&owner.name(7)), Some(owner));
        assert_eq!(Owner::of_name(&format!("{}-supervisor", owner.name(7))), Some(owner));
        for other in ["lacuna", "lacuna-1-2-3", "lacuna-x-2-3-4", "lacunae-1-2-3-4", "system.slice"] {
            assert_eq!(Owner::of_name(other), None, "{other}");
        }
    }

    #[test]
    fn a_start_is_read_past_any_command_name() {
        let fields = (4..30).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(start_ticks(&format!("7 (a) b) S {fields}")), Some(22));
        assert_eq!(start_ticks("7 (a"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_dead_left_is_found_by_its_name() {
        let this = Owner::this().unwrap();
        let place = tempfile::tempdir().unwrap();
        let path = |owner: Owner, serial| place.path().join(owner.name(serial));
        let dead = Owner { pid: 1 << 30, ..this };
        std::fs::create_dir(path(dead, 0)).unwrap();
        std::fs::write(path(dead, 1), "").unwrap();
        std::os::unix::fs::symlink("anywhere", path(dead, 2)).unwrap();
        std::fs::write(path(this, 3), "").unwrap();
        let mut found = live::dead_in(place.path(), this);
        found.sort();
        assert_eq!(found, [path(dead, 0), path(dead, 1)]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_living_are_not_dead() {
        let this = Owner::this().unwrap();
        assert!(!this.is_dead(this));
        assert!(Owner { start_ticks: this.start_ticks + 1, ..this }.is_dead(this));
        assert!(Owner { pid: 1 << 30, ..this }.is_dead(this));
        assert!(!Owner { namespace: 1, pid: 1 << 30, ..this }.is_dead(this));
        let unseen = Owner { namespace: 0, ..this };
        assert!(!Owner { pid: 1 << 30, ..unseen }.is_dead(unseen), "with a foreign /proc nobody can be judged");
    }
}
