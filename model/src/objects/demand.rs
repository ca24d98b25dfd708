//! Demand: how much a program can still ask for, at most, from where it is. A resource is part of what a domain sees only as far as
//! the domain can still use it, so what is never asked for tells nobody anything.
//!
//! The demand of a position is what is asked there and, of all ways on from there, the most; a creation adds what the
//! child asks for, if it is of the same domain. Whatever is on a cycle has no bound ([`u64::MAX`]).

use super::Objects;
use super::buffers::Given;
use super::program::{Operation, Program};
use super::state::{Phase, State, Status};
use crate::system::{BufferId, DomainId, LockId, ProcessId, System};

/// Something that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    /// An entry of the process table.
    Creation,
    /// A byte.
    Memory,
    /// To wait for an instance of this process.
    Wait(ProcessId),
    /// To send there.
    Send(BufferId),
    /// To receive from there.
    Take(BufferId),
    /// To attach it, or to say how many messages fit.
    Govern(BufferId),
    /// To take the lock, or to give it back.
    Lock(LockId),
    /// To kill the process by its name.
    Kill(ProcessId),
    /// To change the mode.
    Mode,
}

/// The demand of every position of every program, in every resource.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    processes: usize,
    buffers: usize,
    /// Resources.
    many: usize,
    /// Where each declared process's contexts begin, in nodes.
    begins: Vec<Vec<usize>>,
    of_node: Vec<u64>,
}

impl Demand {
    pub(super) fn new(system: &System, programs: &[Vec<Program>], given: &[Given]) -> Self {
        let (processes, buffers) = (system.processes.len(), system.buffers.len());
        let many = 3 + 2 * processes + 3 * buffers + system.locks.len();
        let (mut begins, mut nodes) = (Vec::new(), 0);
        for of_process in programs {
            let mut of_contexts = Vec::new();
            for program in of_process {
                of_contexts.push(nodes);
                nodes += program.nodes.len();
            }
            begins.push(of_contexts);
        }
        let mut demand = Self { processes, buffers, many, begins, of_node: vec![0; nodes * many] };
        demand.close(system, programs, given);
        demand
    }

    /// Raises every demand until none is too small. What still grows after as many rounds as there are nodes is on a cycle.
    fn close(&mut self, system: &System, programs: &[Vec<Program>], given: &[Given]) {
        let nodes = self.of_node.len() / self.many;
        let mut fresh = vec![0; self.many];
        for round in 0.. {
            let mut grown = false;
            for (process, of_process) in programs.iter().enumerate() {
                for (context, program) in of_process.iter().enumerate() {
                    let begin = self.begins[process][context];
                    for (position, node) in program.nodes.iter().enumerate() {
                        fresh.fill(0);
                        let is_task = system.processes[process].contexts[context].task.is_some();
                        for way in program.ways(node, is_task) {
                            let at = (begin + usize::from(*way)) * self.many;
                            let most = &self.of_node[at..at + self.many];
                            fresh.iter_mut().zip(most).for_each(|(fresh, most)| *fresh = (*fresh).max(*most));
                        }
                        self.ask(system, programs, given, (process, &node.operation), &mut fresh);
                        let at = (begin + position) * self.many;
                        for (known, fresh) in self.of_node[at..at + self.many].iter_mut().zip(&fresh) {
                            if *fresh > *known {
                                *known = if round > nodes { u64::MAX } else { *fresh };
                                grown = true;
                            }
                        }
                    }
                }
            }
            if !grown {
                return;
            }
        }
    }

