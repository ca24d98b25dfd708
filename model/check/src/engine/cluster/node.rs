//! A worker of a cluster: the states that are its own, and how it explores them together with the others.
//!
//! A level ends in two rounds. In the first all tell what they saw; when it is complete, every state has arrived where it
//! belongs. In the second they tell how many were new. So each worker knows all counts, and all decide alike.

use super::message::Kind;
use super::owner::owner;
use super::post::{Failed, Mail, Post};
use super::process::Process;
use super::verdict::{put_end, read_end, worst};
use crate::engine::checkpoint::Writer;
use crate::engine::gather::ENOUGH;
use crate::engine::search::{End, Exploration, Limits, Summary, cut, length};
use crate::engine::seen::{BATCH, Candidate, hash};
use crate::engine::system::{Packed, TransitionSystem};
use crate::engine::words::{Words, put_tally};
use crate::engine::worker::{Tally, Worker};

/// Bytes that it needs beside the states, the table of them and its post.
pub(super) fn own_bytes<S: Packed>() -> u64 {
    (2 * ENOUGH * size_of::<Candidate<S>>()) as u64
}

/// Such a worker.
pub(super) struct Node<'a, T: TransitionSystem> {
    pub(super) system: &'a T,
    /// Its share of them.
    pub(super) limits: Limits<'a>,
    pub(super) process: &'a Process<'a>,
    pub(super) post: Post,
    pub(super) worker: Worker<T>,
    /// Its own states; the summary counts only them.
    pub(super) found: Exploration<T::State>,
    /// Of all states.
    pub(super) summary: Summary<T::State>,
    /// Successors that belong here.
    mine: Vec<Candidate<T::State>>,
    /// Why the search is to end after this level.
    stop: Option<End>,
    pub(super) writer: Option<Writer<T::State>>,
}

impl<'a, T: TransitionSystem> Node<'a, T> {
    /// With nothing yet; `known` is any state that somebody has from the beginning.
    pub(super) fn new(system: &'a T, known: T::State, process: &'a Process<'a>, post: Post) -> Self {
        let limits = process.share::<T::State>();
        Self {
            system,
            process,
            post,
            worker: Worker::new(system, known),
            found: Exploration::new(&limits),
            summary: Summary::new(),
            mine: Vec::with_capacity(2 * ENOUGH),
            stop: None,
            writer: None,
            limits,
        }
    }

    /// Explores, from the level that is the last.
    pub(super) fn explore(&mut self) -> Result<(), Failed> {
        if let Some(writer) = &mut self.writer {
            writer.begin(&self.summary);
        }
        loop {
            self.expand()?;
            if self.end_level()? {
                break;
            }
        }
        if self.summary.end != End::Complete {
            self.write()?;
        }
        Ok(())
    }

    /// Takes every edge of the level's states.
    fn expand(&mut self) -> Result<(), Failed> {
        let wanted = self.summary.wanted();
        self.worker.want(self.system, wanted);
        self.process.begin_level(self.summary.states, self.summary.levels.last().copied().unwrap_or(0));
        for block in self.found.levels.last().map_or_else(Vec::new, |level| cut(level)) {
            if self.process.interrupted() {
                self.halt(End::Interrupted);
            }
            if self.stop.is_some() {
                break;
            }
            let before = self.found.summary.states;
            for index in block.clone() {
                if self.worker.gather.is_enough() {
                    self.distribute()?;
                }
                let state = self.found.log.state(index);
                if let Err(error) = self.worker.expand(self.system, &state, wanted) {
                    self.halt(End::Unrepresentable(error));
                    break;
                }
            }
            self.receive()?;
            let new = self.found.summary.states - before;
            if self.process.count(new, block.end - block.start) > self.process.limits.max_states {
                self.halt(End::MaxStates);
            }
            if self.post.me().is_multiple_of(self.post.workers()) {
                self.process.report(self.summary.depth, self.found.bytes());
            }
        }
        self.distribute()?;
        for other in 0..self.post.peers() {
            if self.post.has(other) {
                self.send(other)?;
            }
        }
        Ok(())
    }

    /// Gives each successor to its owner.
    fn distribute(&mut self) -> Result<(), Failed> {
        let (peers, me) = (self.post.peers(), self.post.me());
        for index in 0..self.worker.gather.candidates().len() {
            let candidate = self.worker.gather.candidates()[index];
            let owner = owner(candidate.hash, peers);
            if owner == me {
                self.mine.push(candidate);
            } else if self.post.add(owner, candidate.state.words()) {
                self.send(owner)?;
            }
        }
        self.worker.gather.inserted(self.worker.gather.candidates().len());
        let mut mine = std::mem::take(&mut self.mine);
        self.insert(&mine);
        mine.clear();
        self.mine = mine;
        Ok(())
    }

