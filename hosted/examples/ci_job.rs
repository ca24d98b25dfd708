//! What the author of a CI runner writes: a policy, a plan, what is required of it, and a job that cannot outlive it.
//!
//!     cargo run -p lacuna-hosted --example ci_job -- DIRECTORY COMMAND [ARGUMENT]…

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::time::Duration;

    use lacuna_hosted::{Access, Facts, Network, Policy, SetUp};
    use lacuna_model::guarantee::GuaranteeId::{G2, G3, G4, G6, G7};

    let mut words = std::env::args().skip(1);
    let (Some(directory), Some(program)) = (words.next(), words.next()) else {
        return Err("usage: ci_job DIRECTORY COMMAND [ARGUMENT]…".into());
    };
    let policy = Policy::new()
        .system()
        .dir(&directory, Access::ALL)
        .network(Network::None)
        .processes(256)
        .memory_bytes(2 << 30)
        .deadline(Duration::from_secs(600));
    let plan = SetUp::Tight.plan(&policy, &Facts::detect()?)?;
    for step in plan.steps() {
        eprintln!("{:20} {}", step.primitive, step.about);
    }
    plan.require([G2, G3, G4, G6, G7])?;
    let mut job = plan.command(&program).args(words).cwd(&directory).spawn()?;
    std::io::copy(&mut job.output(), &mut std::io::stdout())?;
    let end = job.wait()?;
    eprintln!("{:?}, {:?}, {} survivors, last death {:?}", end.status, end.cause, end.survivors, end.kill_duration);
    Ok(())
}
