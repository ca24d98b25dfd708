//! Whose a state is.

/// Which of so many workers a state belongs to. The hash is mixed once more: a table in which all have the upper bits of
/// their hash in common would be searched from end to end.
#[inline]
pub(super) fn owner(hash: u64, workers: usize) -> usize {
    let mixed = (hash ^ 0x1369_8cae_f1b5_7c2d).wrapping_mul(0xa24b_aed4_963e_e407);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0x9fb2_1c65_1e98_df25);
    ((u128::from(mixed) * workers as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::seen::hash;

    #[test]
    fn what_one_worker_owns_is_spread_over_its_table() {
        for workers in [2, 3, 8, 64] {
            let (mut owned, mut homes) = (vec![0_u32; workers], [0_u32; 64]);
            for word in 0..64 * 64 * 64 {
                let hash = hash(&[word * 8]);
                owned[owner(hash, workers)] += 1;
                if owner(hash, workers) == workers / 2 {
                    homes[(hash >> 58) as usize] += 1;
                }
            }
            let mean = 64 * 64 * 64 / workers as u32;
            assert!(owned.iter().all(|count| count.abs_diff(mean) < mean / 10), "{workers} workers: {owned:?}");
            // Few in each, so they scatter more.
            let mean = mean / 64;
            let off = mean / 10 + 6 * mean.isqrt();
            assert!(homes.iter().all(|count| count.abs_diff(mean) < off), "{workers} workers: {homes:?}");
        }
    }
}
