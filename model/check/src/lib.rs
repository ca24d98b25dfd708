//! The checking engine: explores every state that a transition system can reach, breadth first, so that the first path
//! to anything is a shortest one; and asks the guarantees of the model on every step.
//!
//! # Design principles
//! - **Exact.** States are compared whole. A search that ends early says so, and nothing it did not refute is proved.
//! - **Narrow.** The engine knows a system by [`TransitionSystem`] alone; the model is one such system.
//! - **Deterministic.** The same system gives the same counts and the same traces.
//!
//! ```
//! use lacuna_check::{End, Limits, TransitionSystem, explore};
//!
//! /// Counts to three and starts again.
//! struct Counter;
//! impl TransitionSystem for Counter {
//!     type State = u8;
//!     type Step = ();
//!     type Outcome = ();
//!     fn initial(&self) -> u8 { 0 }
//!     fn steps(&self, _: &u8, steps: &mut Vec<()>) { steps.push(()); }
//!     fn apply(&self, state: &u8, (): ()) -> (u8, ()) { ((state + 1) % 4, ()) }
//! }
//! let exploration = explore(&Counter, &Limits::default(), |_| {});
//! assert_eq!((exploration.states(), exploration.end), (4, End::Complete));
//! ```

pub mod engine;
mod explore;
mod guarantees;
#[cfg(feature = "stateright")]
mod second_opinion;

pub use explore::{Edge, End, Exploration, Limits, TransitionSystem, explore};
pub use guarantees::{Checked, Report, check};
#[cfg(feature = "stateright")]
pub use second_opinion::{SecondOpinion, Watched};
