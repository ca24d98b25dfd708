//! A machine for errands: a root that can be left, the file systems of the kernel, a hierarchy of cgroups whose controllers are on, loopback.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::mount::{MountFlags, mount, mount_move};
use rustix::process::Pid;

use super::GuestError;

/// This program, in the new root.
pub(super) const PROGRAM: &str = "/usr/bin/lacuna";
/// Where the new root is made.
const NEW_ROOT: &str = "/new-root";
/// Where cgroups of version 2 are.
const CGROUPS: &str = "/sys/fs/cgroup";

/// File systems of the kernel: which, where, with which options, and the mode of its root if it is to have another.
const MOUNTS: [(&str, &str, &str, Option<u32>); 11] = [
    ("proc", "/proc", "", None),
    ("sysfs", "/sys", "", None),
    ("devtmpfs", "/dev", "", None),
    ("devpts", "/dev/pts", "mode=620,ptmxmode=666", None),
    ("tmpfs", "/dev/shm", "mode=1777", None),
    ("mqueue", "/dev/mqueue", "", Some(0o1777)),
    ("tmpfs", "/run", "mode=755", None),
    ("tmpfs", "/tmp", "mode=1777", None),
    ("tmpfs", "/var/tmp", "mode=1777", None),
    ("cgroup2", CGROUPS, "nsdelegate", None),
    ("securityfs", "/sys/kernel/security", "", None),
];

/// Makes it.
pub(super) fn machine() -> Result<(), GuestError> {
    leave_first_root()?;
    for (kind, at, options, mode) in MOUNTS {
        fs::create_dir_all(at).map_err(GuestError::io(at))?;
        let options = std::ffi::CString::new(options).unwrap_or_default();
        let flags = MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NODEV;
        let flags = match at {
            "/dev" | "/dev/pts" => MountFlags::NOSUID,
            "/tmp" | "/var/tmp" | "/dev/shm" | "/run" => MountFlags::NODEV,
            _ => flags,
        };
        mount(kind, at, kind, flags, options.as_c_str()).map_err(GuestError::io(format!("mount {kind} at {at}")))?;
        if let Some(mode) = mode {
            fs::set_permissions(at, fs::Permissions::from_mode(mode)).map_err(GuestError::io(at))?;
        }
    }
    for (name, to) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        symlink(format!("/proc/self/{to}"), format!("/dev/{name}")).map_err(GuestError::io(format!("/dev/{name}")))?;
    }
    fs::create_dir_all("/run/lacuna").map_err(GuestError::io("/run/lacuna"))?;
    let controllers = format!("{CGROUPS}/cgroup.controllers");
    let controllers = fs::read_to_string(&controllers).map_err(GuestError::io(controllers))?;
    for controller in controllers.split_whitespace() {
        let control = format!("{CGROUPS}/cgroup.subtree_control");
        fs::write(&control, format!("+{controller}")).map_err(GuestError::io(format!("{control}: {controller}")))?;
    }
    loopback_up().map_err(GuestError::io("loopback"))
}

/// Moves into a root in memory that is mounted on another one: of the first root there is no `pivot_root`.
fn leave_first_root() -> Result<(), GuestError> {
    fs::create_dir(NEW_ROOT).map_err(GuestError::io(NEW_ROOT))?;
    mount("root", NEW_ROOT, "tmpfs", MountFlags::empty(), c"mode=755").map_err(GuestError::io("mount the new root"))?;
    copy_tree(Path::new("/"), Path::new(NEW_ROOT)).map_err(GuestError::io("copy the first root"))?;
    std::env::set_current_dir(NEW_ROOT).map_err(GuestError::io("chdir"))?;
    mount_move(".", "/").map_err(GuestError::io("move the new root"))?;
    rustix::process::chroot(".").map_err(GuestError::io("chroot"))?;
    std::env::set_current_dir("/").map_err(GuestError::io("chdir"))
}

/// Copies what is on the file system of `from`: directories, files, symbolic links, with their modes.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    let device = fs::symlink_metadata(from)?.dev();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        let metadata = entry.metadata()?;
        if metadata.dev() != device {
            continue;
        }
        if metadata.is_dir() {
            fs::create_dir(&copy)?;
            copy_tree(&path, &copy)?;
            fs::set_permissions(&copy, metadata.permissions())?;
        } else if metadata.is_symlink() {
            symlink(fs::read_link(&path)?, &copy)?;
        } else if metadata.is_file() {
            fs::copy(&path, &copy)?;
        }
    }
    Ok(())
}

/// Brings `lo` up: netdevice(7), `SIOCSIFFLAGS`.
fn loopback_up() -> io::Result<()> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    // SAFETY: all zero is a valid request.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(*b"lo") {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&socket);
    // SAFETY: the call reads a request of this type, which names an interface and its flags.
    let returned = unsafe { libc::ioctl(fd, libc::SIOCSIFFLAGS, &raw mut request) };
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A directory of this user's own, to begin in; made if there is none.
pub(super) fn home(uid: u32) -> Result<String, GuestError> {
    let home = format!("/home/{uid}");
    fs::create_dir_all(&home).map_err(GuestError::io(home.clone()))?;
    std::os::unix::fs::chown(&home, Some(uid), Some(uid)).map_err(GuestError::io(home.clone()))?;
    Ok(home)
}

/// All processes but this one and the kernel's own, which are children of number 2.
pub(super) fn others() -> Vec<Pid> {
    let number = |name: std::ffi::OsString| name.to_str()?.parse::<i32>().ok();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| number(entry.file_name()));
    pids.filter(|pid| *pid > 2 && !is_kernels(*pid)).filter_map(Pid::from_raw).collect()
}

fn is_kernels(pid: i32) -> bool {
    // `PID (NAME) STATE PPID …`; whoever is gone in the meantime is nobody.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split_whitespace().nth(1));
    parent.is_none_or(|parent| parent == "2")
}
