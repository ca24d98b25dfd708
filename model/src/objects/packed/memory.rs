//! How much memory a process can be charged: a unit that every amount is a multiple of, and a bound.

use super::super::Objects;
use super::super::program::{Operation, Program};
use crate::system::GroupId;

/// In units of what is the bound counted, if there is one?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    /// Every charge is a multiple of it; at least 1.
    pub(super) unit: u64,
    /// A process is charged at most so many units.
    pub(super) most: Option<u64>,
}

impl Memory {
    pub(super) fn of(objects: &Objects) -> Self {
        let allocated = objects.programs.iter().flatten().flat_map(|program| &program.nodes).filter_map(allocates);
        let unit = attacks(objects).chain(allocated).fold(0, gcd).max(1);
        let most = match (by_programs(objects), by_quota(objects)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self { unit, most: most.map(|most| most / unit) }
    }
}

fn gcd(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

fn allocates(node: &super::super::Node) -> Option<u64> {
    match node.operation {
        Operation::Allocate(bytes) => Some(bytes),
        _ => None,
    }
}

/// What an adversary takes at once, in each group that has a limit.
fn attacks(objects: &Objects) -> impl Iterator<Item = u64> {
    let programs = objects.programs.iter().flatten();
    let adversary = programs.flat_map(|program| &program.nodes).any(|node| node.operation == Operation::Adversary);
    let groups = (0u8..).map(GroupId).zip(&objects.system.job_groups).filter(move |_| adversary);
    groups.filter_map(|(group, _)| objects.attacked_memory(Some(group)))
}

/// A process is charged nothing at its birth; every instruction that is on no cycle charges it at most once, and all
/// adversaries together attack so many times.
fn by_programs(objects: &Objects) -> Option<u64> {
    let attacked = match (attacks(objects).max(), objects.attack_depth()) {
        (None, _) => 0,
        (Some(bytes), Some(depth)) => bytes.checked_mul(u64::from(depth))?,
        (Some(_), None) => return None,
    };
    let mut most: u64 = 0;
    for (process, programs) in objects.system.processes.iter().zip(&objects.programs) {
        let mut sum = attacked;
        for (context, program) in process.contexts.iter().zip(programs) {
            let once = taken_once(program);
            for (node, once) in program.nodes.iter().zip(once) {
                match allocates(node) {
                    Some(0) | None => {}
                    Some(bytes) if once && context.task.is_none() => sum = sum.checked_add(bytes)?,
                    Some(_) => return None,
                }
            }
        }
        most = most.max(sum);
    }
    Some(most)
}

/// Which positions no cycle leads to.
fn taken_once(program: &Program) -> Vec<bool> {
    let next = |at: usize| {
        let node = &program.nodes[at];
        let arms = match &node.operation {
            Operation::Choose(arms) => &arms[..],
            _ => std::slice::from_ref(&node.next),
        };
        arms.iter().map(|next| usize::from(*next)).filter(move |_| at != 0)
    };
    let mut comes_from = vec![0u32; program.nodes.len()];
    (0..program.nodes.len()).flat_map(next).for_each(|to| comes_from[to] += 1);
    let mut once = vec![false; program.nodes.len()];
    let mut from: Vec<usize> = (0..program.nodes.len()).filter(|at| comes_from[*at] == 0).collect();
    while let Some(at) = from.pop() {
        once[at] = true;
        for to in next(at) {
            comes_from[to] -= 1;
            if comes_from[to] == 0 {
                from.push(to);
            }
        }
    }
    once
}

/// Where the quota holds for each group, no member is charged more than the largest limit, if whoever allocates is in
/// a group, and every group has a limit. (An adversary in a group without one does not allocate.)
fn by_quota(objects: &Objects) -> Option<u64> {
    if !objects.profile.memory_quota.binds_each_member() {
        return None;
    }
    let limits = || objects.system.job_groups.iter().map(|group| group.memory.map(|limit| limit.0));
    let instructed = objects.system.processes.iter().zip(&objects.programs).filter(|(_, programs)| {
        programs.iter().flat_map(|program| &program.nodes).any(|node| allocates(node).is_some())
    });
    let (mut some, mut outside) = (false, false);
    for (process, _) in instructed {
        some = true;
        outside |= process.group.is_none();
    }
    if some && (outside || limits().any(|limit| limit.is_none())) {
        return None;
    }
    limits().flatten().max()
}
