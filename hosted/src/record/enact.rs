//! Inside: a process of a scenario, played by the actor. It has one thread, and so has every child of it.

use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

use lacuna_model::record::{Came, Operation};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::part::{Act, Part};
use crate::actor::CLAIMS_FD;
use crate::measure::raw;
use crate::measure::tree::Budget;

/// What a process inside says. Who says it is the kernel's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Said {
    /// It is there, and plays this.
    Appears { process: String },
    /// It is about to make a call.
    Calls { context: String, operation: Operation, target: Option<String> },
    /// The call is over.
    Returns { context: String, came: Came },
    /// It makes no more calls.
    Holds,
}

/// Calls of one process.
const MOST_CALLS: u32 = 24;
/// Forks of all processes of one job together.
const MOST_FORKS: u32 = 24;
/// How long a computation takes here at most.
const COMPUTES: Duration = Duration::from_millis(2);

struct Player<'a> {
    part: &'a Part,
    budget: &'a Budget,
    role: usize,
    calls_left: u32,
    random: u64,
}

/// Plays a part to its end.
pub(crate) fn play(part: &Part) -> i32 {
    let Ok(budget) = Budget::new(MOST_FORKS) else { return 2 };
    let player = Player { part, budget: &budget, role: part.first, calls_left: MOST_CALLS, random: part.seed };
    player.begin()
}

