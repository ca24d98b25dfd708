//! Lacuna's formal model.
pub mod evidence;
pub mod guarantee;
pub mod profile;
pub mod trace;
