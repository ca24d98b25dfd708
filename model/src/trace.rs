//! Traces, to come.
use serde::Serialize;
/// A trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {}
