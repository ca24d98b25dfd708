//! Systems that several tests explore.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use lacuna_check::engine::{Edge, Marks, TransitionSystem, Unrepresentable};

/// A random graph of numbered nodes with marks and deadlocks, drawn from a seed; the number of a node is spread over `W`
/// words.
#[derive(Debug, Clone, Copy)]
pub struct Graph<const W: usize> {
    pub nodes: u64,
    /// At most so many edges leave a node.
    pub degree: u64,
    pub seed: u64,
    /// Of so many edges one leads anywhere, and the others to a node that is near: so there is depth.
    pub far: u64,
    /// Of so many edges, or nodes, one has a mark, or may not stop.
    pub rare: u64,
}

fn draw(seed: u64, of: u64) -> u64 {
    let mut x = seed ^ of.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..3 {
        x = (x ^ (x >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
    }
    x ^ (x >> 33)
}

impl<const W: usize> Graph<W> {
    /// Deep, with few marks.
    pub const fn deep(nodes: u64, degree: u64, seed: u64) -> Self {
        Self { nodes, degree, seed, far: 256, rare: 997 }
    }

    /// Wide, with some marks even if it is small.
    pub const fn wide(nodes: u64, degree: u64, seed: u64) -> Self {
        Self { nodes, degree, seed, far: 4, rare: 97 }
    }

    /// The state of a node: all zeroes for 0; words beyond the first are functions of it, so equal nodes are equal states.
    pub fn state(node: u64) -> [u64; W] {
        std::array::from_fn(|word| if word == 0 { node } else { node.wrapping_mul(word as u64) >> (word % 7) })
    }

    /// Where the edges of a node lead, and their marks.
    pub fn successors(&self, node: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let Self { nodes, seed, far, rare, .. } = *self;
        (0..draw(seed, node * 64) % (self.degree + 1)).map(move |edge| {
            let drawn = draw(seed, node * 64 + 1 + edge);
            let to = if drawn.is_multiple_of(far) { drawn / far % nodes } else { (node + drawn / far % 64) % nodes };
            let marks = u64::from(draw(seed, drawn).is_multiple_of(rare)) | u64::from(to % rare == 7 % rare) << 1;
            (to, marks)
        })
    }

    /// May it stop here?
    pub fn may_stop_at(&self, node: u64) -> bool {
        node % self.rare != 12 % self.rare
    }
}

/// It keeps to what is wanted: what nobody wants is not marked.
impl<const W: usize> TransitionSystem for Graph<W> {
    type State = [u64; W];
    type Scratch = Marks;

    fn scratch(&self) -> Marks {
        Marks::MAX
    }

    fn want(&self, wants: &mut Marks, wanted: Marks) {
        *wants = wanted;
    }

    fn initial(&self) -> Vec<[u64; W]> {
        [0, 1].map(Self::state).to_vec()
    }

    fn edges(
        &self,
        wants: &mut Marks,
        state: &[u64; W],
        mut visit: impl FnMut(Edge<[u64; W]>),
    ) -> Result<(), Unrepresentable> {
        for (label, (to, marks)) in (0..).zip(self.successors(state[0])) {
            visit(Edge { after: Self::state(to), marks: marks & *wants, label });
        }
        Ok(())
    }

    fn may_stop(&self, state: &[u64; W]) -> bool {
        self.may_stop_at(state[0])
    }
}

/// A system of one word, by hand: where it starts, and where the edges of a state lead.
pub struct Small {
    pub starts: Vec<u64>,
    pub after: fn(u64) -> Result<Vec<u64>, Unrepresentable>,
}

impl Small {
    /// It counts from 0 for ever, in steps of 2^60; the sixteenth does not fit.
    pub fn overflowing() -> Self {
        let after = |at: u64| Ok(vec![at.checked_add(1 << 60).ok_or(Unrepresentable("a counter of steps"))?]);
        Self { starts: vec![0], after }
    }

    /// It counts to 999.
    pub fn thousand(starts: Vec<u64>) -> Self {
        Self { starts, after: |at| Ok(if at < 999 { vec![at + 1] } else { Vec::new() }) }
    }
}

impl TransitionSystem for Small {
    type State = [u64; 1];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; 1]> {
        self.starts.iter().map(|start| [*start]).collect()
    }

    fn edges(
        &self,
        (): &mut (),
        [at]: &[u64; 1],
        mut visit: impl FnMut(Edge<[u64; 1]>),
    ) -> Result<(), Unrepresentable> {
        (0..).zip((self.after)(*at)?).for_each(|(label, after)| visit(Edge::new([after], label)));
        Ok(())
    }
}

/// The edges of a state.
pub fn edges_of<T: TransitionSystem>(system: &T, state: &T::State) -> Vec<Edge<T::State>> {
    let mut edges = Vec::new();
    system.edges(&mut system.scratch(), state, |edge| edges.push(edge)).expect("every edge fits");
    edges
}
