//! Lacuna's simulator: one timed run of a system under a scheduling policy, drawn by a seed.
//!
//! It drives the relation of [`lacuna_model`] (objects × scheduler × time) where the checker explores it: the programs,
//! the rules and the labels are the same, only who chooses differs.
//!
//! # Design principles
//! - **A run is a path.** Every label taken was offered by the relation in the state before it. With its scheduler and
//!   time labels left out, the run is a path of the untimed relation that the checker explores; tests hold both.
//! - **Exact.** Whole nanoseconds; counts of values, not histograms; no floating point in what is reported.
//! - **A seed is a run.** Equal seeds give equal runs on every platform; each concern has a stream of its own.
//! - **Bounded.** Labels at one instant, labels of a run, labels kept and sizes of pictures have limits; whatever was cut
//!   says so.
//! - **Never a proof.** A run without a miss is `held`, no more.
//!
//! | module | what |
//! |---|---|
//! | [`policy`] | who gets the core |
//! | [`resolver`] | who chooses where the relation leaves a choice |
//! | [`simulation`] | the run |
//! | [`task_set`] | the same of pure task sets, faster |
//! | [`statistics`] | what is counted of it |
//! | [`steady`] | when it repeats itself |
//! | [`safety`] | the safety guarantees along it |
//! | [`durations`] | exact quantiles |
//! | [`log`] | its labels, from which everything else is found again |
//! | [`timeline`] | its course, context by context |
//! | [`export`] | a trace for a viewer, a picture |
//! | [`generate`] | random task sets |
//! | [`sweep`] | what share of them passes which test |
//!
//! # Example
//!
//! Two tasks, (1 ms, 4 ms) the more urgent and (2 ms, 6 ms):
//!
//! ```
//! use lacuna_model::{objects::Objects, profile::Profile, system::*, units::Nanos};
//! use lacuna_sim::{policy::FixedPriority, resolver::Seeded, simulation::{Options, simulate}};
//!
//! let ms = |n: u64| Nanos(n * 1_000_000);
//! let task = |name: &str, schedule, wcet, period| Context {
//!     name: name.into(),
//!     schedule: Some(SchedulingContextId(schedule)),
//!     program: vec![Instruction::Compute { bcet: wcet, wcet }],
//!     task: Some(Task { period, deadline: period, offset: Nanos(0), jitter: Nanos(0) }),
//! };
//! let schedule = |name: &str, priority| SchedulingContext { name: name.into(), priority, ..SchedulingContext::default() };
//! let system = System {
//!     name: "two tasks".into(),
//!     about: String::new(),
//!     domains: vec!["all".into()],
//!     flows: None,
//!     users: vec![],
//!     objects: vec![],
//!     job_groups: vec![],
//!     buffers: vec![],
//!     locks: vec![],
//!     modes: vec![],
//!     handles: vec![],
//!     processes: vec![Process {
//!         name: "control".into(),
//!         domain: DomainId(0),
//!         group: None,
//!         contexts: vec![task("fast", 0, ms(1), ms(4)), task("slow", 1, ms(2), ms(6))],
//!     }],
//!     scheduling_contexts: vec![schedule("high", 2), schedule("low", 1)],
//!     major_frame: None,
//!     refill: Nanos(0),
//!     kernel_bounds: KernelBounds::default(),
//!     ends_within: EndsWithin::default(),
//!     tick: None,
//!     process_table: 1,
//!     expect: vec![],
//! };
//! let objects = Objects::new(&system, &Profile::ideal())?;
//! let policy = FixedPriority::new(&system.scheduling_contexts);
//! let run = simulate(&objects, policy, &mut Seeded::new(1), &Options::new(ms(1200)))?;
//! let slow = &run.summary.contexts[1];
//! assert_eq!((slow.jobs, slow.missed), (200, 0));
//! assert_eq!(slow.response_ns.map(|response| response.max), Some(3_000_000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod durations;
pub mod export;
pub mod generate;
pub mod log;
pub mod policy;
pub mod resolver;
pub mod safety;
pub mod simulation;
pub mod statistics;
pub mod steady;
pub mod sweep;
pub mod task_set;
pub mod timeline;
