//! Listing what there is, in steps.

use super::{Item, Store};
use crate::time::Now;

/// How far a listing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    shard: usize,
    bucket: usize,
}

impl Store {
    /// Shows the next few items to `see`; says where to go on, or that there are no more. What is there all
    /// the time is shown at least once, and mostly once: while the table grows, some are shown again.
    pub fn list(&self, from: Cursor, now: Now, mut see: impl FnMut(Item<'_>)) -> Option<Cursor> {
        let shard = self.shards.get(from.shard)?.begin(now);
        if from.bucket >= shard.buckets() {
            let next = Cursor { shard: from.shard + 1, bucket: 0 };
            return (next.shard < self.shards.len()).then_some(next);
        }
        for (place, header) in shard.items(from.bucket) {
            if !header.death.has_come(now) {
                see(Item { header, key: shard.key(place), value: shard.value(place, &header) });
            }
        }
        Some(Cursor { bucket: from.bucket + 1, ..from })
    }
}
