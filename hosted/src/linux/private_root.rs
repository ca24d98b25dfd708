//! Primitive `private-root`: a root directory with the granted paths and nothing else.
//!
//! Calls: `unshare(CLONE_NEWNS)`, `mount` (private, then a small tmpfs), `pivot_root`, one recursive bind and one
//! `mount_setattr` a path, `pivot_root` and `umount2(MNT_DETACH)` of what was there before. Source: `pivot_root(2)`,
//! `mount_setattr(2)` (Linux 5.12), `mount_namespaces(7)`; the order of calls is bubblewrap's.
//!
//! What is not granted has no name, so neither `stat` nor `chmod` nor a pathname socket reaches it. Paths without a
//! right to change are mounted read-only, those without a right to execute so that nothing in them is mapped to be
//! executed either, which Landlock does not see the loader do; devices exist under a granted `/dev/…` only. `/proc`, if
//! granted, is that of the job's own process namespace, read-only.
//!
//! A `/tmp` of the job's own is a tmpfs in it, of a bounded size and number of files, gone with the last process.
//!
//! Assumptions: no descriptor of a directory outside is passed in. Holes: within a granted path everything has a name;
//! granting `/` brings the host's `/proc` along; it is impossible where the root is the initramfs (`pivot_root` says EINVAL).

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::sys::{self, Errno};
use crate::plan::Plan;
use crate::policy::{Access, Temporary};
use crate::primitive::PrimitiveId;

/// One step of building the tree; paths are seen from between the two pivots.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    Directory(CString),
    File(CString),
    Link { target: CString, at: CString },
    Bind { from: CString, at: CString, attributes: u64 },
    Proc(CString),
    Tmp { at: CString, options: CString },
}

/// A tree to build, made in the supervisor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Root(Vec<Act>);

const RDONLY: u64 = 1; // MOUNT_ATTR_RDONLY
const NOSUID: u64 = 2; // MOUNT_ATTR_NOSUID
const NODEV: u64 = 4; // MOUNT_ATTR_NODEV
const NOEXEC: u64 = 8; // MOUNT_ATTR_NOEXEC

/// The path of a plan's `/proc`, if it is to be the job's own.
pub(crate) fn own_proc(plan: &Plan) -> bool {
    plan.has(PrimitiveId::PrivateRoot)
        && plan.uses(PrimitiveId::PidNamespace)
        && plan.policy().paths().iter().any(|rule| rule.path == Path::new("/proc"))
}

/// Is a `/tmp` of the job's own a part of the plan?
pub(crate) fn own_tmp(plan: &Plan) -> bool {
    // A granted path may be a link to the host's: what is bound there must not be taken for the job's own.
    let hosts = |path: &Path| path.canonicalize().is_ok_and(|real| Path::new("/tmp").starts_with(real));
    plan.has(PrimitiveId::PrivateRoot)
        && plan.policy().temporary() == Temporary::Own
        && !plan.policy().paths().iter().any(|rule| hosts(&rule.path))
}

/// As much as a `/tmp` may hold where the policy does not limit memory.
const TMP_BYTES: u64 = 256 << 20;
/// Files and directories that it may hold: each is memory of the kernel, of which the size says nothing.
const TMP_FILES: u64 = 65_536;

/// The tree of a plan, if the primitive is a step of it.
pub(crate) fn prepare(plan: &Plan) -> io::Result<Option<Root>> {
    if !plan.has(PrimitiveId::PrivateRoot) {
        return Ok(None);
    }
    let mut acts = Acts::default();
    let mut granted: Vec<(PathBuf, &Path, Access)> = Vec::new();
    for rule in plan.policy().paths() {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", rule.path.display()));
        granted.push((rule.path.canonicalize().map_err(named)?, &rule.path, rule.access));
    }
    granted.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    // First, so that what is granted below it is seen in it.
    if own_tmp(plan) {
        let bytes = plan.policy().memory_limit_bytes().unwrap_or(TMP_BYTES);
        acts.tmp(&format!("mode=1777,size={bytes},nr_inodes={TMP_FILES}"))?;
    }
    for (real, _, _) in &granted {
        // The same path twice has the rights of both.
        let changes = granted.iter().any(|(other, _, access)| other == real && access.changes());
        // What may be executed under a path may be so under what is granted in it.
        let executes =
            granted.iter().any(|(other, _, access)| real.starts_with(other) && access.contains(Access::EXECUTE));
        acts.bind(real, attributes(real, changes, executes), own_proc(plan))?;
    }
    let top = std::fs::read_dir("/")?.flatten().map(|entry| entry.path());
    let named = granted.iter().map(|(_, path, _)| path.to_path_buf());
    for path in top.chain(named) {
        if path.is_symlink() && path.canonicalize().is_ok_and(|real| acts.covers(&real)) {
            acts.link(&path)?;
        }
    }
    Ok(Some(Root(acts.acts)))
}

