//! Scheduling policies: those of the model, which the checker explores too.

pub use lacuna_model::sched::fixed_priority;
pub use lacuna_model::sched::{FixedPriority, Policy};
