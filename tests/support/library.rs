//! The library as systems, small enough to be searched many times over.

use lacuna_model::system::System;

/// Every scenario, with adversaries of at most two steps.
pub(crate) fn shallow() -> Vec<System> {
    let mut systems: Vec<System> = lacuna_scenarios::library().iter().map(|entry| entry.system().unwrap()).collect();
    systems.iter_mut().for_each(|system| system.bound_adversaries(2));
    systems
}
