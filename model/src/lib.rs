//! Lacuna's formal model.
pub mod analysis;
pub mod coding;
pub mod evidence;
pub mod expand;
pub mod guarantee;
pub mod objects;
pub mod profile;
pub mod record;
pub mod relation;
pub mod relations;
pub mod sched;
pub mod sweep;
pub mod system;
pub mod time;
pub mod trace;
pub mod units;
