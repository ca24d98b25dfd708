//! The engine: explores whatever is a [`TransitionSystem`], and knows nothing of the model.

mod liveness;
mod log;
mod product;
mod search;
mod seen;
mod symmetry;
mod system;
mod worker;

pub use liveness::{Fairness, Lasso, LeadsTo, Live, Liveness, leads_to};
pub use product::{LEAK, Noninterference, Pair, Product, Runs, STUCK, TwoRun, noninterference};
pub use search::{End, Exploration, First, Limits, Path, Progress, Summary, explore};
pub use symmetry::{NotEquivariant, Reduced, Symmetric, Verified, verify};
pub use system::{Edge, Marks, Packed, TransitionSystem, Unrepresentable};
pub use worker::Sighting;
