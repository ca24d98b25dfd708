//! Our own place in each hierarchy of cgroups, and the making and removing of groups of ours under it.
//!
//! Source: `cgroups(7)`, `proc_pid_mountinfo(5)`. A group is only ever made *under the cgroup that we are in*, so that
//! every limit set on us by others goes on holding. Holes: a place outside what is mounted (`/..`) is not used.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

/// Which interface a hierarchy has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// A hierarchy that is mounted, and our own cgroup in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) version: Version,
    /// Of version 1: as mounted.
    pub(crate) controllers: Vec<String>,
    pub(crate) own: PathBuf,
}

/// The hierarchies that this process can see itself in.
pub(crate) fn own_trees() -> io::Result<Vec<Tree>> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let places = fs::read_to_string("/proc/self/cgroup")?;
    Ok(trees(&mounts, &places))
}

/// As [`own_trees`], from the texts of `mountinfo` and `cgroup`.
fn trees(mounts: &str, places: &str) -> Vec<Tree> {
    let mut trees = Vec::new();
    for place in places.lines() {
        let mut fields = place.splitn(3, ':');
        let (Some(number), Some(names), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let version = if number == "0" && names.is_empty() { Version::V2 } else { Version::V1 };
        let controllers: Vec<String> = names.split(',').filter(|name| !name.is_empty()).map(Into::into).collect();
        let own = mounts.lines().find_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let left: Vec<_> = left.split(' ').collect();
            let (root, at) = (*left.get(3)?, *left.get(4)?);
            let mut right = right.split(' ');
            let (kind, options) = (right.next()?, right.nth(1)?);
            let matches = match version {
                Version::V2 => kind == "cgroup2",
                Version::V1 => kind == "cgroup" && controllers.iter().all(|name| options.split(',').any(|o| o == name)),
            };
            let below = if root == "/" { path } else { path.strip_prefix(root)? };
            let inside = !below.split('/').any(|part| part == "..");
            (matches && inside).then(|| Path::new(at).join(below.trim_start_matches('/')))
        });
        if let Some(own) = own {
            trees.push(Tree { version, controllers, own: supervised(own) });
        }
    }
    trees
}

/// The suffix of the leaf that a supervisor of ours moved itself into, see [`super::cgroup_v2`].
pub(crate) const SUPERVISOR: &str = "-supervisor";

/// The cgroup that was ours before we moved into a leaf of it.
fn supervised(own: PathBuf) -> PathBuf {
    let name = own.file_name().and_then(|name| name.to_str()).unwrap_or("");
    if name.starts_with("lacuna-") && name.ends_with(SUPERVISOR) {
        own.parent().map(Path::to_path_buf).unwrap_or(own)
    } else {
        own
    }
}

/// A cgroup of ours; removed with the value.
#[derive(Debug)]
pub(crate) struct Group {
    path: PathBuf,
    directory: OwnedFd,
}

impl Group {
    /// Makes one under `parent`, with a name of its own.
    pub(crate) fn create(parent: &Path) -> io::Result<Self> {
        let path = parent.join(crate::clean::fresh_name()?);
        fs::create_dir(&path)?;
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(directory) => Ok(Self { path, directory }),
            Err(error) => {
                let _ = fs::remove_dir(&path);
                Err(error.into())
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path for a call after `clone`.
    pub(crate) fn c_path(&self) -> io::Result<CString> {
        CString::new(self.path.as_os_str().as_bytes()).map_err(Into::into)
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.directory.as_raw_fd()
    }

    /// Opens one of its files.
    pub(crate) fn open(&self, file: &str, flags: OFlags) -> io::Result<OwnedFd> {
        Ok(rustix::fs::openat(&self.directory, file, flags | OFlags::CLOEXEC, Mode::empty())?)
    }

    /// Writes one of its files.
    pub(crate) fn set(&self, file: &str, text: &str) -> io::Result<()> {
        let fd = self.open(file, OFlags::WRONLY)?;
        rustix::io::write(&fd, text.as_bytes())?;
        Ok(())
    }

    /// Its members, as the kernel lists them.
    pub(crate) fn members(&self) -> io::Result<Vec<u32>> {
        members(&self.path)
    }

    /// Removes it, waiting a little for members that are dying.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove(&self.path)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.path.exists() {
            let _ = self.remove();
        }
    }
}

/// The members of a cgroup, as the kernel lists them.
pub(crate) fn members(path: &Path) -> io::Result<Vec<u32>> {
    let text = fs::read_to_string(path.join("cgroup.procs"))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

/// Removes an empty cgroup. A member that is dead but not yet gone keeps it busy for a moment.
fn remove(path: &Path) -> io::Result<()> {
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        match fs::remove_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => return result,
        }
    }
}

/// Kills whoever is in a cgroup of ours and removes it.
pub(crate) fn end_and_remove(version: Version, path: &Path) -> io::Result<()> {
    let until = Instant::now() + Duration::from_secs(2);
    if version == Version::V2 && fs::write(path.join("cgroup.kill"), "1").is_ok() {
        return remove(path);
    }
    loop {
        let members = members(path)?;
        if members.is_empty() {
            return remove(path);
        }
        if Instant::now() > until {
            return Err(io::Error::other(format!("{} members do not die", members.len())));
        }
        super::cgroup_v1::kill_members(path)?;
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 31 0:28 / /sys/fs/cgroup/pids rw shared:9 - cgroup cgroup rw,pids
34 31 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
35 31 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";

    #[test]
    fn a_hybrid_host_has_both_versions() {
        let places = "4:pids:/a/b\n3:cpu,cpuacct:/\n1:name=systemd:/\n0::/c";
        let found: Vec<_> = trees(HYBRID, places).into_iter().map(|tree| (tree.version, tree.own)).collect();
        let expected = [
            (Version::V1, "/sys/fs/cgroup/pids/a/b"),
            (Version::V1, "/sys/fs/cgroup/cpu,cpuacct/"),
            (Version::V1, "/sys/fs/cgroup/systemd/"),
            (Version::V2, "/sys/fs/cgroup/unified/c"),
        ];
        assert_eq!(found, expected.map(|(version, path)| (version, path.into())));
    }

    #[test]
    fn a_container_sees_its_part_only() {
        let mounts = "35 31 0:30 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup2 rw";
        let own = |place: &str| trees(mounts, place).into_iter().map(|tree| tree.own).collect::<Vec<_>>();
        assert_eq!(own("0::/docker/1/x"), [PathBuf::from("/sys/fs/cgroup/x")]);
        assert!(own("0::/other").is_empty());
        assert!(own("0::/docker/1/../2").is_empty());
    }

    #[test]
    fn a_supervisor_in_its_leaf_still_owns_the_parent() {
        let place = "0::/run.scope/lacuna-1-2-3-4-supervisor";
        assert_eq!(trees(HYBRID, place)[0].own, Path::new("/sys/fs/cgroup/unified/run.scope"));
    }
}
