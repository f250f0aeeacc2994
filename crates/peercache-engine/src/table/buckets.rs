//! Buckets of one cache line, numbered from 0: what a table is made of.
//!
//! They are allocated a page's worth at a time, and never move: one more costs no more than a page, however
//! many there are.

use crate::memory::Place;
use std::ops::{Index, IndexMut};

/// The entries of a bucket: with 5 bytes each and a link they fill the 64 bytes of a cache line.
pub(super) const BUCKET_ENTRIES: usize = 12;

/// How many are allocated at a time.
const BLOCK_BUCKETS: usize = 64;

/// No bucket.
pub(super) const NO_BUCKET: u32 = u32::MAX;

/// Up to twelve entries whose hashes end in the same bits.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Bucket {
    pub(super) places: [Place; BUCKET_ENTRIES],
    /// A byte of the hash of each; 0 where there is no entry.
    pub(super) tags: [u8; BUCKET_ENTRIES],
    /// Where it goes on, for want of room.
    pub(super) spill: u32,
}

impl Bucket {
    pub(super) const EMPTY: Self =
        Self { places: [Place::NONE; BUCKET_ENTRIES], tags: [0; BUCKET_ENTRIES], spill: NO_BUCKET };
}

/// Buckets in blocks.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    blocks: Vec<Box<[Bucket]>>,
    len: usize,
}

impl Buckets {
    /// One more, which is empty; says its number.
    pub(super) fn push(&mut self) -> usize {
        if self.len == self.blocks.len() * BLOCK_BUCKETS {
            self.blocks.push(vec![Bucket::EMPTY; BLOCK_BUCKETS].into_boxed_slice());
        }
        self.len += 1;
        self.len - 1
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The bytes that they take.
    pub(super) const fn bytes(&self) -> usize {
        self.blocks.len() * BLOCK_BUCKETS * size_of::<Bucket>()
    }
}

impl Index<usize> for Buckets {
    type Output = Bucket;

    #[inline]
    fn index(&self, number: usize) -> &Bucket {
        &self.blocks[number / BLOCK_BUCKETS][number % BLOCK_BUCKETS]
    }
}

impl IndexMut<usize> for Buckets {
    #[inline]
    fn index_mut(&mut self, number: usize) -> &mut Bucket {
        &mut self.blocks[number / BLOCK_BUCKETS][number % BLOCK_BUCKETS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_cache_line() {
        assert_eq!(size_of::<Bucket>(), 64);
    }

    #[test]
    fn one_more_takes_no_more_than_a_page() {
        let mut buckets = Buckets::default();
        for number in 0..10_000 {
            let before = buckets.bytes();
            assert_eq!(buckets.push(), number);
            assert!(buckets.bytes() - before <= 4096, "{number}");
        }
        assert!(buckets.bytes() - buckets.len() * 64 < 4096);
    }
}
