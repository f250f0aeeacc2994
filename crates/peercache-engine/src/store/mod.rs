//! The store: every operation of memcached on a bounded set of items.
//!
//! Keys are dealt to shards by their hash, and each operation happens under the lock of one shard, so it is
//! atomic, and two threads rarely meet. A value is copied in and out under that lock: nobody ever holds a
//! piece of the store, so nothing is counted and nothing is freed late.
//!
//! Keys are 1 to 250 bytes of any kind: what the protocol allows in a key is the protocol's affair.

use crate::classes::{ClassValues, Classes};
use crate::counters::CounterValues;
use crate::shard::{Hashed, Hasher, Numbering, Room, Shard, VERSIONS, segment_bytes};
use crate::sync::{Mutex, MutexGuard, RandomState};
use crate::time::{Death, Now};
use std::hash::{BuildHasher, Hasher as _};
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::sync::PoisonError;

mod count;
mod delete;
mod item;
mod list;
mod parcel;
mod read;
mod write;

pub use count::{Count, Counted};
pub use delete::{Delete, Deleted};
pub use item::Item;
pub use list::Cursor;
pub use parcel::Parcel;
pub use read::{Hit, Lease, Read, Recache};
pub use write::{Put, Stored, Written};

/// The most shards, each with a lock of its own.
const SHARDS_MAX: u64 = 128;

/// A shard has room for at least so many of the largest items, so that one of them does not empty it.
const LARGEST_ITEMS_PER_SHARD_MIN: u64 = 4;

/// Versions of a new store begin so many further for each second, which is behind those that an earlier
/// process can have given that did not run for days.
const VERSIONS_PER_SECOND: u64 = 1 << 21;

/// What to do when there is no room for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Let others go.
    Evict,
    /// Refuse it (memcached's `-M`).
    Refuse,
}

/// Whether items have versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// They do.
    Kept,
    /// All of them are 0, and no `cas` succeeds (memcached's `-C`).
    Off,
}

/// How a store is set up.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The most bytes that it takes: items, keys, tables and what it needs to move items.
    pub memory_bytes: NonZeroU64,
    /// The largest item, in bytes as memcached counts them ([`crate::item_bytes`]).
    pub item_bytes_max: usize,
    /// What to do when there is no room.
    pub when_full: WhenFull,
    /// Whether items have versions.
    pub versions: Versions,
}

/// How large the table is that finds items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableSize {
    /// The bytes that it takes.
    pub bytes: u64,
    /// Its buckets, of up to twelve items each.
    pub buckets: u64,
}

/// A bounded set of items, shared by threads.
#[derive(Debug)]
pub struct Store {
    /// A power of two of them.
    shards: Box<[Padded]>,
    hasher: Hasher,
    item_bytes_max: usize,
}

