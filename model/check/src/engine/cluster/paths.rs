//! Paths to what was found: each worker looks for predecessors among its own states, and of all the least counts; so they
//! are the paths that one process would have found.

use super::node::Node;
use super::post::Failed;
use crate::engine::search::Path;
use crate::engine::system::{Packed, TransitionSystem};
use crate::engine::words::{Words, put_option, put_sighting};

impl<T: TransitionSystem> Node<'_, T> {
    /// As [`Exploration::paths`](crate::engine::Exploration::paths), by all workers together; all get all paths.
    pub(super) fn paths(&mut self, ends: &[(u32, T::State)]) -> Result<Vec<Path<T::State>>, Failed> {
        let mut paths: Vec<Path<T::State>> = ends.iter().map(|_| Path { steps: Vec::new() }).collect();
        let mut at: Vec<T::State> = ends.iter().map(|(_, state)| *state).collect();
        let deepest = ends.iter().map(|(level, _)| *level).max().unwrap_or(0);
        for level in (0..deepest).rev() {
            let wanted: Vec<usize> = (0..ends.len()).filter(|end| ends[*end].0 > level).collect();
            let targets: Vec<T::State> = wanted.iter().map(|end| at[*end]).collect();
            let mut least = self.found.predecessors(self.system, level, &targets);
            let mut words = Vec::with_capacity(least.len() * (2 + T::State::WORDS));
            for sighting in &least {
                put_option(&mut words, *sighting, |words, sighting| put_sighting(words, &sighting));
            }
            for (worker, told) in self.round(words)?.iter().enumerate() {
                let mut words = Words::new(told);
                for least in &mut least {
                    let other = words.option(Words::sighting).ok_or_else(|| self.senseless(worker))?;
                    *least = (*least).into_iter().chain(other).min();
                }
            }
            for (end, sighting) in wanted.into_iter().zip(least) {
                if let Some(sighting) = sighting {
                    at[end] = sighting.state;
                    paths[end].steps.push(sighting);
                }
            }
        }
        paths.iter_mut().for_each(|path| path.steps.reverse());
        Ok(paths)
    }
}
