//! How much there is room for: weights, shards, and who has to go.

use crate::counters::Counters;
use crate::item::Item;
use crate::store::{Options, WhenFull};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};
use std::sync::Arc;

/// What an item takes beside its key and value: three allocations, an entry of the cache, a place in its
/// table and a share of the keys that it remembers after they have gone. Measured by `tests/memory.rs`.
pub(crate) const ITEM_OVERHEAD_BYTES: u64 = 192;

/// The most shards, each with a lock of its own.
const SHARDS_MAX: u64 = 64;

/// A shard has room for at least so many of the largest items, so that one of them does not empty it.
const LARGEST_ITEMS_PER_SHARD_MIN: u64 = 8;

/// What a typical item takes, in bytes. It only sets how many keys are remembered after they have gone, so
/// being wrong by a factor of ten costs a little hit rate.
const TYPICAL_ITEM_BYTES: u64 = 1024;

pub(crate) type Items = Cache<Box<[u8]>, Arc<Item>, Bytes, DefaultHashBuilder, Evictions>;

/// Weighs items in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes;

impl Weighter<Box<[u8]>, Arc<Item>> for Bytes {
    fn weight(&self, key: &Box<[u8]>, item: &Arc<Item>) -> u64 {
        weight(key.len(), item.value().len())
    }
}

pub(crate) const fn weight(key_bytes: usize, value_bytes: usize) -> u64 {
    key_bytes as u64 + value_bytes as u64 + ITEM_OVERHEAD_BYTES
}

/// Counts who has to go, or lets nobody go.
#[derive(Debug, Clone)]
pub(crate) struct Evictions {
    counters: Arc<Counters>,
    when_full: WhenFull,
    rest: DefaultLifecycle<Box<[u8]>, Arc<Item>>,
}

impl Lifecycle<Box<[u8]>, Arc<Item>> for Evictions {
    type RequestState =
        <DefaultLifecycle<Box<[u8]>, Arc<Item>> as Lifecycle<Box<[u8]>, Arc<Item>>>::RequestState;

    fn is_pinned(&self, _: &Box<[u8]>, _: &Arc<Item>) -> bool {
        self.when_full == WhenFull::Refuse
    }

    /// Counted here and not in `on_evict`, which is called for replaced items too.
    fn before_evict(&self, _: &mut Self::RequestState, _: &Box<[u8]>, _: &mut Arc<Item>) {
        self.counters.evictions.add_one();
    }

    fn on_evict(&self, state: &mut Self::RequestState, key: Box<[u8]>, item: Arc<Item>) {
        self.rest.on_evict(state, key, item);
    }
}

/// An empty cache for `options`.
pub(crate) fn items(options: &Options, counters: &Arc<Counters>) -> Items {
    let memory_bytes = options.memory_bytes.get();
    let estimated = usize::try_from(memory_bytes / TYPICAL_ITEM_BYTES).unwrap_or(usize::MAX);
    let shards = usize::try_from(shards(memory_bytes, options.item_bytes_max)).unwrap_or(1);
    let cache_options = OptionsBuilder::new()
        .weight_capacity(memory_bytes)
        .estimated_items_capacity(estimated.max(1))
        .shards(shards)
        .build()
        .expect("both capacities are set");
    let evictions = Evictions {
        counters: Arc::clone(counters),
        when_full: options.when_full,
        rest: DefaultLifecycle::default(),
    };
    Cache::with_options(cache_options, Bytes, DefaultHashBuilder::default(), evictions)
}

/// The heaviest item that a shard takes: the cache keeps 97 % of a shard for what it has seen twice, and
/// silently drops what does not fit into that.
pub(crate) fn heaviest(items: &Items) -> u64 {
    items.shard_capacity() / 100 * 97
}

fn shards(memory_bytes: u64, item_bytes_max: usize) -> u64 {
    let largest = weight(0, item_bytes_max);
    let room = memory_bytes / (largest * LARGEST_ITEMS_PER_SHARD_MIN);
    let most = room.clamp(1, SHARDS_MAX);
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
        assert_eq!(shards(64 * mib, 1 << 20), 4);
        assert_eq!(shards(64 * mib, 1 << 10), 64);
        assert_eq!(shards(100 * gib, 1 << 20), 64);
    }
}
