//! Analysis: bounds on paper, in integer arithmetic.

pub mod acceptance;
pub mod assignment;
pub mod deadline_response;
pub mod kernel_time;
pub mod processor_demand;
pub mod reattachment;
pub mod response_time;
pub mod schedulability;
pub mod sensitivity;
pub mod supply;
pub mod threshold_response;
pub mod utilisation;
pub mod worst_responses;
