//! Landlock: the job writes in its directory, and reads nothing that was not granted. No privilege needed.
//!
//!     cargo run -p lacuna-hosted --example landlock_files

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Read;

    use lacuna_hosted::{Access, Facts, Policy, PrimitiveId, SetUp};

    let directory = tempfile::tempdir()?;
    let policy = Policy::new().system().dir(directory.path(), Access::ALL);
    let minimal = SetUp::Minimal.plan(&policy, &Facts::detect()?)?;
    let plan = minimal.only(&[PrimitiveId::NoNewPrivileges, PrimitiveId::LandlockFiles])?;
    let script =
        "echo mine > here && cat here; cat /etc/passwd; echo no > /tmp/elsewhere; stat -c '%n is seen' /etc/passwd";
    let mut job = plan.command("/bin/sh").args(["-c", script]).cwd(directory.path()).spawn()?;
    let mut said = String::new();
    job.output().read_to_string(&mut said)?;
    job.wait()?;
    println!("{said}(that it is seen is a known hole: see private-root)");
    Ok(())
}
