//! Attacks a plan with every probe, or those named: `cargo run --example probe [bare|minimal|tight] [ID]…`.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use lacuna_hosted::{Facts, Network, Policy, SetUp, actor, probe};
    actor::enter();
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let set_up = match words.first().map(String::as_str) {
        Some("bare") => SetUp::Bare,
        Some("tight") => SetUp::Tight,
        _ => SetUp::Minimal,
    };
    words.retain(|word| !["bare", "minimal", "tight"].contains(&word.as_str()));
    let policy = Policy::new().system().network(Network::None).processes(64).memory_bytes(256 << 20);
    let plan = set_up.plan(&policy, &Facts::detect()?)?;
    let named: Vec<_> = words.iter().filter_map(|id| probe::find(id)).collect();
    let probes = if words.is_empty() { probe::all() } else { named };
    let start = std::time::Instant::now();
    for row in probe::run_some(&plan, &probes, 20) {
        println!("{:20} {:22} {}", row.id, row.outcome.name(), row.evidence);
        println!("{:43} control {}", "", row.control);
        if !words.is_empty() {
            println!("{:43} {:?} {:?}", "", row.decided, row.numbers);
        }
    }
    println!("{} probes in {} ms", probes.len(), start.elapsed().as_millis());
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("these probes are for Linux");
}
