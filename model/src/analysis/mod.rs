//! Analysis: bounds on paper, in integer arithmetic.

pub mod reattachment;
pub mod response_time;
