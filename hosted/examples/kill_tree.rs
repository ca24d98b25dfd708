//! Kills a tree in every way and counts survivors: `cargo run --release --example kill_tree [MEMBERS] [RUNS]`.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use lacuna_hosted::measure::kill::{Mode, measure};
    use lacuna_hosted::measure::tree::Tree;
    let mut arguments = std::env::args().skip(1);
    let members = arguments.next().map_or(Ok(40), |a| a.parse())?;
    let runs = arguments.next().map_or(Ok(20), |a| a.parse())?;
    for (shape, tree) in [("setsid + double fork", Tree::escapees(members)), ("relay forkers", Tree::relays(8))] {
        println!("{shape}");
        for mode in Mode::ALL {
            match measure(&tree, mode, runs) {
                Ok(seen) => {
                    println!(
                        "  {:16} {} of {} members survived; runs {}",
                        mode.name(),
                        seen.survivors,
                        seen.members,
                        seen.survived
                    );
                    for (what, times) in [("death", seen.last_death), ("reap", seen.last_reap)] {
                        times.iter().for_each(|t| println!("      last {what:5} {t} ({})", seen.judge));
                    }
                }
                Err(error) => println!("  {:16} {error}", mode.name()),
            }
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("this meter is for Linux");
}
