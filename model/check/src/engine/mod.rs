//! The engine: explores whatever is a [`TransitionSystem`], and knows nothing of the model.

mod checkpoint;
pub mod cluster;
mod log;
mod search;
mod seen;
mod system;
mod words;
mod worker;

pub use checkpoint::{CheckpointError, Checkpoints, Start, explore_with_checkpoints};
pub use search::{End, Exploration, First, Limits, Path, Progress, Summary, explore};
pub use system::{Edge, Marks, Packed, TransitionSystem, Unrepresentable};
pub use worker::Sighting;
