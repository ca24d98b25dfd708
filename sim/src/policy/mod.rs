//! Scheduling policies, one file each: instances of [`lacuna_model::sched::Sched`]. A policy sees context numbers and
//! scheduling contexts; no domain, no right, no handle reaches it.

pub mod fixed_priority;

pub use fixed_priority::FixedPriority;
