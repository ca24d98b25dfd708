//! The plainest search there is, over plain states: what the engine and the packed states are compared with.
#![allow(unreachable_pub, dead_code, reason = "each test file uses its part")]

use std::collections::HashSet;

use lacuna_model::guarantee::Transition;
use lacuna_model::objects::{Objects, State};

/// The states in the order of discovery, about `most` at most, and the number of steps taken; `observe` sees each step.
pub fn explore(objects: &Objects, most: usize, mut observe: impl FnMut(&Transition<'_>)) -> (Vec<State>, u64) {
    let mut states = vec![objects.initial()];
    let mut known = HashSet::from([objects.initial()]);
    let (mut at, mut transitions, mut steps) = (0, 0, Vec::new());
    while at < states.len() && states.len() < most {
        let before = states[at].clone();
        steps.clear();
        objects.enabled(&before, &mut steps);
        for step in steps.iter().copied() {
            let (after, outcome) = objects.apply(&before, step);
            transitions += 1;
            observe(&Transition { before: &before, step, outcome, after: &after });
            if known.insert(after.clone()) {
                states.push(after);
            }
        }
        at += 1;
    }
    (states, transitions)
}

/// All states.
pub fn states(objects: &Objects) -> Vec<State> {
    explore(objects, usize::MAX, |_| {}).0
}
