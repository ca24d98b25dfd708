//! A job's captured output, read until the job ends or its deadline.

use std::io::{self, Read};
use std::time::Instant;

use crate::job::{Heard, Job, Watch};

/// Reads a job's captured output, see [`Job::output`].
#[derive(Debug)]
pub struct OutputReader<'job> {
    job: &'job mut Job,
    /// Once the first process has ended: the bytes that were in the pipe then.
    left_after_end: Option<u64>,
}

impl<'job> OutputReader<'job> {
    pub(crate) fn new(job: &'job mut Job) -> Self {
        Self { job, left_after_end: None }
    }
}

impl Read for OutputReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let job = &mut *self.job;
            let Some(output) = &job.output else { return Ok(0) };
            if job.has_ended() {
                // Survivors may hold the pipe and write for ever: only what is there now is read.
                let left = match self.left_after_end {
                    Some(left) => left,
                    None => rustix::io::ioctl_fionread(output)?,
                };
                let size = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                if size == 0 {
                    return Ok(0);
                }
                let read = rustix::io::read(output, &mut buffer[..size])?;
                self.left_after_end = Some(left - read as u64);
                return Ok(read);
            }
            if job.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(0);
            }
            if job.listen(job.deadline, Watch::Output)? == Heard::Output {
                let read = job.output.as_ref().map_or(Ok(0), |output| rustix::io::read(output, &mut *buffer))?;
                if read == 0 {
                    job.output = None;
                }
                return Ok(read);
            }
        }
    }
}
