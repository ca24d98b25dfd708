//! Limits of the whole job: processes and memory.

use lacuna_hosted::PrimitiveId::{
    CgroupV1Memory, CgroupV1Pids, CgroupV2Memory, CgroupV2Pids, RlimitProcesses, UserNamespace,
};
use lacuna_hosted::{SetUp, Status};

use crate::common::{Test, attack, plan, policy, skip};

pub(crate) const TESTS: &[Test] = &[("quota::processes", processes), ("quota::memory", memory)];

fn processes() {
    let policy = policy().processes(20);
    assert_eq!(attack(&plan(SetUp::Bare, &policy), &["fork", "60"]).0, "60");
    let mut tried = 0;
    for set_up in [SetUp::Minimal, SetUp::Tight] {
        let plan = plan(set_up, &policy);
        for limit in [CgroupV2Pids, CgroupV1Pids, RlimitProcesses] {
            if plan.has(limit) {
                let others: Vec<_> =
                    [CgroupV2Pids, CgroupV1Pids, RlimitProcesses].into_iter().filter(|id| *id != limit).collect();
                let alone = plan.without(&others).unwrap();
                // The attacker itself is one of them.
                assert_eq!(attack(&alone, &["fork", "60"]).0, "19", "{set_up:?} {limit}");
                tried += 1;
            }
        }
        // The counted are the job's alone: two jobs at once do not share a limit.
        if plan.has(RlimitProcesses) && plan.has(UserNamespace) {
            let alone = plan.without(&[]).unwrap();
            let both = std::thread::scope(|scope| {
                let one = scope.spawn(|| attack(&alone, &["fork", "60"]).0);
                (attack(&alone, &["fork", "60"]).0, one.join().unwrap())
            });
            assert_eq!(both, ("19".into(), "19".into()), "{set_up:?}");
        }
    }
    if tried == 0 {
        skip("quota::processes", "neither a pids controller nor a user that RLIMIT_NPROC binds");
    }
}

fn memory() {
    let policy = policy().memory_bytes(256 << 20);
    assert_eq!(attack(&plan(SetUp::Bare, &policy), &["allocate", "400"]).0, "ok 400");
    let plan = plan(SetUp::Tight, &policy);
    if !plan.has(CgroupV2Memory) && !plan.has(CgroupV1Memory) {
        assert!(plan.unmet().iter().any(|unmet| unmet.part == "memory"));
        let (_, end) = attack(&plan, &["allocate", "400"]);
        assert_ne!(end.status, Status::Exited(0), "RLIMIT_AS");
        return skip("quota::memory", "no memory controller to write to");
    }
    assert_eq!(attack(&plan, &["allocate", "100"]).0, "ok 100");
    let (text, end) = attack(&plan, &["allocate", "400"]);
    assert_eq!((text.as_str(), end.status), ("", Status::Signaled(9)));
}