    /// What an operation asks for itself.
    fn ask(
        &self,
        system: &System,
        programs: &[Vec<Program>],
        given: &[Given],
        (process, operation): (usize, &Operation),
        demand: &mut [u64],
    ) {
        let mut more = |resource: Resource, amount: u64| {
            let demand = &mut demand[self.index(resource)];
            *demand = demand.saturating_add(amount);
        };
        match operation {
            Operation::Spawn { process: child, .. } | Operation::Fork(child) => {
                more(Resource::Creation, 1);
                if system.processes[child.index()].domain == system.processes[process].domain {
                    for (begin, program) in self.begins[child.index()].iter().zip(&programs[child.index()]) {
                        let at = (begin + usize::from(program.entry)) * self.many;
                        for (demand, most) in demand.iter_mut().zip(&self.of_node[at..at + self.many]) {
                            *demand = demand.saturating_add(*most);
                        }
                    }
                }
            }
            Operation::Allocate(bytes) => more(Resource::Memory, *bytes),
            Operation::SwitchMode(_) => more(Resource::Mode, 1),
            Operation::Wait { process, .. } => more(Resource::Wait(*process), 1),
            Operation::Send(buffer) => more(Resource::Send(*buffer), 1),
            Operation::Receive(buffer)
            | Operation::Poll(buffer)
            | Operation::Await(buffer)
            | Operation::Ack(buffer) => {
                more(Resource::Take(*buffer), 1);
            }
            Operation::Attach(buffer) | Operation::SetLimit { buffer, .. } => more(Resource::Govern(*buffer), 1),
            Operation::Lock(lock) | Operation::Unlock(lock) => more(Resource::Lock(*lock), 1),
            Operation::KillProcess(process) => more(Resource::Kill(*process), 1),
            Operation::Adversary => {
                more(Resource::Creation, u64::MAX);
                more(Resource::Memory, u64::MAX);
                more(Resource::Mode, u64::MAX);
                let domain = system.processes[process].domain;
                for (buffer, declared) in (0u8..).map(BufferId).zip(&system.buffers) {
                    if declared.named_by.contains(&domain) {
                        more(Resource::Send(buffer), u64::MAX);
                        more(Resource::Take(buffer), u64::MAX);
                        if given[buffer.index()].acknowledged {
                            more(Resource::Govern(buffer), u64::MAX);
                        }
                    }
                }
            }
            Operation::Compute { .. } | Operation::Open(_) | Operation::Close(_) | Operation::Detach => {}
            Operation::Regain(_) | Operation::Grant { .. } => {}
            Operation::Exit
            | Operation::Kill(_)
            | Operation::LockDown(_)
            | Operation::Access { .. }
            | Operation::DropRights(_) => {}
            Operation::Choose(_) | Operation::End => {}
        }
    }

    fn index(&self, resource: Resource) -> usize {
        let buffers = 3 + 2 * self.processes;
        match resource {
            Resource::Creation => 0,
            Resource::Memory => 1,
            Resource::Mode => 2,
            Resource::Wait(process) => 3 + process.index(),
            Resource::Kill(process) => 3 + self.processes + process.index(),
            Resource::Send(buffer) => buffers + buffer.index(),
            Resource::Take(buffer) => buffers + self.buffers + buffer.index(),
            Resource::Govern(buffer) => buffers + 2 * self.buffers + buffer.index(),
            Resource::Lock(lock) => buffers + 3 * self.buffers + lock.index(),
        }
    }
}

/// What all processes of a domain can still ask for.
#[derive(Debug, Clone)]
pub(super) struct Asked<'a> {
    demand: &'a Demand,
    amounts: Vec<u64>,
}

impl Asked<'_> {
    /// Of one resource.
    pub(super) fn of(&self, resource: Resource) -> u64 {
        self.amounts[self.demand.index(resource)]
    }
}

impl Objects {
    /// What the processes of a domain can still ask for.
    pub(super) fn asked<'a>(&self, demand: &'a Demand, state: &State, domain: DomainId) -> Asked<'a> {
        let mut amounts = vec![0u64; demand.many];
        let of_domain = |slot: usize| state.processes[slot].lives() && self.domain_of(state, slot) == domain;
        for slot in (0..state.processes.len()).filter(|slot| of_domain(*slot)) {
            let process = state.processes[slot].instance_of.index();
            for (index, context) in self.contexts_of(slot as u8).enumerate() {
                let position = match state.contexts[context].phase {
                    _ if state.processes[slot].status == Status::Embryo => {
                        self.programs[process].get(index).map(|program| program.entry)
                    }
                    Phase::Gone => None,
                    _ => Some(state.contexts[context].position),
                };
                let Some((position, begin)) = position.zip(demand.begins[process].get(index)) else { continue };
                let at = (begin + usize::from(position)) * demand.many;
                for (amount, more) in amounts.iter_mut().zip(&demand.of_node[at..at + demand.many]) {
                    *amount = amount.saturating_add(*more);
                }
            }
        }
        Asked { demand, amounts }
    }
}
