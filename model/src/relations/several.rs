//! Which processes may have several instances, so that a circle may lead through one of their contexts twice.

use crate::objects::Objects;
use crate::system::{Instruction, ProcessId};

/// Which processes may have several instances at once, or one after another.
#[derive(Debug)]
pub(super) struct Several(Vec<bool>);

impl Several {
    /// Of a system.
    pub(super) fn of(objects: &Objects) -> Self {
        let system = objects.system();
        let mut several: Vec<bool> = vec![false; system.processes.len()];
        let mut created = vec![0usize; system.processes.len()];
        system.for_each_instruction(|by, instruction| match instruction {
            Instruction::Adversary { .. } => several[by.index()] = true,
            Instruction::Spawn { process, .. } | Instruction::Fork(process) => {
                created[process.index()] += 1;
                several[process.index()] |= *process == by;
            }
            // What a loop creates is created again.
            Instruction::Loop { body, .. } => {
                let mut inside = Vec::new();
                creations(body, &mut inside);
                inside.iter().for_each(|process| several[process.index()] = true);
            }
            _ => {}
        });
        for of in objects.declared_contexts().filter(|of| objects.is_task(*of)) {
            let mut inside = Vec::new();
            creations(&system.processes[of.0.index()].contexts[of.1].program, &mut inside);
            inside.iter().for_each(|process| several[process.index()] = true);
        }
        for (several, created) in several.iter_mut().zip(created) {
            *several |= created > 1;
        }
        // And whoever is created by one of those.
        loop {
            let before = several.clone();
            system.for_each_instruction(|by, instruction| {
                if let Instruction::Spawn { process, .. } | Instruction::Fork(process) = instruction {
                    several[process.index()] |= several[by.index()];
                }
            });
            if before == several {
                return Self(several);
            }
        }
    }

    /// May there be several?
    pub(super) fn are(&self, process: ProcessId) -> bool {
        self.0[process.index()]
    }
}

fn creations(program: &[Instruction], found: &mut Vec<ProcessId>) {
    for instruction in program {
        match instruction {
            Instruction::Spawn { process, .. } | Instruction::Fork(process) => found.push(*process),
            Instruction::Loop { body, .. } => creations(body, found),
            Instruction::Choose(arms) => arms.iter().for_each(|arm| creations(arm, found)),
            _ => {}
        }
    }
}
