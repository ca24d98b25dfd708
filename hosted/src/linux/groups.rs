//! The cgroups of one job in whatever hierarchies its plan uses, with their limits set before anybody is in them.

use std::io;

use super::cgroup::Group;
use super::cgroup_v2::JobGroup;
use super::launch::LaunchError;
use super::{cgroup_v1, cgroup_v2};
use crate::plan::Plan;
use crate::primitive::PrimitiveId;

/// The job's cgroups.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) v2: Option<JobGroup>,
    pub(crate) freezer: Option<Group>,
    pub(crate) v1: Vec<(PrimitiveId, Group)>,
    limits: Vec<PrimitiveId>,
}

impl Groups {
    pub(crate) fn prepare(plan: &Plan) -> Result<Self, LaunchError> {
        use PrimitiveId::*;
        let (facts, policy) = (plan.facts(), plan.policy());
        let mut groups = Self::default();
        let failed = |primitive| move |source| LaunchError::PrepareStep { primitive, source };
        let gone = || io::Error::other("the facts know no such hierarchy");
        if plan.uses(CgroupV2) {
            let v2 = facts.v2_usable().ok_or_else(|| failed(CgroupV2)(gone()))?;
            for (primitive, controller) in [(CgroupV2Pids, "pids"), (CgroupV2Memory, "memory")] {
                if plan.has(primitive) {
                    cgroup_v2::enable(&v2.own, controller).map_err(failed(primitive))?;
                }
            }
            let group = JobGroup::create(&v2.own).map_err(failed(CgroupV2))?;
            if let (true, Some(n)) = (plan.has(CgroupV2Pids), policy.processes_limit()) {
                cgroup_v2::limit_processes(&group.group, n).map_err(failed(CgroupV2Pids))?;
                groups.limits.push(CgroupV2Pids);
            }
            if let (true, Some(bytes)) = (plan.has(CgroupV2Memory), policy.memory_limit_bytes()) {
                cgroup_v2::limit_memory(&group.group, bytes).map_err(failed(CgroupV2Memory))?;
                groups.limits.push(CgroupV2Memory);
            }
            groups.v2 = Some(group);
        }
        let v1 = |primitive, controller: &str| {
            let tree = facts.v1_with(controller).ok_or_else(|| failed(primitive)(gone()))?;
            Group::create(&tree.own).map_err(failed(primitive))
        };
        if plan.has(CgroupV1Pids) {
            let group = v1(CgroupV1Pids, "pids")?;
            let limit = policy.processes_limit().unwrap_or(u32::MAX);
            cgroup_v1::limit_processes(&group, limit).map_err(failed(CgroupV1Pids))?;
            groups.v1.push((CgroupV1Pids, group));
        }
        if plan.has(CgroupV1Memory) {
            let group = v1(CgroupV1Memory, "memory")?;
            let limit = policy.memory_limit_bytes().unwrap_or(u64::MAX);
            cgroup_v1::limit_memory(&group, limit).map_err(failed(CgroupV1Memory))?;
            groups.v1.push((CgroupV1Memory, group));
        }
        if plan.uses(CgroupV1Freezer) {
            groups.freezer = Some(v1(CgroupV1Freezer, "freezer")?);
        }
        Ok(groups)
    }

    /// Limits that hold for whoever is born into the group.
    pub(crate) fn limited(&self) -> impl Iterator<Item = PrimitiveId> {
        self.limits.iter().copied()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Group> {
        let v2 = self.v2.iter().map(|v2| &v2.group);
        v2.chain(&self.freezer).chain(self.v1.iter().map(|(_, group)| group))
    }

    /// Removes all of them.
    pub(crate) fn remove(&self) -> io::Result<()> {
        self.all().try_for_each(Group::remove)
    }
}
