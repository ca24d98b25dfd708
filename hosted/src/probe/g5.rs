//! G5: who is named is who is reached, also when a number has gone to another.
//!
//! The first process of the job ends, and a process outside takes its number: forced, where the kernel would wait until
//! it has gone through all others. Then the job is ended. Where the plan has no job group, and so in the control, that is
//! done as is done then: by the number. The judge looks whether the other lives.
//!
//! Source: clone3(2) `set_tid`, kill(2), pidfd_send_signal(2), cgroup-v2.rst on cgroup.kill.

use std::time::{Duration, Instant};

use lacuna_model::guarantee::GuaranteeId::G5;

use super::g3::TRACKING;
use super::inside::check;
use super::stage::{Setting, Trouble};
use super::tally::Tally;
use super::{Deciders, Probe};
use crate::actor::Task;
use crate::measure::raw::{self, Child};

pub(super) const PROBES: &[Probe] = &[Probe {
    id: "G5.reuse",
    guarantee: G5,
    about: "a process that took the number of one of the job dies with it",
    deciders: Deciders::silent(TRACKING),
    fix: "signal by pidfd, or a whole group: never by a number",
    trial: reused,
    attack: |_, _| {},
}];

const RUNS: u64 = 2;

fn reused(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let mut tally = Tally { effect: "died in its place", ..Tally::default() };
    for _ in 0..RUNS {
        let mut running = setting.start(&Task::Hold)?;
        let number = running.job.id().cast_signed();
        running.job.signal(libc::SIGKILL).map_err(Trouble::io("pidfd_send_signal"))?;
        wait_until_free(number)?;
        let other = take(number)?;
        if setting.applies(TRACKING) {
            running.job.kill().map_err(|error| Trouble::Launch(error.to_string()))?;
        } else {
            // SAFETY: takes integers; the number is that of a child of ours.
            check(unsafe { libc::kill(number, libc::SIGKILL) }).map_err(Trouble::io("kill"))?;
        }
        tally.n += 1;
        // A death by the signal is under way when the kill has returned, or there is none.
        let dead = raw::wait_for(other.pidfd(), rustix::event::PollFlags::IN, Duration::from_millis(100));
        tally.through += u64::from(dead);
    }
    Ok(tally)
}

/// Until whoever waits for it has done so.
fn wait_until_free(number: libc::pid_t) -> Result<(), Trouble> {
    let start = Instant::now();
    while start.elapsed() < super::stage::PATIENCE {
        // SAFETY: takes integers, and sends nothing.
        if unsafe { libc::kill(number, 0) } != 0 {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(Trouble::Io { what: "wait for a number to be free", source: std::io::ErrorKind::TimedOut.into() })
}

/// A child of ours with this number, which does nothing.
fn take(number: libc::pid_t) -> Result<Child, Trouble> {
    // struct clone_args up to `set_tid_size`: the exit signal is fifth, the numbers and how many ninth and tenth.
    let numbers = [number];
    let mut arguments = [0u64; 10];
    (arguments[4], arguments[8], arguments[9]) = (libc::SIGCHLD as u64, numbers.as_ptr() as u64, 1);
    // SAFETY: a live local of the size passed; without CLONE_VM it is a fork, and the child makes bare calls and ends.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) };
    if pid == 0 {
        // SAFETY: async-signal-safe.
        unsafe {
            raw::bound_life();
            libc::pause();
        }
        raw::exit_now(0);
    }
    let pid = check(pid).map_err(|error| Trouble::NotHere {
        why: format!("a number cannot be chosen: {error}"),
        remedy: "run it with CAP_CHECKPOINT_RESTORE".into(),
    })?;
    Ok(Child::adopt(pid as libc::pid_t)?)
}
