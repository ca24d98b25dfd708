//! The engine: explores whatever is a [`TransitionSystem`], and knows nothing of the model.

mod checkpoint;
mod chunks;
pub mod cluster;
mod gather;
mod liveness;
mod log;
mod lossy;
mod product;
mod search;
mod seen;
mod symmetry;
mod system;
mod words;
mod worker;

pub use checkpoint::{CheckpointError, Checkpoints, Start, explore_with_checkpoints};
pub use liveness::{Fairness, Lasso, LeadsTo, Live, Liveness, leads_to};
pub use lossy::{Lossy, LossyOutcome, explore_lossy};
pub use product::{LEAK, Noninterference, Pair, Product, Runs, STUCK, TwoRun, noninterference};
pub use search::{End, Exploration, First, Limits, MOST_THREADS, Path, Progress, Summary, explore};
pub use symmetry::{NotEquivariant, Reduced, Room, Symmetric, Unverified, Verified, verify};
pub use system::{Edge, Marks, Packed, TransitionSystem, Unrepresentable};
pub use worker::Sighting;
