//! Lacuna on a real host: plan, apply, probe, measure.

pub mod measure;
