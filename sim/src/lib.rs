//! Lacuna's simulator: schedulers, seeded resolver, statistics, traces.