/// Of the mount of a granted path.
fn attributes(real: &Path, changes: bool, executes: bool) -> u64 {
    let when = |holds: bool, attribute: u64| if holds { attribute } else { 0 };
    NOSUID | when(!changes, RDONLY) | when(!executes, NOEXEC) | when(!real.starts_with("/dev"), NODEV)
}

#[derive(Default)]
struct Acts {
    acts: Vec<Act>,
    bound: Vec<PathBuf>,
    made: BTreeSet<PathBuf>,
}

fn inside(prefix: &str, path: &Path) -> io::Result<CString> {
    let bytes = [prefix.as_bytes(), path.as_os_str().as_bytes()].concat();
    CString::new(bytes).map_err(Into::into)
}

impl Acts {
    /// Is the path at or under something bound already?
    fn covers(&self, path: &Path) -> bool {
        self.bound.iter().any(|bound| path.starts_with(bound))
    }

    fn directories(&mut self, path: &Path) -> io::Result<()> {
        let mut ancestors: Vec<_> = path.ancestors().collect();
        ancestors.reverse();
        for directory in ancestors {
            if directory.parent().is_some() && !self.covers(directory) && self.made.insert(directory.into()) {
                self.acts.push(Act::Directory(inside("/new", directory)?));
            }
        }
        Ok(())
    }

    fn bind(&mut self, real: &Path, attributes: u64, own_proc: bool) -> io::Result<()> {
        if self.bound.iter().any(|bound| bound == real) {
            return Ok(());
        }
        let at = inside("/new", real)?;
        let is_directory = real.is_dir();
        if is_directory {
            self.directories(real)?;
        } else if !self.covers(real) {
            self.directories(real.parent().unwrap_or(real))?;
            self.acts.push(Act::File(at.clone()));
        }
        if real == Path::new("/proc") && own_proc {
            self.acts.push(Act::Proc(at));
        } else {
            self.acts.push(Act::Bind { from: inside("/old", real)?, at, attributes });
        }
        self.bound.push(real.into());
        Ok(())
    }

    fn tmp(&mut self, options: &str) -> io::Result<()> {
        let path = Path::new("/tmp");
        self.directories(path)?;
        self.acts.push(Act::Tmp { at: inside("/new", path)?, options: CString::new(options)? });
        Ok(())
    }

    fn link(&mut self, path: &Path) -> io::Result<()> {
        let parent_is_link = path.parent().is_some_and(|parent| parent.canonicalize().is_ok_and(|real| real != parent));
        if parent_is_link || self.covers(path) || !self.made.insert(path.into()) {
            return Ok(());
        }
        self.directories(path.parent().unwrap_or(path))?;
        let target = CString::new(std::fs::read_link(path)?.as_os_str().as_bytes())?;
        self.acts.push(Act::Link { target, at: inside("/new", path)? });
        Ok(())
    }
}

fn mount(from: &CStr, at: &CStr, kind: &CStr, flags: u64, data: &CStr) -> Result<(), Errno> {
    // SAFETY: every string ends in NUL and lives during the call.
    let mounted = unsafe { libc::mount(from.as_ptr(), at.as_ptr(), kind.as_ptr(), flags as _, data.as_ptr().cast()) };
    sys::check(mounted.into()).map(drop)
}

