//! A process namespace: the job sees itself alone, and the death of its init is everyone's. No privilege needed.
//!
//!     cargo run -p lacuna-hosted --example pid_namespace

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Read;

    use lacuna_hosted::{Facts, Policy, PrimitiveId, SetUp};

    let minimal = SetUp::Minimal.plan(&Policy::new(), &Facts::detect()?)?;
    let plan = minimal.only(&[PrimitiveId::Guardian, PrimitiveId::UserNamespace, PrimitiveId::PidNamespace])?;
    let script = "echo I am process $$, my parent is $PPID; (setsid sleep 1000 >/dev/null 2>&1 &)";
    let mut job = plan.command("sh").args(["-c", script]).spawn()?;
    let mut said = String::new();
    job.output().read_to_string(&mut said)?;
    let end = job.wait()?;
    println!("{said}{} survived it and was killed with the namespace in {:?}", end.survivors, end.kill_duration);
    println!("tracking is {:?}", end.effective().tracking);
    Ok(())
}