    /// Sends what was put aside for a worker, when it may; and meanwhile takes what comes.
    fn send(&mut self, to: usize) -> Result<(), Failed> {
        while !self.post.may_send(to) {
            self.receive()?;
            if !self.post.may_send(to) {
                self.post.wait();
            }
        }
        self.post.send(to);
        Ok(())
    }

    /// Takes what has come.
    pub(super) fn receive(&mut self) -> Result<(), Failed> {
        self.post.receive()?;
        while let Some(mail) = self.post.next()? {
            match mail {
                Mail::States(message) => {
                    let words = message.read().map_or(&[][..], |(_, _, words)| words);
                    let mut batch = Vec::with_capacity(BATCH);
                    for words in words.chunks(T::State::WORDS * BATCH) {
                        batch.clear();
                        batch.extend(words.chunks_exact(T::State::WORDS).map(|words| {
                            let state = T::State::from_words(|word| words.get(word).copied().unwrap_or(0));
                            Candidate { hash: hash(&state), state }
                        }));
                        self.insert(&batch);
                    }
                }
                Mail::Stop(words) => {
                    let end = read_end(&mut Words::new(&words)).unwrap_or(End::Interrupted);
                    self.stop = worst(self.stop, Some(end));
                }
            }
        }
        Ok(())
    }

    /// Inserts states that belong here.
    pub(super) fn insert(&mut self, candidates: &[Candidate<T::State>]) {
        for batch in candidates.chunks(BATCH) {
            if self.found.insert_batch(batch, &self.limits, &mut self.worker.place).is_err() {
                self.halt(End::MaxMemory);
                return;
            }
        }
    }

    /// Ends the search after this level, and tells the others.
    fn halt(&mut self, end: End) {
        if self.stop.is_none() {
            let mut words = Vec::new();
            put_end(&mut words, end);
            self.post.tell(Kind::Stop, &words);
        }
        self.stop = worst(self.stop, Some(end));
    }

    /// Tells all, and waits until all have told.
    pub(super) fn round(&mut self, content: Vec<u64>) -> Result<Vec<Vec<u64>>, Failed> {
        self.post.begin_round(content);
        loop {
            self.receive()?;
            if let Some(told) = self.post.end_round() {
                return Ok(told);
            }
            // Those who are still at work ought to know.
            if self.process.interrupted() && self.stop.is_none() {
                self.halt(End::Interrupted);
            }
            self.post.wait();
        }
    }

    /// A worker sent what makes no sense.
    pub(super) fn senseless(&self, worker: usize) -> Failed {
        self.post.fail(super::ClusterError::Senseless { worker })
    }

    /// Adds up what was seen and found; returns whether that was the last level.
    fn end_level(&mut self) -> Result<bool, Failed> {
        let mut words = Vec::new();
        put_end(&mut words, self.stop.unwrap_or(End::Complete));
        put_tally(&mut words, &std::mem::replace(&mut self.worker.tally, Tally::new()));
        let (mut tally, mut end) = (Tally::new(), None);
        for (worker, told) in self.round(words)?.iter().enumerate() {
            let mut words = Words::new(told);
            let read = read_end(&mut words).zip(words.tally());
            let (its_end, its_tally) = read.ok_or_else(|| self.senseless(worker))?;
            end = worst(end, Some(its_end));
            tally.add(&its_tally);
        }
        self.summary.add(&tally);
        let level = self.worker.place.close();
        let own = length(&level);
        self.found.levels.push(level);
        let due = self.writer.as_ref().is_some_and(Writer::due);
        let (mut new, mut bytes, mut all_due) = (0, 0, false);
        for (worker, told) in self.round(vec![own, self.found.bytes(), u64::from(due)])?.iter().enumerate() {
            let [its_new, its_bytes, its_due] = told[..] else { return Err(self.senseless(worker)) };
            new = its_new.saturating_add(new);
            bytes = its_bytes.saturating_add(bytes);
            all_due |= its_due != 0;
        }
        self.summary.states = self.summary.states.saturating_add(new);
        self.summary.bytes = bytes;
        self.summary.end = end.unwrap_or(End::Complete);
        if new > 0 {
            self.summary.levels.push(new);
        }
        if self.summary.end != End::Complete || new == 0 {
            return Ok(true);
        }
        self.summary.depth += 1;
        if let Some(writer) = &mut self.writer {
            writer.begin(&self.summary);
        }
        if self.summary.states > self.process.limits.max_states {
            self.summary.end = End::MaxStates;
            return Ok(true);
        }
        if all_due {
            self.write()?;
        }
        Ok(false)
    }

    /// Writes a checkpoint of the last level that has begun.
    fn write(&mut self) -> Result<(), Failed> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let written = writer.write(&self.summary, &self.found.log, &self.found.levels, &self.summary.levels);
        // Whoever writes for the second time knows that all have written once.
        let written = written.and_then(|()| if writer.times() > 1 { writer.remove_older() } else { Ok(()) });
        written.map_err(|error| self.post.fail(error.into()))
    }
}
