//! A seccomp filter: what is refused, seen without installing it, and then by a job.
//!
//!     cargo run -p lacuna-hosted --example seccomp_filter

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Read;

    use lacuna_hosted::linux::filter::{Deny, Test, assemble, interpret};
    use lacuna_hosted::linux::seccomp::ARCHITECTURE;
    use lacuna_hosted::{Facts, Policy, PrimitiveId, SetUp};

    let forge_input = Test::Is { argument: 1, mask: u32::MAX, value: 0x5412 };
    let ioctl = libc::SYS_ioctl as u32;
    let program = assemble(ARCHITECTURE, &[Deny { call: ioctl, when: vec![forge_input], errno: 1 }]);
    for request in [0x5412u64, 0x1_0000_5412, 0x5413] {
        let decided = interpret(&program, ARCHITECTURE, ioctl, [0, request, 0, 0, 0, 0]);
        println!("ioctl {request:#x}: {}", decided.map_or("allowed".into(), |errno| format!("errno {errno}")));
    }

    let minimal = SetUp::Minimal.plan(&Policy::new(), &Facts::detect()?)?;
    let plan = minimal.only(&[PrimitiveId::NoNewPrivileges, PrimitiveId::SeccompSurface])?;
    let mut job = plan.command("unshare").args(["--user", "--map-root-user", "id"]).spawn()?;
    let mut said = String::new();
    job.output().read_to_string(&mut said)?;
    println!("{said}{:?}", job.wait()?.status);
    Ok(())
}
