//! Linux: one file a primitive, and the path that launches a job.
//!
//! Each primitive has two halves. *Prepare* runs in the supervisor, may allocate and fail with any error. *Apply* runs
//! between `clone` and `exec` in a copy of a process that may have had many threads, so it makes raw system calls on
//! what was prepared and nothing else: no allocation, no lock, no formatting, no panic.

pub(crate) mod capabilities;
pub(crate) mod cgroup;
pub(crate) mod cgroup_v1;
pub(crate) mod cgroup_v2;
pub(crate) mod child;
pub(crate) mod descriptors;
pub(crate) mod facts;
pub(crate) mod family;
pub mod filter;
pub(crate) mod groups;
pub(crate) mod keeper;
pub(crate) mod landlock;
pub(crate) mod launch;
pub mod memfd;
pub(crate) mod namespaces;
pub(crate) mod private_root;
pub(crate) mod protocol;
pub(crate) mod rlimits;
pub mod seccomp;
pub(crate) mod streams;
pub(crate) mod sys;
