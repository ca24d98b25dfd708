//! A random graph of numbered nodes with marks and deadlocks, of any width of a state.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use lacuna_check::engine::{Edge, TransitionSystem, Unrepresentable};

/// Drawn from a seed; the number of a node is spread over `W` words.
#[derive(Debug, Clone, Copy)]
pub struct Graph<const W: usize> {
    pub nodes: u64,
    pub degree: u64,
    pub seed: u64,
}

fn draw(seed: u64, of: u64) -> u64 {
    let mut x = seed ^ of.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..3 {
        x = (x ^ (x >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
    }
    x ^ (x >> 33)
}

impl<const W: usize> TransitionSystem for Graph<W> {
    type State = [u64; W];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; W]> {
        vec![[0; W], std::array::from_fn(|word| 1 + word as u64)]
    }

    fn edges(
        &self,
        (): &mut (),
        state: &[u64; W],
        mut visit: impl FnMut(Edge<[u64; W]>),
    ) -> Result<(), Unrepresentable> {
        let node = state[0];
        for edge in 0..draw(self.seed, node * 64) % (self.degree + 1) {
            // Mostly near ones, so that there is depth.
            let drawn = draw(self.seed, node * 64 + 1 + edge);
            let to = if drawn.is_multiple_of(256) {
                drawn / 256 % self.nodes
            } else {
                (node + drawn / 256 % 64) % self.nodes
            };
            let marks = u64::from(draw(self.seed, drawn).is_multiple_of(997)) | u64::from(to % 1000 == 7) << 1;
            let after = std::array::from_fn(|word| if to == 0 { 0 } else { to + word as u64 });
            visit(Edge { after, marks, label: edge as u32 });
        }
        Ok(())
    }

    fn may_stop(&self, state: &[u64; W]) -> bool {
        state[0] % 1013 != 12
    }
}
