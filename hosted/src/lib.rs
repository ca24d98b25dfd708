//! Lacuna on a real host: plan, apply, probe, measure.

pub mod measure;
#[cfg(target_os = "linux")]
pub mod replay;
