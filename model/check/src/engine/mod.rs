//! The engine: explores whatever is a [`TransitionSystem`], and knows nothing of the model.

mod log;
mod search;
mod seen;
mod system;
mod worker;

pub use search::{End, Exploration, First, Limits, Path, Progress, Summary, explore};
pub use system::{Edge, Marks, Packed, TransitionSystem, Unrepresentable};
pub use worker::Sighting;
