//! Sealing a file in memory.
//!
//! Source: fcntl(2), F_ADD_SEALS; `memfd_wait_for_pins` in the kernel's `mm/memfd.c`: F_SEAL_WRITE is refused with EBUSY
//! while some page of the file has a reference besides the cache's. The kernel's own scans of memory take such references
//! for a moment, so the refusal may be nobody's fault, and passes.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::fs::SealFlags;
use rustix::io::Errno;

/// How often it is tried again, a moment apart.
const TRIES: u32 = 100;

/// Seals the file, trying again for a second while it is busy.
///
/// # Errors
/// The kernel's last word.
pub fn seal(file: impl AsFd, seals: SealFlags) -> Result<(), Errno> {
    let mut left = TRIES;
    loop {
        match rustix::fs::fcntl_add_seals(&file, seals) {
            Err(Errno::BUSY) if left > 0 => left -= 1,
            result => return result,
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_cannot_be_written() {
        let file = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::io::write(&file, b"text").unwrap();
        seal(&file, SealFlags::WRITE).unwrap();
        assert_eq!(rustix::io::write(&file, b"more"), Err(Errno::PERM));
    }
}
