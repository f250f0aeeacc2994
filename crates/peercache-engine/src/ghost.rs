//! Which keys have just gone: two bytes for each, so that one that comes back is known.
//!
//! A bucket is eight fingerprints in the order in which they came; a ninth pushes the oldest out.
//! Fingerprints collide, so about one key in 8,000 is remembered that never was there; it gets a better place
//! than it deserves, once.

use crate::memory::Queue;

/// The fingerprints of a bucket.
const BUCKET_KEYS: usize = 8;

const FINGERPRINT_BITS: usize = 16;

/// Keys that have gone from either queue.
#[derive(Debug, Default)]
pub(crate) struct Ghosts {
    small: Ghost,
    main: Ghost,
}

impl Ghosts {
    /// The bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.small.bytes() + self.main.bytes()
    }

    /// Have room for so many keys of each queue. When one grows it forgets, which is before most go.
    pub(crate) fn fit(&mut self, keys: usize) {
        self.small.fit(keys);
        self.main.fit(keys);
    }

    /// Remembers that a key has gone from a queue.
    pub(crate) fn add(&mut self, from: Queue, hash: u64) {
        match from {
            Queue::Small => self.small.add(hash),
            Queue::Main => self.main.add(hash),
        }
    }

    /// The queue from which a key has just gone, if it is remembered; it is forgotten.
    pub(crate) fn forget(&mut self, hash: u64) -> Option<Queue> {
        if self.small.forget(hash) {
            Some(Queue::Small)
        } else {
            self.main.forget(hash).then_some(Queue::Main)
        }
    }

    /// How many keys are remembered of a queue.
    pub(crate) const fn keys(&self, from: Queue) -> usize {
        match from {
            Queue::Small => self.small.keys,
            Queue::Main => self.main.keys,
        }
    }
}

/// Keys that have gone from one queue.
#[derive(Debug, Default)]
struct Ghost {
    /// A power of two of them, or none.
    buckets: Vec<u128>,
    /// The fingerprints in them.
    keys: usize,
}

impl Ghost {
    fn bytes(&self) -> usize {
        self.buckets.len() * size_of::<u128>()
    }

    fn fit(&mut self, keys: usize) {
        if self.buckets.len() * BUCKET_KEYS < keys {
            self.buckets = vec![0; keys.div_ceil(BUCKET_KEYS).next_power_of_two()];
            self.keys = 0;
        }
    }

    fn add(&mut self, hash: u64) {
        let fingerprint = fingerprint(hash);
        if let Some(bucket) = self.bucket(hash) {
            let pushed_out = *bucket >> (128 - FINGERPRINT_BITS);
            *bucket = (*bucket << FINGERPRINT_BITS) | fingerprint;
            self.keys += usize::from(pushed_out == 0);
        }
    }

    /// Whether a key has just gone; it is forgotten.
    fn forget(&mut self, hash: u64) -> bool {
        let fingerprint = fingerprint(hash);
        let Some(bucket) = self.bucket(hash) else { return false };
        for shift in (0..128).step_by(FINGERPRINT_BITS) {
            if (*bucket >> shift) & 0xffff == fingerprint {
                *bucket &= !(0xffff << shift);
                self.keys -= 1;
                return true;
            }
        }
        false
    }

    fn bucket(&mut self, hash: u64) -> Option<&mut u128> {
        let mask = self.buckets.len().wrapping_sub(1);
        self.buckets.get_mut(hash as usize & mask)
    }
}

/// Other bits of the hash than those that choose a bucket; 0 stands for none.
fn fingerprint(hash: u64) -> u128 {
    u128::from(((hash >> 40) as u16).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_have_gone_are_remembered_once() {
        let mut ghost = Ghost::default();
        assert!(!ghost.forget(5 << 40));
        ghost.fit(8);
        for key in 1..=9u64 {
            ghost.add(key << 40);
        }
        assert!(!ghost.forget(1 << 40), "the first of nine is pushed out");
        for key in 2..=9u64 {
            assert!(ghost.forget(key << 40) && !ghost.forget(key << 40));
        }
    }

    #[test]
    fn it_grows_and_does_not_shrink() {
        let mut ghost = Ghost::default();
        ghost.fit(1_000);
        assert_eq!(ghost.bytes(), 128 * 16);
        ghost.add(77 << 40);
        ghost.fit(900);
        assert!(ghost.forget(77 << 40), "it does not forget while it has room");
    }
}
