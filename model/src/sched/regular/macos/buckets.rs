//! The root buckets of Clutch: which quality of service has the core. The earliest deadline first, and a higher bucket may *warp* before it for a while.
//!
//! Source: xnu `doc/sched_clutch_edge.md`, *Scheduling Bucket Level*; `osfmk/kern/sched_clutch.c`, whose functions are named where their rule is.
//!
//! - A bucket that somebody comes to, where nobody waited, has its deadline at its *worst-case execution latency* from now; so it has whenever it is selected in one of the first two ways below
//!   (`sched_clutch_root_bucket_runnable`, `_deadline_update`). Whoever has the core is in none.
//! - **Whom** (`sched_clutch_root_highest_root_bucket`): the bucket of the earliest deadline, if no higher one waits; its warp is whole again then. Otherwise a higher one that has warp left: its window opens, which is
//!   as long as that, and goes by on the clock, whoever runs. Otherwise the bucket of the earliest deadline *starves*, and is selected before those below its deadline for one quantum; after that its deadline is a latency
//!   away.

use super::super::queue::Queue;
use crate::objects::ContextSlot;
use crate::units::Nanos;

/// How many there are.
pub const COUNT: usize = 5;

/// A quality of service; the first is the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// User interactive.
    Foreground,
    /// User initiated.
    Initiated,
    /// What everybody has who has asked for nothing.
    Default,
    /// Utility.
    Utility,
    /// Background.
    Background,
}

impl Bucket {
    /// The highest first.
    pub const ALL: [Self; COUNT] = [Self::Foreground, Self::Initiated, Self::Default, Self::Utility, Self::Background];
}

/// The settings of each bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latencies {
    /// The worst-case execution latency.
    pub latency: [Nanos; COUNT],
    /// For how long it may warp.
    pub warp: [Nanos; COUNT],
    /// Of a thread; above 0.
    pub quantum: [Nanos; COUNT],
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Root {
    waiting: Queue<()>,
    /// In nanoseconds from now; of one that is empty and does not starve, 0.
    deadline: i128,
    warp: Nanos,
    may_warp: bool,
    /// What is left of the window, if it was opened.
    window: Option<Nanos>,
    /// Since when it was selected because it starves; no more than a quantum.
    starves: Option<Nanos>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Buckets {
    roots: [Root; COUNT],
}

impl Buckets {
    /// At the start.
    pub fn new(latencies: &Latencies) -> Self {
        Self { roots: latencies.warp.map(|warp| Root { warp, ..Root::default() }) }
    }

    /// Does nobody wait?
    pub fn is_empty(&self) -> bool {
        self.roots.iter().all(|root| root.waiting.is_empty())
    }

    /// Does the context wait?
    pub fn holds(&self, context: ContextSlot) -> bool {
        self.roots.iter().any(|root| root.waiting.get(context).is_some())
    }

    fn root(&mut self, bucket: Bucket, latencies: &Latencies) -> &mut Root {
        let at = bucket as usize;
        let root = &mut self.roots[at];
        if root.waiting.is_empty() {
            if root.starves.is_none() {
                root.deadline = latencies.latency[at].0.into();
            }
            root.may_warp = root.warp > Nanos(0);
        }
        root
    }

    /// A context becomes ready.
    pub fn join(&mut self, context: ContextSlot, bucket: Bucket, latencies: &Latencies) {
        self.root(bucket, latencies).waiting.join(context, ());
    }

    /// A context has had its quantum.
    pub fn append(&mut self, context: ContextSlot, bucket: Bucket, latencies: &Latencies) {
        self.root(bucket, latencies).waiting.append(context, ());
    }

    /// A context loses the core before that.
    pub fn prepend(&mut self, context: ContextSlot, bucket: Bucket, latencies: &Latencies) {
        self.root(bucket, latencies).waiting.prepend(context, ());
    }

    /// A context waits no more.
    pub fn take(&mut self, context: ContextSlot) {
        for root in &mut self.roots {
            root.waiting.choose(context);
            if root.waiting.remove(context).is_some() && root.waiting.is_empty() {
                root.may_warp = false;
                if let Some(window) = root.window {
                    root.warp = window;
                }
                if root.starves.is_none() {
                    root.deadline = 0;
                }
            }
        }
    }

    /// Who is first in a bucket: a tie, if there are several.
    pub fn first(&self, bucket: Bucket) -> Vec<ContextSlot> {
        self.roots[bucket as usize].waiting.wanted(|_| Some(()))
    }

    /// Selects a bucket in which somebody waits.
    pub fn select(&mut self, latencies: &Latencies) -> Option<Bucket> {
        let latency = |at: usize| i128::from(latencies.latency[at].0);
        loop {
            let waits = |at: &usize| !self.roots[*at].waiting.is_empty();
            let highest = (0..COUNT).find(waits)?;
            let earliest = (0..COUNT).filter(waits).min_by_key(|at| self.roots[*at].deadline)?;
            let warps = (0..earliest).filter(waits).find(|at| self.roots[*at].may_warp);
            if let Some(at) = warps {
                let root = &mut self.roots[at];
                let window = *root.window.get_or_insert(root.warp);
                if window > Nanos(0) {
                    root.deadline = latency(at);
                    return Some(Bucket::ALL[at]);
                }
                (root.warp, root.may_warp) = (Nanos(0), false);
                continue;
            }
            let root = &mut self.roots[earliest];
            match root.starves {
                Some(since) if since >= latencies.quantum[earliest] => {
                    (root.starves, root.deadline) = (None, latency(earliest));
                    continue;
                }
                Some(_) => {}
                None if highest < earliest => root.starves = Some(Nanos(0)),
                None => {
                    root.deadline = latency(earliest);
                    (root.warp, root.window, root.may_warp) = (latencies.warp[earliest], None, true);
                }
            }
            return Some(Bucket::ALL[earliest]);
        }
    }

    /// Time passes.
    pub fn pass(&mut self, duration: Nanos, latencies: &Latencies) {
        for (root, quantum) in self.roots.iter_mut().zip(latencies.quantum) {
            root.waiting.pass();
            if !root.waiting.is_empty() || root.starves.is_some() {
                root.deadline -= i128::from(duration.0);
            }
            if let Some(window) = &mut root.window {
                window.0 = window.0.saturating_sub(duration.0);
            }
            if let Some(since) = &mut root.starves {
                *since = Nanos(since.0.saturating_add(duration.0)).min(quantum);
            }
        }
    }
}
