//! Measures the spawn leak under each way of making descriptors: `cargo run --release --example spawn_leak [SPAWNS]`.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use lacuna_hosted::measure::spawn_leak::{Effort, Mode, Script, measure};
    let mut effort = Effort::default();
    if let Some(spawns) = std::env::args().nth(1) {
        effort.spawns = spawns.parse()?;
    }
    for mode in Mode::ALL {
        match measure(&Script::default(), mode, effort) {
            Ok(seen) => {
                let spawn = seen.spawn.map_or_else(String::new, |s| format!("; spawn {s}"));
                println!("{:32} {}{spawn}", mode.name(), seen.leaks);
            }
            Err(error) => println!("{:32} {error}", mode.name()),
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("this meter is for Linux");
}
