//! What leaves a guest: a tar archive over the second serial port. Its headers carry lengths and checksums, and its end is marked, so whoever
//! unpacks it knows whether everything came.
//!
//! Source: tar(5) for the format, termios(3) for the port, which would otherwise turn line feeds into two characters.

use std::fs::File;
use std::io::Write;

use rustix::termios::{OptionalActions, tcdrain, tcgetattr, tcsetattr};

use super::GuestError;

/// The second serial port: the kernel's console is the first. Every Debian kernel has its driver built in.
const PORT: &str = "/dev/ttyS1";

/// The archive that is being written.
pub(super) struct Archive {
    to: tar::Builder<File>,
}

impl Archive {
    /// An empty one.
    pub(super) fn open() -> Result<Self, GuestError> {
        let port = File::options().read(true).write(true).open(PORT).map_err(GuestError::io(PORT))?;
        let mut attributes = tcgetattr(&port).map_err(GuestError::io("tcgetattr"))?;
        attributes.make_raw();
        tcsetattr(&port, OptionalActions::Now, &attributes).map_err(GuestError::io("tcsetattr"))?;
        Ok(Self { to: tar::Builder::new(port) })
    }

    /// Adds a file.
    pub(super) fn add(&mut self, name: &str, text: &[u8]) -> Result<(), GuestError> {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        self.to.append_data(&mut header, name, text).map_err(GuestError::io(format!("write {name} to {PORT}")))
    }

    /// Marks its end, and waits until all has left.
    pub(super) fn finish(self) -> Result<(), GuestError> {
        let mut port = self.to.into_inner().map_err(GuestError::io(PORT))?;
        port.flush().map_err(GuestError::io(PORT))?;
        tcdrain(&port).map_err(GuestError::io("tcdrain"))
    }
}
