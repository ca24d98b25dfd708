//! Exact descriptors: what the supervisor leaks reaches a bare job, and not one that starts with a list.
//!
//!     cargo run -p lacuna-hosted --example exact_descriptors

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Read;

    use lacuna_hosted::{Facts, Policy, PrimitiveId, SetUp};

    let minimal = SetUp::Minimal.plan(&Policy::new(), &Facts::detect()?)?;
    // What a library does that has not heard of close-on-exec.
    let leaked = rustix::io::dup(std::fs::File::open("/dev/null")?)?;
    let passed = std::fs::File::open("/dev/zero")?;
    for keep in [&[][..], &[PrimitiveId::ExactDescriptors]] {
        let plan = minimal.only(keep)?;
        let script = "for fd in /proc/self/fd/*; do [ -e $fd ] && echo -n \"${fd##*/} \"; done";
        let mut job = plan.command("sh").args(["-c", script]).pass(&passed, 7).spawn()?;
        let mut open = String::new();
        job.output().read_to_string(&mut open)?;
        job.wait()?;
        println!("with {keep:?}: {open}");
    }
    drop(leaked);
    Ok(())
}
