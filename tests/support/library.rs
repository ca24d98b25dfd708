//! The library as systems, small enough to be searched many times over.

use lacuna_model::system::{Instruction, System};

/// Every scenario, with adversaries of at most two steps.
pub(crate) fn shallow() -> Vec<System> {
    let systems = lacuna_scenarios::library().iter().map(|entry| entry.system().unwrap());
    systems
        .map(|mut system| {
            let mut deep = false;
            system.for_each_instruction(|_, instruction| {
                deep |= matches!(instruction, Instruction::Adversary { depth } if depth.is_none_or(|depth| depth > 2));
            });
            if deep {
                system.set_adversary_depth(2);
            }
            system
        })
        .collect()
}