impl<'a> Player<'a> {
    fn begin(mut self) -> ! {
        // SAFETY: takes an integer. Whatever becomes of the watcher, this process ends.
        unsafe { libc::alarm(raw::LIFE_S) };
        // SAFETY: as above.
        self.random ^= u64::from(unsafe { libc::getpid() }.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let Some(role) = self.part.roles.get(self.role) else { raw::exit_now(2) };
        say(&Said::Appears { process: role.process.clone() });
        self.perform(&role.acts);
        self.exit()
    }

    fn perform(&mut self, acts: &[Act]) {
        for act in acts {
            match act {
                Act::Compute(ns) => std::thread::sleep(Duration::from_nanos(*ns).min(COMPUTES)),
                Act::Fork(role) => self.fork(*role, None),
                Act::Detach => self.detach(),
                Act::Exit => self.exit(),
                Act::Wait(role) => self.wait(*role),
                Act::Send(buffer, fd) => self.send(buffer, *fd),
                Act::Allocate(bytes) => self.allocate(*bytes),
                Act::Loop(times, body) => {
                    let mut left = *times;
                    while left != Some(0) {
                        self.perform(body);
                        left = left.map(|left| left - 1);
                    }
                }
                Act::Choose(arms) => {
                    if let Some(arm) = arms.get(self.draw(arms.len())) {
                        self.perform(arm);
                    }
                }
                Act::Adversary(steps) => self.attack(*steps),
            }
        }
    }

    /// A number below `below`, or 0: xorshift64 (Marsaglia 2003).
    fn draw(&mut self, below: usize) -> usize {
        self.random |= u64::from(self.random == 0);
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.checked_rem(below as u64).unwrap_or(0) as usize
    }

    fn role(&self, index: usize) -> (&'a str, &'a str) {
        self.part.roles.get(index).map_or(("", ""), |role| (&role.process, &role.context))
    }

    fn calls(&mut self, operation: Operation, target: Option<&str>) {
        if self.calls_left == 0 {
            self.hold();
        }
        self.calls_left -= 1;
        let context = self.role(self.role).1.to_owned();
        say(&Said::Calls { context, operation, target: target.map(Into::into) });
    }

    fn returns(&self, came: Came) {
        say(&Said::Returns { context: self.role(self.role).1.to_owned(), came });
    }

    fn told<T>(&self, result: Result<T, Errno>) {
        self.returns(if result.is_ok() { Came::Done } else { Came::Refused });
    }

    fn hold(&self) -> ! {
        say(&Said::Holds);
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    fn exit(&mut self) -> ! {
        self.calls(Operation::Exit, None);
        raw::exit_now(0)
    }

    /// A fork whose child begins `role`, or, being an attacker's copy, goes on with what is given and then with the program.
    fn fork(&mut self, role: usize, attack: Option<u8>) {
        if !self.budget.take() {
            self.hold();
        }
        self.calls(Operation::Fork, Some(self.role(role).0));
        // SAFETY: this process has one thread, and so has the child, which goes on in the same code.
        match unsafe { libc::fork() } {
            0 => {
                let mut child = Player { role, calls_left: MOST_CALLS, ..*self };
                if let Some(left) = attack {
                    child.go_on_attacking(left);
                }
                child.begin()
            }
            -1 => {
                self.returns(Came::Refused);
                // Whoever is refused in a loop would do nothing else.
                std::thread::sleep(Duration::from_millis(1));
            }
            _ => self.returns(Came::Done),
        }
    }

    fn detach(&mut self) {
        self.calls(Operation::Detach, None);
        self.told(rustix::process::setsid());
    }

    fn wait(&mut self, role: usize) {
        self.calls(Operation::Wait, Some(self.role(role).0));
        let found = loop {
            match rustix::process::waitpid(None, rustix::process::WaitOptions::empty()) {
                Err(Errno::INTR) => {}
                found => break found,
            }
        };
        self.told(found);
    }

    fn send(&mut self, buffer: &str, fd: RawFd) {
        self.calls(Operation::Send, Some(buffer));
        // SAFETY: whoever wrote the part passed this number with it; where nothing is open the call fails.
        let pipe = unsafe { BorrowedFd::borrow_raw(fd) };
        self.told(rustix::io::write(pipe, b"m"));
    }

    fn allocate(&mut self, bytes: u64) {
        self.calls(Operation::Allocate, None);
        let mut memory: Vec<u8> = Vec::new();
        let reserved = usize::try_from(bytes).map_err(|_| Errno::NOMEM);
        let reserved = reserved.and_then(|bytes| memory.try_reserve_exact(bytes).map_err(|_| Errno::NOMEM));
        if reserved.is_ok() {
            memory.resize(memory.capacity(), 1);
        }
        // It is kept until the process ends.
        std::mem::forget(memory);
        self.told(reserved);
    }

    /// Attacks, of those that the model's adversary has: copies of itself, and leaving the session. Whoever leads a session or a
    /// process group does not try to leave it: that it is refused then is no kernel's secret, and a job group's model does not say it.
    fn attack(&mut self, steps: u8) {
        for left in (0..steps).rev() {
            // SAFETY: both calls take no arguments.
            let leads = unsafe { libc::getpgrp() == libc::getpid() };
            match self.draw(3) {
                0 => self.fork(self.role, Some(left)),
                1 if !leads => self.detach(),
                _ => {}
            }
        }
    }

    /// The copy that an attacker made of itself: it appears as what it is, goes on attacking, and ends.
    fn go_on_attacking(&mut self, left: u8) -> ! {
        // SAFETY: takes an integer.
        unsafe { libc::alarm(raw::LIFE_S) };
        // SAFETY: takes no argument.
        self.random ^= u64::from(unsafe { libc::getpid() }.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        say(&Said::Appears { process: self.role(self.role).0.to_owned() });
        self.attack(left);
        // What follows the attack in the program is the first one's to do; a copy may always be slow.
        self.hold()
    }
}

fn say(said: &Said) {
    // SAFETY: whoever wrote the task passed this number with it, and it stays open.
    let claims = unsafe { BorrowedFd::borrow_raw(CLAIMS_FD) };
    let written = serde_json::to_vec(said).ok().is_some_and(|text| rustix::io::write(claims, &text).is_ok());
    if !written {
        // Nobody listens: what it does from now on would not be in the record.
        raw::exit_now(3);
    }
}
