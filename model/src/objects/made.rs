//! What the members of job groups have made in objects: only that there is something, for each group and each object that is no output.
//! No step depends on it but the teardown, and no view has it; so it is kept for G8 alone.

use super::Objects;
use super::program::Operation;
use super::state::State;
use crate::guarantee::GuaranteeId;
use crate::profile::Teardown;
use crate::system::{GroupId, ObjectClass, ObjectId, Right};

impl Objects {
    /// Each object in which a member of a group may try to make something, with the group, where what is made there is no output;
    /// [`State::made`] has them in this order.
    pub fn makes(&self) -> &[(ObjectId, GroupId)] {
        &self.makes
    }

    /// Computes them; none, where nobody asks for G8.
    pub(super) fn find_makes(&self) -> Vec<(ObjectId, GroupId)> {
        if !self.watched.contains(GuaranteeId::G8) {
            return Vec::new();
        }
        let mut makes = std::collections::BTreeSet::new();
        for (groups, programs) in self.groups_of_processes().iter().zip(&self.programs) {
            for (object, declared) in (0u8..).map(ObjectId).zip(&self.system.objects) {
                if declared.output || !declared.class.rights().contains(&Right::Create) {
                    continue;
                }
                let nodes = || programs.iter().flat_map(|program| &program.nodes);
                let tries = nodes().any(|node| match node.operation {
                    Operation::Access { object: of, right: Right::Create } => of == object,
                    Operation::Adversary => true,
                    _ => false,
                });
                makes.extend(groups.iter().flatten().filter(|_| tries).map(|group| (object, *group)));
            }
        }
        makes.into_iter().collect()
    }

    /// Does what is made in an object go with the group that made it?
    pub(super) fn goes_with_the_group(&self, object: ObjectId) -> bool {
        let teardown: Teardown = match self.system.objects[object.index()].class {
            ObjectClass::File | ObjectClass::Directory | ObjectClass::Network | ObjectClass::PrivilegedProgram => {
                self.profile.file_teardown
            }
            ObjectClass::Ipc => self.profile.ipc_teardown,
        };
        teardown.goes_with_the_group()
    }

    /// Does a process live that is in the group or descends from whoever was, whether the kernel still finds it there or not?
    pub fn lives_on(&self, state: &State, group: GroupId) -> bool {
        state.processes.iter().any(|process| process.lives() && process.group == Some(group))
    }
}
