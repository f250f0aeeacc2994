//! How many different keys each peer owns, in bounded memory.
//!
//! Keys are counted exactly up to [`KEYS_EXACT_MAX`] a worker. Beyond, only keys whose hash ends in `level`
//! zero bits are kept, and each stands for `2^level` (Wegman's adaptive sampling): the whole count is then
//! off by about 1 %.

use std::collections::HashMap;

/// Keys that one worker remembers, in about 2 MB.
const KEYS_EXACT_MAX: usize = 64 * 1024;

/// Different keys by owner.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// The owner's index by the key's hash.
    owners: HashMap<u64, u16>,
    level: u32,
}

impl Census {
    /// Notes a key's hash and its owner's place in the network.
    pub(super) fn note(&mut self, hash: u64, owner: usize) {
        let owner = u16::try_from(owner).expect("a ring counts its peers in 16 bits");
        if hash.trailing_zeros() >= self.level {
            self.owners.insert(hash, owner);
            while self.owners.len() > KEYS_EXACT_MAX {
                self.level += 1;
                self.owners.retain(|hash, _| hash.trailing_zeros() >= self.level);
            }
        }
    }

    /// Adds the different keys of each owner to `keys`.
    pub(super) fn add_to(&self, keys: &mut [u64]) {
        for &owner in self.owners.values() {
            keys[usize::from(owner)] += 1 << self.level;
        }
    }

    /// Whether the counts are estimates.
    pub(super) fn is_estimate(&self) -> bool {
        self.level > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn census(keys: u64) -> (Census, [u64; 2]) {
        let mut census = Census::default();
        for key in (0..keys).chain(0..keys / 2) {
            census.note(xxh3_64(&key.to_le_bytes()), (key % 4 == 0).into());
        }
        let mut counts = [0; 2];
        census.add_to(&mut counts);
        (census, counts)
    }

    #[test]
    fn few_keys_are_counted_exactly_and_once() {
        let (census, counts) = census(60_000);
        assert_eq!((counts, census.is_estimate()), ([45_000, 15_000], false));
    }

    #[test]
    fn many_keys_are_estimated_in_bounded_memory() {
        let (census, counts) = census(1_000_000);
        assert!(census.is_estimate() && census.owners.len() <= KEYS_EXACT_MAX);
        for (count, truth) in counts.into_iter().zip([750_000.0, 250_000.0]) {
            let off = (count as f64 / truth - 1.0).abs();
            assert!(off < 0.03, "{count} for {truth}");
        }
    }
}
