//! How the workers of a cluster begin: at the initial states, or at a level that all of them can go on from.

use super::node::Node;
use super::owner::owner;
use super::post::Failed;
use crate::engine::checkpoint::{Offer, Part, Saved, begin, offers};
use crate::engine::search::Limits;
use crate::engine::seen::{BATCH, Candidate, hash};
use crate::engine::system::TransitionSystem;
use crate::engine::worker::Worker;
use crate::engine::{CheckpointError, Checkpoints, Exploration, Start};

impl<T: TransitionSystem> Node<'_, T> {
    /// Takes its part of what there is at the beginning.
    pub(super) fn begin(&mut self, starts: &[T::State]) -> Result<(), Failed> {
        let checkpoints = self.process.config.checkpoints;
        match &checkpoints {
            Some(checkpoints) if checkpoints.start == Start::Resume => return self.resume(checkpoints, starts),
            Some(checkpoints) => {
                let writer = begin(checkpoints, self.part());
                self.writer = Some(writer.map_err(|error| self.post.fail(error.into()))?);
            }
            None => {}
        }
        let mine: Vec<_> = self.mine(starts).into_iter().map(|state| Candidate { hash: hash(&state), state }).collect();
        self.insert(&mine);
        self.found.levels.push(self.worker.place.close());
        let counts = self.counts(vec![self.found.summary.states])?;
        (self.summary.states, self.summary.levels) = (counts[0], counts);
        Ok(())
    }

    /// Those that belong here.
    fn mine(&self, states: &[T::State]) -> Vec<T::State> {
        let (peers, me) = (self.post.peers(), self.post.me());
        states.iter().copied().filter(|state| owner(hash(state), peers) == me).collect()
    }

    fn part(&self) -> Part {
        Part { index: self.post.me(), of: self.post.peers() }
    }

    /// The sums of what all say.
    fn counts(&mut self, own: Vec<u64>) -> Result<Vec<u64>, Failed> {
        let mut sums = vec![0_u64; own.len()];
        for (worker, told) in self.round(own)?.iter().enumerate() {
            if told.len() != sums.len() {
                return Err(self.senseless(worker));
            }
            sums.iter_mut().zip(told).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
        }
        Ok(sums)
    }

    fn resume(&mut self, from: &Checkpoints<'_>, starts: &[T::State]) -> Result<(), Failed> {
        let (offer, next) = self.agree(from)?;
        let mut saved =
            Saved::<T::State>::open(from, offer, self.part()).map_err(|error| self.post.fail(error.into()))?;
        let (peers, me) = (self.post.peers(), self.post.me());
        let mut own = Vec::new();
        for level in 0..saved.levels() {
            let before = self.found.summary.states;
            let Self { found, worker, limits, .. } = &mut *self;
            let read = saved.read(level, |states| take(found, worker, limits, states, peers, me));
            read.map_err(|error| self.post.fail(error.into()))?;
            own.push(self.found.summary.states - before);
            if level == 0 && !self.found.is_exactly(&self.mine(starts)) {
                return Err(self.post.fail(CheckpointError::OtherStart(from.directory.to_owned()).into()));
            }
            self.found.levels.push(self.worker.place.close());
            // Others may wait for an answer, or have given up.
            self.receive()?;
        }
        let counts = self.counts(own)?;
        if let Some(level) = (0..saved.levels()).find(|level| counts[*level] != saved.summary.levels[*level]) {
            return Err(self.post.fail(saved.not_all_different(level, counts[level]).into()));
        }
        // Only now is it certain that all go on from there.
        self.summary = saved.summary.clone();
        self.process.has_read(self.summary.states);
        let writer = saved.writer(from, self.part(), next);
        self.writer = Some(writer.map_err(|error| self.post.fail(error.into()))?);
        Ok(())
    }

    /// The latest generation that all can go on from, the last level that all have of it, and the first generation that
    /// nobody has.
    fn agree(&mut self, from: &Checkpoints<'_>) -> Result<(Offer, u64), Failed> {
        let (own, next) = offers::<T::State>(from, self.part()).map_err(|error| self.post.fail(error.into()))?;
        let words = own.iter().flat_map(|offer| [offer.generation, offer.level as u64]);
        let mut last = next;
        let mut common = own.clone();
        for told in self.round(std::iter::once(next).chain(words).collect())? {
            let Some((next, its)) = told.split_first() else { continue };
            last = last.max(*next);
            let its = its.as_chunks::<2>().0;
            common.retain_mut(|offer| {
                let same = its.iter().find(|[generation, _]| *generation == offer.generation);
                offer.level = same.map_or(0, |[_, level]| offer.level.min(*level as usize));
                same.is_some()
            });
        }
        let missing = || self.post.fail(CheckpointError::Missing(from.directory.to_owned()).into());
        Ok((*common.first().ok_or_else(missing)?, last))
    }
}

/// Takes those of some states that belong to a worker.
fn take<T: TransitionSystem>(
    found: &mut Exploration<T::State>,
    worker: &mut Worker<T>,
    limits: &Limits<'_>,
    states: &[T::State],
    peers: usize,
    me: usize,
) -> Result<(), CheckpointError> {
    let mine = states.iter().map(|state| Candidate { hash: hash(state), state: *state });
    let mine: Vec<_> = mine.filter(|candidate| owner(candidate.hash, peers) == me).collect();
    for batch in mine.chunks(BATCH) {
        if found.insert_batch(batch, limits, &mut worker.place).is_err() {
            let states = found.summary.states;
            return Err(CheckpointError::TooLarge { states, allowed: limits.max_memory });
        }
    }
    Ok(())
}
