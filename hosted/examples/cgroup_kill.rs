//! A cgroup killed as one: processes that left their parent, their session and their process group die with it.
//!
//!     cargo run -p lacuna-hosted --example cgroup_kill

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use lacuna_hosted::{Facts, Policy, PrimitiveId, SetUp};

    let tight = SetUp::Tight.plan(&Policy::new(), &Facts::detect()?)?;
    let plan = tight.only(&[PrimitiveId::Guardian, PrimitiveId::CgroupV2])?;
    if !plan.has(PrimitiveId::CgroupV2) {
        println!("no cgroup of version 2 to write to; {:?} keeps account instead", plan.judge());
    }
    let script = "for i in $(seq 50); do setsid sleep 1000 >/dev/null 2>&1 & done; sleep 1000";
    let mut job = plan.command("sh").args(["-c", script]).spawn()?;
    std::thread::sleep(std::time::Duration::from_millis(500));
    println!("{} processes; the kill took {:?} until the last was dead", job.members()?.len(), job.kill()?);
    let end = job.wait()?;
    println!(
        "{:?}, nobody left by the word of {:?}, the last reaped after {:?}",
        end.status, end.account, end.reap_duration
    );
    Ok(())
}
