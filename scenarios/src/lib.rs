//! Lacuna's scenario formats and library.

mod diagnostic;
mod library;
mod lower;
mod read;
mod schema;
mod shape;
mod source;
mod tree;
mod write;

pub use diagnostic::{Diagnostic, Severity};
pub use library::{Entry, library};
pub use lower::MAX_OF_A_KIND;
pub use read::MAX_DEPTH;
pub use source::{Format, MAX_SIZE, Scenario, Source, parse, parse_bytes};
