//! The checking engine: explores every state that a transition system can reach, breadth first, so that the first path
//! to anything is a shortest one; and asks the guarantees of the model on every step.
//!
//! # Design principles
//! - **Exact.** States are compared whole. A search that ends early says so, and nothing it did not refute is proved.
//! - **Narrow.** The engine knows a system by [`TransitionSystem`](engine::TransitionSystem) alone; the model is one such
//!   system, and anybody's own is another: see the example `two_phase_commit`.
//! - **Deterministic.** The same system gives the same counts and the same traces, on any number of threads or machines.
//!
//! ```
//! use lacuna_check::engine::{Edge, End, Limits, TransitionSystem, Unrepresentable, explore};
//!
//! /// Two counters to three, in one word; both at three is what must not be.
//! struct Counters;
//!
//! impl TransitionSystem for Counters {
//!     type State = [u64; 1];
//!     type Scratch = ();
//!
//!     fn scratch(&self) {}
//!
//!     fn initial(&self) -> Vec<[u64; 1]> {
//!         vec![[0]]
//!     }
//!
//!     fn edges(&self, (): &mut (), [word]: &[u64; 1], mut visit: impl FnMut(Edge<[u64; 1]>)) -> Result<(), Unrepresentable> {
//!         for counter in 0..2 {
//!             if word >> (8 * counter) & 255 < 3 {
//!                 let after = word + (1 << (8 * counter));
//!                 visit(Edge { after: [after], marks: u64::from(after == 0x0303), label: counter });
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let found = explore(&Counters, &Limits::default());
//! assert_eq!((found.summary.states, found.summary.end), (16, End::Complete));
//! // The first edge with mark 0, and a shortest way there.
//! let first = found.summary.first(0).ok_or("nothing has the mark")?;
//! let path = &found.paths(&Counters, &[(first.level, first.sighting.state)])[0];
//! assert_eq!(path.steps.len(), 5);
//! // At three and three nobody can go on, and nobody said that it may stop there.
//! assert_eq!(found.summary.deadlocks, 1);
//! # Ok::<(), &str>(())
//! ```

pub mod engine;
mod flows;
mod guarantees;
mod kernel;
#[cfg(feature = "stateright")]
mod second_opinion;
mod timed;
mod validate;

pub use engine::{End, Fairness, Limits, Progress};
pub use flows::{FlowReport, check_flows};
pub use guarantees::{CheckError, Checked, Ends, Means, Question, Report, Symmetry, check, check_by};
#[cfg(feature = "stateright")]
pub use second_opinion::{NO_DEADLOCK, SecondOpinion, Watched};
pub use timed::{TimedError, TimedReport, check_timed};
pub use validate::{
    Divergence, Effort, Explaining, MOST_EVENTS, RecordError, Validation, Verdict, validate, validate_by,
};
