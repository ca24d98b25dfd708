//! A job's standard input and outputs: both ends, made before the launch.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags};

use super::launch::LaunchError;
use crate::command::{Input, Output};

/// The standard streams, both ends.
pub(crate) struct Streams {
    far: [OwnedFd; 3],
    /// The writing end of standard input.
    pub(crate) input: Option<OwnedFd>,
    /// The reading end of what is captured.
    pub(crate) output: Option<OwnedFd>,
}

impl Streams {
    pub(crate) fn prepare(stdin: Input, stdout: Output, stderr: Output) -> Result<Self, LaunchError> {
        let failed = |source: io::Error| LaunchError::Prepare { what: "a standard stream", source };
        let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|error| failed(error.into()));
        let null = |flags| {
            rustix::fs::open("/dev/null", flags | OFlags::CLOEXEC, Mode::empty()).map_err(|error| failed(error.into()))
        };
        let own = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().map_err(failed);
        let (mut input, mut output) = (None, None);
        let far_input = match stdin {
            Input::Null => null(OFlags::RDONLY)?,
            Input::Inherit => own(io::stdin().as_fd())?,
            Input::Descriptor(fd) => fd,
            Input::Pipe => {
                let (read, write) = pipe()?;
                input = Some(write);
                read
            }
        };
        let mut capture = None;
        let mut to = |stream, inherited: BorrowedFd<'_>| match stream {
            Output::Null => null(OFlags::WRONLY),
            Output::Inherit => own(inherited),
            Output::Descriptor(fd) => Ok(fd),
            Output::Capture => {
                if capture.is_none() {
                    let (read, write) = pipe()?;
                    output = Some(read);
                    capture = Some(write);
                }
                capture.as_ref().map_or_else(|| null(OFlags::WRONLY), |write| own(write.as_fd()))
            }
        };
        let far = [far_input, to(stdout, io::stdout().as_fd())?, to(stderr, io::stderr().as_fd())?];
        Ok(Self { far, input, output })
    }

    /// Our descriptors for the numbers 0, 1 and 2.
    pub(crate) fn wanted(&self) -> Vec<(RawFd, RawFd)> {
        self.far.iter().zip(0..).map(|(fd, target)| (fd.as_raw_fd(), target)).collect()
    }
}
