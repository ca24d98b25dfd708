//! Lets a bounded fork bomb loose under every limit: `cargo run --release --example fork_bomb [LIMIT] [RUNS]`.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use lacuna_hosted::measure::fork_bomb::{Mode, measure};
    use lacuna_hosted::measure::tree::Tree;
    let mut arguments = std::env::args().skip(1);
    let limit = arguments.next().map_or(Ok(64), |a| a.parse())?;
    let runs = arguments.next().map_or(Ok(5), |a| a.parse())?;
    for mode in Mode::ALL {
        match measure(&Tree::bomb(3 * limit), mode, limit, runs) {
            Ok(seen) => println!(
                "{:34} at most {} at once, limit {limit}, {} forks tried; exceeded in {} of {runs} runs ({})",
                mode.name(),
                seen.peak,
                seen.tries,
                seen.exceeded,
                seen.judge
            ),
            Err(error) => println!("{:34} {error}", mode.name()),
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("this meter is for Linux");
}
