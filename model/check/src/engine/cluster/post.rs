//! How a worker talks to the others: states to whom they belong, and in rounds what all must know of all.
//!
//! A channel of timely keeps the order of what it carries. So when a round is complete, everything that was sent before it
//! has arrived; and as nobody is more than a round ahead, what belongs to the next round is set aside.
//!
//! Each message with states is confirmed, and only so many may be unconfirmed: what waits at a slow worker takes little
//! memory.

use std::sync::Arc;
use std::time::Duration;

use timely::communication::{Allocator, Pull, Push};

use super::ClusterError;
use super::link::Net;
use super::message::{Kind, Message, read_text};

/// Words in a message with states.
const FULL: usize = 1 << 12;
/// So many messages may wait at a worker, two from each of the others at least.
const WAITING: usize = 128;
/// Bytes that timely takes at once for what goes to a process, or comes from one.
const SLAB: u64 = 1 << 20;
/// Between two looks at whether something has gone wrong.
const LOOK: Duration = Duration::from_millis(20);

/// At most so many messages may be unconfirmed between two workers.
fn most_unconfirmed(peers: usize) -> usize {
    (WAITING / peers).max(2)
}

/// Bytes that the post of one worker needs at most, of so many in each process: what is not yet sent, what waits to be
/// taken, and what is on its way to and from each other process.
pub(super) fn own_bytes(workers: usize, processes: usize) -> u64 {
    let others = (workers * processes - 1) as u64;
    let message = 8 * FULL as u64;
    others * message * (1 + most_unconfirmed(workers * processes) as u64) + 2 * SLAB * (processes as u64 - 1)
}

/// The search is over for this process; [`Net`] knows why.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failed;

/// What came.
#[derive(Debug)]
pub(super) enum Mail {
    /// States of this worker.
    States(Message),
    /// Somebody wants the search to end after this level.
    Stop(Vec<u64>),
}

/// A worker's.
pub(super) struct Post {
    allocator: Allocator,
    to: Vec<Box<dyn Push<Message>>>,
    from: Box<dyn Pull<Message>>,
    net: Arc<Net>,
    /// States that are not yet sent.
    outgoing: Vec<Message>,
    /// Messages that are not yet confirmed.
    unconfirmed: Vec<usize>,
    most_unconfirmed: usize,
    /// The number of the round, and what was told in it and in the next.
    round: usize,
    told: [Vec<Option<Vec<u64>>>; 2],
    /// Workers in each process.
    workers: usize,
}

impl Post {
    /// Of a worker.
    pub(super) fn new(mut allocator: Allocator, net: &Arc<Net>, workers: usize) -> Self {
        let peers = allocator.peers();
        let (to, from) = allocator.allocate(0);
        let outgoing = (0..peers).map(|_| Message::new(Kind::States, allocator.index(), 0)).collect();
        Self {
            to,
            from,
            net: Arc::clone(net),
            outgoing,
            unconfirmed: vec![0; peers],
            most_unconfirmed: most_unconfirmed(peers),
            round: 0,
            told: [vec![None; peers], vec![None; peers]],
            workers,
            allocator,
        }
    }

    /// This worker.
    pub(super) fn me(&self) -> usize {
        self.allocator.index()
    }

    /// How many there are.
    pub(super) fn peers(&self) -> usize {
        self.to.len()
    }

    /// How many there are in each process.
    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    /// Puts a state aside for another worker. Returns whether it is time to send.
    #[inline]
    pub(super) fn add(&mut self, owner: usize, words: impl ExactSizeIterator<Item = u64>) -> bool {
        let (message, length) = (&mut self.outgoing[owner], words.len());
        message.content_mut().extend(words);
        message.len() + length > FULL
    }

    /// Is anything put aside for that worker?
    pub(super) fn has(&self, owner: usize) -> bool {
        self.outgoing[owner].len() > 0
    }

    /// May something be sent to that worker now?
    pub(super) fn may_send(&self, owner: usize) -> bool {
        self.unconfirmed[owner] < self.most_unconfirmed
    }

    /// Sends what was put aside for a worker.
    pub(super) fn send(&mut self, owner: usize) {
        let next = Message::new(Kind::States, self.me(), FULL);
        let message = std::mem::replace(&mut self.outgoing[owner], next);
        self.unconfirmed[owner] += 1;
        self.push(owner, message);
    }

    fn push(&mut self, to: usize, message: Message) {
        self.to[to].send(message);
        self.to[to].done();
    }

    /// Tells all others.
    pub(super) fn tell(&mut self, kind: Kind, content: &[u64]) {
        let me = self.me();
        for other in (0..self.peers()).filter(|other| *other != me) {
            self.push(other, Message::with(kind, me, content));
        }
        self.allocator.release();
    }

    /// Tells all what this worker has to say in this round.
    pub(super) fn begin_round(&mut self, content: Vec<u64>) {
        self.tell(Kind::Round, &content);
        let me = self.me();
        self.told[self.round % 2][me] = Some(content);
    }

    /// What all workers told in this round, when they have.
    pub(super) fn end_round(&mut self) -> Option<Vec<Vec<u64>>> {
        let told = &mut self.told[self.round % 2];
        if told.iter().any(Option::is_none) {
            return None;
        }
        self.round += 1;
        Some(told.iter_mut().filter_map(Option::take).collect())
    }

    /// Makes what has come available to [`Post::next`].
    ///
    /// # Errors
    /// If something went wrong, here or elsewhere.
    pub(super) fn receive(&mut self) -> Result<(), Failed> {
        self.allocator.receive();
        self.allocator.events().borrow_mut().clear();
        if self.net.failed() { Err(Failed) } else { Ok(()) }
    }

    /// What has come.
    pub(super) fn next(&mut self) -> Result<Option<Mail>, Failed> {
        while let Some(message) = self.from.recv() {
            let Some((from, kind, content)) = message.read().filter(|(from, ..)| *from < self.peers()) else {
                return Err(self.fail(ClusterError::Senseless { worker: usize::MAX }));
            };
            match kind {
                Kind::States => {
                    self.push(from, Message::new(Kind::Taken, self.me(), 0));
                    return Ok(Some(Mail::States(message)));
                }
                Kind::Taken => self.unconfirmed[from] = self.unconfirmed[from].saturating_sub(1),
                Kind::Round => {
                    // A second one before ours is complete is for the next.
                    let ahead = usize::from(self.told[self.round % 2][from].is_some());
                    let told = &mut self.told[(self.round + ahead) % 2][from];
                    if told.replace(content.to_vec()).is_some() {
                        return Err(self.fail(ClusterError::Senseless { worker: from }));
                    }
                }
                Kind::Stop => return Ok(Some(Mail::Stop(content.to_vec()))),
                Kind::GiveUp => {
                    let (process, message) = (from / self.workers, read_text(content));
                    return Err(self.fail(ClusterError::Remote { process, message }));
                }
            }
        }
        self.allocator.release();
        Ok(None)
    }

    /// Waits until something comes, but not for long.
    pub(super) fn wait(&self) {
        self.allocator.await_events(Some(LOOK));
    }

    /// Something is wrong.
    pub(super) fn fail(&self, error: ClusterError) -> Failed {
        self.net.fail(error);
        Failed
    }
}