/// A shard on cache lines of its own: neighbours must not wait for each other's locks.
#[derive(Debug)]
#[repr(align(128))]
struct Padded(Mutex<Shard>);

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(options: Options, now: Now) -> Self {
        let count = shards(options.memory_bytes.get(), options.item_bytes_max);
        let bytes_max = usize::try_from(options.memory_bytes.get() / count).unwrap_or(usize::MAX);
        let hasher = Hasher(RandomState::default().build_hasher().finish());
        // In the lower half, so that those of this process go on for long.
        let first_version = now.unix_s.wrapping_mul(VERSIONS_PER_SECOND) % (VERSIONS / 2);
        let shard = |number| {
            let room = Room::new(bytes_max, options.when_full);
            let numbering = Numbering { last: first_version + number, step: count };
            let numbering = (options.versions == Versions::Kept).then_some(numbering);
            Padded(Mutex::new(Shard::new(room, hasher, numbering)))
        };
        Self { shards: (0..count).map(shard).collect(), hasher, item_bytes_max: options.item_bytes_max }
    }

    /// Lets everything go, now or when `exptime` has come (memcached's expiry; 0 and below is now). What is
    /// stored after this returned lives, even within the same second.
    pub fn flush_all(&self, exptime: i64, now: Now) {
        let death = Death::of(exptime.max(0), now);
        self.shards.iter().for_each(|shard| shard.begin(now).flush(death, now));
    }

    /// Changes how much memory it may take; it takes no more than that when this returns. How the keys are
    /// dealt does not change, so very little of it may be too little for the largest items.
    pub fn set_memory_bytes(&self, memory_bytes: NonZeroU64, now: Now) {
        let bytes_max = memory_bytes.get() / self.shards.len() as u64;
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        self.shards.iter().for_each(|shard| shard.begin(now).set_bytes_max(bytes_max, now));
    }

    /// What was counted, and what there is.
    #[must_use]
    pub fn counters(&self) -> CounterValues {
        let mut sum = CounterValues::default();
        self.shards.iter().for_each(|shard| sum.add(&shard.lock().counters()));
        sum
    }

    /// The same of each size class of which there is or was anything.
    #[must_use]
    pub fn classes(&self) -> Vec<ClassValues> {
        let mut sum = Classes::default();
        self.shards.iter().for_each(|shard| sum.add(&shard.lock().classes));
        sum.values()
    }

    /// The bytes that the table takes which finds items, and in how many buckets.
    #[must_use]
    pub fn table_size(&self) -> TableSize {
        let mut size = TableSize::default();
        for shard in &self.shards {
            let (bytes, buckets) = shard.lock().table_size();
            size.bytes += bytes as u64;
            size.buckets += buckets as u64;
        }
        size
    }

    /// Starts counting from 0 again.
    pub fn reset_counters(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.counters = CounterValues::default();
            shard.classes.reset();
        }
    }

    /// Takes back the memory of items that have expired. It holds no lock for longer than one segment takes,
    /// and calls `pause` between steps, which may wait there, or break it off.
    pub fn reclaim(&self, now: Now, mut pause: impl FnMut() -> ControlFlow<()>) {
        for shard in &self.shards {
            let mut next = Some(0);
            while let Some(from) = next {
                next = shard.lock().reclaim(from, now);
                if pause().is_break() {
                    return;
                }
            }
        }
    }

    /// The shard of a key, to oneself.
    #[inline]
    fn shard<'a>(&self, key: &'a [u8], now: Now) -> (MutexGuard<'_, Shard>, Hashed<'a>) {
        let hash = self.hasher.hash(key);
        (self.shards[self.shard_of(hash)].begin(now), Hashed { key, hash })
    }

    /// The top bits of a hash; a table uses those at the other end.
    fn shard_of(&self, hash: u64) -> usize {
        (hash >> 32) as usize >> (32 - self.shards.len().trailing_zeros())
    }
}

impl Padded {
    /// No operation panics half-way unless memory runs out, and then the process ends.
    fn lock(&self) -> MutexGuard<'_, Shard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, now: Now) -> MutexGuard<'_, Shard> {
        let mut shard = self.lock();
        shard.begin(now);
        shard
    }
}

/// How many shards for so much memory: a power of two.
fn shards(memory_bytes: u64, item_bytes_max: usize) -> u64 {
    let largest = segment_bytes(usize::MAX).max(item_bytes_max) as u64;
    let most = (memory_bytes / (largest * LARGEST_ITEMS_PER_SHARD_MIN)).clamp(1, SHARDS_MAX);
    // The largest power of two that is not above it.
    1 << most.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_many_but_large_enough_for_the_largest_items() {
        let (mib, gib) = (1 << 20, 1 << 30);
        assert_eq!(shards(mib, 1 << 20), 1);
        assert_eq!(shards(64 * mib, 1 << 20), 16);
        assert_eq!(shards(8 * mib, 1 << 10), 32);
        assert_eq!(shards(100 * gib, 1 << 20), 128);
    }
}
