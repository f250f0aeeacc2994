//! Deleting, and marking as stale.

use super::Store;
use crate::memory::Marks;
use crate::shard::Write;
use crate::time::{Death, Now};

/// How to delete; by default as `delete` does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delete {
    /// What is there must have this version.
    pub compare: Option<u64>,
    /// Keep the item and mark it as stale; whoever reads it next is asked to write it anew.
    pub marks_stale: bool,
    /// Keep the item without its value: a tombstone.
    pub keeps_key: bool,
    /// The expiry of an item that is kept (memcached's, see [`Death::of`]).
    pub touch: Option<i64>,
    /// The flags of a tombstone.
    pub flags: u32,
    /// The version of an item that is kept; none is one of the store's own, or for a tombstone that is not
    /// marked, the one that it had.
    pub version: Option<u64>,
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is done.
    Deleted,
    /// There is nothing.
    NotFound,
    /// Another version was found than was to be.
    Exists,
    /// There is no room for a tombstone; nothing has changed.
    OutOfMemory,
}

impl Store {
    /// Deletes an item, or what the request leaves of it.
    pub fn delete(&self, key: &[u8], delete: &Delete, now: Now) -> Deleted {
        let (mut shard, key) = self.shard(key, now);
        let Some((mut place, mut header)) = shard.find(key, now).item() else {
            shard.counters.delete_misses += 1;
            return Deleted::NotFound;
        };
        if delete.compare.is_some_and(|expected| expected != header.version) {
            shard.counters.delete_misses += 1;
            return Deleted::Exists;
        }
        if delete.keeps_key {
            let write = Write {
                flags: delete.flags,
                death: Death::of(delete.touch.unwrap_or(0), now),
                version: shard.version(delete.version.or(Some(header.version))),
                marks: header.marks.of_key(),
            };
            let Some(put) = shard.put(key, write, &[], now) else { return Deleted::OutOfMemory };
            (place, header) = put;
        }
        if delete.marks_stale {
            if let Some(exptime) = delete.touch {
                header.death = Death::of(exptime, now);
            }
            // Without the lease, so that the next reader can have it.
            header.marks = header.marks.with(Marks::STALE).without(Marks::LEASED);
            header.version = shard.version(delete.version);
            shard.set_header(place, &header);
            return Deleted::Deleted;
        }
        shard.counters.delete_hits += 1;
        if !delete.keeps_key {
            shard.remove(key.hash, place);
        }
        Deleted::Deleted
    }
}
