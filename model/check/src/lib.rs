//! Lacuna's checking engine: every interleaving, shortest traces.
