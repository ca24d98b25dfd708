//! Lacuna on a real host: plan, launch, probe, measure.
//!
//! # Design principles
//! - **Plan is pure.** [`SetUp::plan`] turns a [`Policy`] and the [`Facts`] of a host into ordered steps, for any host on
//!   any host. What the policy asks and no step gives is in [`Plan::unmet`].
//! - **Nothing degrades.** A launch applies every step of its plan, or fails with the name of the one it could not.
//! - **A claim follows what was applied.** The effective profile is everyday Linux strengthened by the primitives that
//!   were reported as applied, in [`primitive::strengthen`] and nowhere else.
//! - **The kernel says who is alive**, not a walk and not the job. A job is killed whole and its end awaited; the death
//!   of the supervisor is the job's.
//! - One primitive is one file with its calls, assumptions and known holes; `examples/` shows each alone, and
//!   `examples/ci_runner.rs` is what embeds it, complete. `THREATS.md` says who attacks, what is trusted, and what is out.
//!
//! ```
//! use lacuna_hosted::{Access, Facts, Network, Policy, SetUp};
//!
//! let policy = Policy::new().dir("/usr", Access::READ | Access::EXECUTE).network(Network::None).processes(16);
//! let plan = SetUp::Minimal.plan(&policy, &Facts::bare_linux());
//! assert!(plan.is_err(), "a kernel without pidfds cannot launch what it could not end");
//! ```

// Planning is for every host; where nothing can be launched yet, what only a launch uses has no caller.
#![cfg_attr(not(target_os = "linux"), allow(dead_code))]

#[cfg(target_os = "linux")]
pub mod actor;
mod clean;
#[cfg(target_os = "linux")]
mod command;
#[cfg(target_os = "linux")]
mod end;
mod facts;
#[cfg(target_os = "linux")]
pub mod guest;
#[cfg(target_os = "linux")]
mod job;
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub mod linux;
pub mod measure;
#[cfg(target_os = "linux")]
mod output;
mod plan;
mod policy;
pub mod primitive;
#[cfg(target_os = "linux")]
pub mod probe;
#[cfg(target_os = "linux")]
pub mod record;
#[cfg(target_os = "linux")]
pub mod replay;
mod unmet;

pub use clean::Cleaned;
#[cfg(target_os = "linux")]
pub use clean::clean;
#[cfg(target_os = "linux")]
pub use command::{Input, JobCommand, Output};
#[cfg(target_os = "linux")]
pub use end::{Account, Cause, End, Status, WaitError};
pub use facts::{CgroupV1, CgroupV2, Facts, FactsError, Namespaces, Support};
#[cfg(target_os = "linux")]
pub use job::Job;
#[cfg(target_os = "linux")]
pub use linux::{landlock::LandlockError, launch::LaunchError, protocol::Stage};
#[cfg(target_os = "linux")]
pub use output::OutputReader;
pub use plan::{Plan, PlanError, SetUp, Step};
pub use policy::{Access, Network, PathRule, Policy, Temporary};
pub use primitive::PrimitiveId;
pub use unmet::{Lack, RequireError, Unmet};
