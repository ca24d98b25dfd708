//! Lacuna's scenarios: the formats (RON, JSON, CSV), their checks, and the library that comes with the program.
//!
//! Design principles:
//! - **One tree, one table.** Each format has a small reader that makes the same located value tree of its text. One
//!   table of records, fields and choices says what a scenario is; the validator, its messages and the reference page
//!   (FORMAT.md) are made from it.
//! - **All mistakes at once**, each with its file, line, column, what was expected and the nearest known name. Only a
//!   syntax error stands alone.
//! - **Any bytes are safe.** Size, nesting, names and numbers are bounded before they are trusted; what a message
//!   repeats of a text is escaped and cut.
//! - **Nothing in silence.** A repeated key is a mistake, and so is an unknown one; nothing is rounded.
//!
//! ```
//! use lacuna_scenarios::{Source, library};
//!
//! let system = library()[0].system().expect("the library is valid, as a test holds");
//! assert_eq!(system.name, "ci-job");
//!
//! let set = Source::new("two.csv", "name,wcet,period\nfast,1ms,4ms\nslow,2ms,6mss\n");
//! let mistakes = set.parse().expect_err("there is no such unit");
//! assert_eq!(
//!     mistakes[0].to_string(),
//!     "two.csv:3:10: error: `6mss` is not a duration (expected a duration above zero such as `\"10ms\"`, \
//!      in `min`, `s`, `ms`, `us` or `ns`; did you mean `6ms`?)",
//! );
//! ```

mod diagnostic;
mod library;
mod lower;
mod page;
mod read;
mod schema;
mod shape;
mod source;
mod starter;
mod tree;
mod write;

pub use diagnostic::{Diagnostic, Severity};
pub use library::{Entry, library};
pub use lower::MAX_OF_A_KIND;
pub use page::{describe, reference, words};
pub use read::MAX_DEPTH;
pub use source::{Format, MAX_SIZE, Scenario, Source, parse, parse_bytes};
pub use starter::starter;
