//! Objects accessed, and memory taken.

use super::super::Objects;
use super::super::precondition::Precondition;
use super::super::step::{Outcome, Refusal};
use super::super::usage::Memory;
use super::Taking;
use crate::profile::Authority;
use crate::profile::authority::Allowed;
use crate::system::{DomainId, GroupId, ObjectClass, ObjectId, Right};

impl Objects {
    /// What the policy says of an access by a process.
    pub fn allowed(&self, domain: DomainId, object: ObjectId, right: Right) -> Allowed {
        let rights = self.allowed[object.index() * self.system.domains.len() + domain.index()];
        if rights & (1 << right as u8) != 0 { Allowed::ToThisDomain } else { Allowed::NotToThisDomain }
    }

    /// Which authority decides accesses to an object.
    pub(in crate::objects) fn authority(&self, object: ObjectId) -> Authority {
        match self.system.objects[object.index()].class {
            ObjectClass::File | ObjectClass::Directory | ObjectClass::PrivilegedProgram => self.profile.files,
            ObjectClass::Network => self.profile.network,
            ObjectClass::Ipc => self.profile.ipc,
        }
    }
}

impl Taking<'_> {
    pub(super) fn access(&mut self, object: ObjectId, right: Right) -> Outcome {
        let kept = self.objects.has_kept(self.state, self.context, object);
        let permitted = self.objects.permits(self.objects.domain_of(self.state, self.slot), object, right)
            && self.objects.requires(Precondition::RightKept, kept);
        if !permitted {
            return self.go_on(Outcome::Refused(Refusal::NoRight));
        }
        if right == Right::Create {
            self.make(object);
        }
        if self.objects.system.objects[object.index()].class == ObjectClass::PrivilegedProgram {
            self.execute_privileged();
        }
        self.go_on(Outcome::Done)
    }

    /// There is something in the object now that the process's group has made.
    fn make(&mut self, object: ObjectId) {
        let Some(group) = self.state.processes[self.slot].group else { return };
        if let Some(made) = self.objects.makes.iter().position(|of| *of == (object, group)) {
            self.touched.shared = true;
            self.state.made[made] = true;
        }
    }

    /// A process of the group has ended: what the group has made, and is the group's own, goes with the last of them.
    pub(super) fn tear_down(&mut self, group: Option<GroupId>) {
        let Some(group) = group.filter(|group| !self.objects.lives_on(self.state, *group)) else { return };
        for (made, (object, by)) in self.state.made.iter_mut().zip(&self.objects.makes) {
            if *by == group && *made && self.objects.goes_with_the_group(*object) {
                self.touched.shared = true;
                *made = false;
            }
        }
    }

    pub(super) fn allocate(&mut self, bytes: u64) -> Outcome {
        if !self.admits_memory(self.slot, bytes) {
            return self.go_on(Outcome::Refused(Refusal::MemoryLimit));
        }
        let process = self.process(self.slot);
        process.memory = process.memory.saturating_add(bytes);
        self.go_on(Outcome::Done)
    }

    fn admits_memory(&self, slot: usize, bytes: u64) -> bool {
        let Some(group) = self.state.processes[slot].group else { return true };
        let domain = self.objects.domain_of(self.state, slot);
        let limit = self.objects.system.job_groups[group.index()].memory.map(|limit| limit.0);
        let usage = Memory { objects: self.objects, state: self.state, group, domain };
        let admits = self.objects.profile.memory_quota.admits(&usage, limit, bytes);
        self.objects.requires(Precondition::MemoryQuota, admits)
    }
}
