//! The smallest program that holds still: it writes one byte to descriptor 1 and then pauses until it is killed.
//!
//! A judge that wants to look into `/proc/PID/fd` needs a child that has finished `execve` and goes nowhere. The byte
//! says that `execve` is over; it comes from the program, so it also shows that the descriptor that was passed works.
//!
//! On x86-64 it is a 154-byte ELF image in a sealed memfd (elf(5), memfd_create(2)), because a spawn of it is cheap and
//! thousands are made. Elsewhere, and where `vm.memfd_noexec` forbids it, it is `/bin/sh`.
//!
//! Whoever starts it bounds its life before `execve`: `alarm` and `PR_SET_PDEATHSIG` both survive it.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags};

use super::MeasureError;

/// An open executable and its arguments, ready to be started after a fork.
pub(crate) struct Hold {
    fd: OwnedFd,
    argv: Vec<*const libc::c_char>,
}

// SAFETY: the pointers are to `'static` strings and are only ever read.
unsafe impl Send for Hold {}
// SAFETY: as above.
unsafe impl Sync for Hold {}

impl Hold {
    /// Opens it.
    pub(crate) fn open() -> Result<Self, MeasureError> {
        let (fd, arguments) = match image() {
            Some(fd) => (fd, &[c"lacuna-hold"] as &[&'static CStr]),
            None => {
                let shell = rustix::fs::open("/bin/sh", OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
                let script = c"printf r; exec sleep 60";
                (shell.map_err(MeasureError::sys("open /bin/sh"))?, &[c"sh", c"-c", script] as &[_])
            }
        };
        // Out of the way of the low numbers that a child arranges for itself.
        let fd = rustix::io::fcntl_dupfd_cloexec(&fd, 100).map_err(MeasureError::sys("fcntl(F_DUPFD_CLOEXEC)"))?;
        let argv = arguments.iter().map(|a| a.as_ptr()).chain([std::ptr::null()]).collect();
        Ok(Self { fd, argv })
    }

    /// Its descriptor, 100 or above, close-on-exec.
    pub(crate) fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Becomes it. Returns only if the kernel refused.
    ///
    /// # Safety
    /// For a child after fork: async-signal-safe, allocates nothing.
    pub(crate) unsafe fn exec(&self, fd: RawFd) {
        let environment = [std::ptr::null::<libc::c_char>()];
        // SAFETY: both vectors end in null and outlive the call; the path is empty as AT_EMPTY_PATH wants.
        unsafe {
            libc::syscall(
                libc::SYS_execveat,
                fd,
                c"".as_ptr(),
                self.argv.as_ptr(),
                environment.as_ptr(),
                libc::AT_EMPTY_PATH,
            );
        }
    }
}

/// `write(1, "r", 1); for (;;) pause();`
#[cfg(target_arch = "x86_64")]
const CODE: [u8; 32] = [
    0xbf, 1, 0, 0, 0, // mov edi, 1
    0x48, 0x8d, 0x35, 21, 0, 0, 0, // lea rsi, [rip + 21]: the last byte
    0xba, 1, 0, 0, 0, // mov edx, 1
    0xb8, 1, 0, 0, 0, // mov eax, SYS_write
    0x0f, 0x05, // syscall
    0xb8, 34, 0, 0, 0, // mov eax, SYS_pause
    0x0f, 0x05, // syscall
    0xeb, // jmp -9
];

#[cfg(target_arch = "x86_64")]
fn image() -> Option<OwnedFd> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let size = HEADERS + CODE.len() as u64 + 2;
    let mut elf = Vec::with_capacity(size as usize);
    elf.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    elf.extend(2u16.to_le_bytes()); // ET_EXEC
    elf.extend(62u16.to_le_bytes()); // EM_X86_64
    elf.extend(1u32.to_le_bytes());
    for field in [BASE + HEADERS, 64, 0] {
        elf.extend(u64::to_le_bytes(field)); // entry, program headers, no section headers
    }
    elf.extend(0u32.to_le_bytes());
    for field in [64u16, 56, 1, 0, 0, 0] {
        elf.extend(field.to_le_bytes());
    }
    elf.extend(1u32.to_le_bytes()); // PT_LOAD
    elf.extend(5u32.to_le_bytes()); // read, execute
    for field in [0, BASE, BASE, size, size, 0x1000] {
        elf.extend(u64::to_le_bytes(field));
    }
    elf.extend(CODE);
    elf.extend([0xf7, b'r']); // the jump's distance, and the byte written
    memfd(&elf)
}

#[cfg(not(target_arch = "x86_64"))]
fn image() -> Option<OwnedFd> {
    None
}

#[cfg(target_arch = "x86_64")]
fn memfd(image: &[u8]) -> Option<OwnedFd> {
    use rustix::fs::SealFlags;
    let flags = rustix::fs::MemfdFlags::CLOEXEC | rustix::fs::MemfdFlags::ALLOW_SEALING;
    let fd = rustix::fs::memfd_create("lacuna-hold", flags).ok()?;
    rustix::io::write(&fd, image).ok().filter(|n| *n == image.len())?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    crate::linux::memfd::seal(&fd, seals).ok()?;
    let executable = rustix::fs::fstat(&fd).is_ok_and(|s| s.st_mode & 0o111 != 0);
    executable.then_some(fd)
}
