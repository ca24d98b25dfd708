//! Analysis: bounds on paper, in integer arithmetic.

pub mod response_time;