fn pivot(new: &CStr, old: &CStr) -> Result<(), Errno> {
    // SAFETY: as above.
    sys::check(unsafe { libc::syscall(libc::SYS_pivot_root, new.as_ptr(), old.as_ptr()) }).map(drop)
}

fn detach(at: &CStr) -> Result<(), Errno> {
    // SAFETY: as above.
    sys::check(unsafe { libc::umount2(at.as_ptr(), libc::MNT_DETACH) }.into()).map(drop)
}

pub(crate) fn change_directory(to: &CStr) -> Result<(), Errno> {
    // SAFETY: as above.
    sys::check(unsafe { libc::chdir(to.as_ptr()) }.into()).map(drop)
}

fn make_directory(at: &CStr) -> Result<(), Errno> {
    // SAFETY: as above.
    match sys::check(unsafe { libc::mkdir(at.as_ptr(), 0o755) }.into()) {
        Ok(_) | Err(libc::EEXIST) => Ok(()),
        Err(error) => Err(error),
    }
}

fn set_attributes(at: &CStr, attributes: u64, flags: i32) -> Result<(), Errno> {
    // `struct mount_attr`: set, clear, propagation, user namespace.
    let change: [u64; 4] = [attributes, 0, 0, 0];
    let size = size_of_val(&change);
    // SAFETY: the structure is the kernel's first version, of that size, and lives during the call.
    let set =
        unsafe { libc::syscall(libc::SYS_mount_setattr, libc::AT_FDCWD, at.as_ptr(), flags, change.as_ptr(), size) };
    sys::check(set).map(drop)
}

/// `AT_RECURSIVE`.
const RECURSIVE: i32 = 0x8000;

impl Root {
    /// After `clone`, with `CAP_SYS_ADMIN` over our namespaces: builds the tree and moves into it.
    pub(crate) fn apply(&self) -> Result<(), Errno> {
        // SAFETY: takes numbers only.
        sys::check(unsafe { libc::unshare(libc::CLONE_NEWNS) }.into())?;
        mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE, c"")?;
        mount(c"tmpfs", c"/tmp", c"tmpfs", libc::MS_NOSUID | libc::MS_NODEV, c"mode=755,size=1m")?;
        make_directory(c"/tmp/new")?;
        make_directory(c"/tmp/old")?;
        mount(c"/tmp/new", c"/tmp/new", c"", libc::MS_BIND, c"")?;
        pivot(c"/tmp", c"/tmp/old")?;
        change_directory(c"/")?;
        for act in &self.0 {
            act.apply()?;
        }
        detach(c"/old")?;
        change_directory(c"/new")?;
        pivot(c".", c".")?;
        detach(c".")?;
        change_directory(c"/")?;
        set_attributes(c"/", RDONLY | NOSUID | NODEV, 0)
    }
}

impl Act {
    fn apply(&self) -> Result<(), Errno> {
        match self {
            Self::Directory(at) => make_directory(at),
            Self::File(at) => {
                // SAFETY: the path ends in NUL and lives during the call.
                let made = unsafe { libc::mknod(at.as_ptr(), libc::S_IFREG | 0o600, 0) };
                match sys::check(made.into()) {
                    Ok(_) | Err(libc::EEXIST) => Ok(()),
                    Err(error) => Err(error),
                }
            }
            Self::Link { target, at } => {
                // SAFETY: as above.
                sys::check(unsafe { libc::symlink(target.as_ptr(), at.as_ptr()) }.into()).map(drop)
            }
            Self::Bind { from, at, attributes } => {
                mount(from, at, c"", libc::MS_BIND | libc::MS_REC, c"")?;
                set_attributes(at, *attributes, RECURSIVE)
            }
            Self::Tmp { at, options } => mount(c"tmpfs", at, c"tmpfs", libc::MS_NOSUID | libc::MS_NODEV, options),
            Self::Proc(at) => {
                let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC | libc::MS_RDONLY;
                mount(c"proc", at, c"proc", flags, c"")
            }
        }
    }
}

/// In a child with fresh namespaces, to see whether this can be done: an empty root.
pub(crate) fn try_mount() -> Result<(), Errno> {
    Root::default().apply()
}
