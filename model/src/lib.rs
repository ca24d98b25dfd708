//! Lacuna's formal model.
pub mod evidence;
pub mod guarantee;
pub mod profile;
pub mod system;
pub mod trace;
pub mod units;
