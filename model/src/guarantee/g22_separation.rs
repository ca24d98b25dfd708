//! G22, separation (T8): in what domain a process is and in which job group changes no schedule, and how a context is scheduled changes no decision.
//!
//! Formally, let S be the system, and S′ the same but for the domains of its processes, and the job groups that they are in or are in none of. For all runs of
//! S and S′ under one policy × Lattice that have taken the same labels so far, as long as the scheduler was told the same in both (who is ready, who
//! waits for whose lock, which jobs there are): it offers the core to the same contexts.
//!
//! And let S″ be the system but for one context, which has the priority, order, threshold and windows of another scheduling context, with its own
//! budget. In every state that S reaches in time, the same steps of the objects are possible in S and in S″, come to the same, and lead to
//! the same state. (The budget is the contract by which a reattachment is admitted, and so decides something by declaration.)
//!
//! Both are looked at up to where more jobs of a task wait than can without a miss.
//!
//! Trigger: a context got the core in both S and S′ while another was ready.
