//! Which keys have just gone: two bytes for each, so that one that comes back is known.
//!
//! A bucket is eight fingerprints in the order in which they came; a ninth pushes the oldest out.
//! Fingerprints collide, so about one key in 8,000 is remembered that never was there; it gets a better place
//! than it deserves, once.

/// The fingerprints of a bucket.
const BUCKET_KEYS: usize = 8;

/// Keys that have gone.
#[derive(Debug, Default)]
pub(crate) struct Ghost {
    /// A power of two of them, or none.
    buckets: Vec<u128>,
}

impl Ghost {
    /// The bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.len() * size_of::<u128>()
    }

    /// Has room for so many keys. When it grows it forgets, which is before most go.
    pub(crate) fn fit(&mut self, keys: usize) {
        if self.buckets.len() * BUCKET_KEYS < keys {
            self.buckets = vec![0; keys.div_ceil(BUCKET_KEYS).next_power_of_two()];
        }
    }

    /// Remembers that a key has gone.
    pub(crate) fn add(&mut self, hash: u64) {
        let fingerprint = fingerprint(hash);
        if let Some(bucket) = self.bucket(hash) {
            *bucket = (*bucket << 16) | fingerprint;
        }
    }

    /// Whether a key has just gone; it is forgotten.
    pub(crate) fn forget(&mut self, hash: u64) -> bool {
        let fingerprint = fingerprint(hash);
        let Some(bucket) = self.bucket(hash) else { return false };
        for shift in (0..128).step_by(16) {
            if (*bucket >> shift) & 0xffff == fingerprint {
                *bucket &= !(0xffff << shift);
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
