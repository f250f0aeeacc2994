//! Values that come in pieces: written into the store as they come, so that nothing has to hold them beside
//! it.
//!
//! A value on its way takes room from others like any item, and is made to go only where the memory becomes
//! less than that. Nobody finds it before it is [delivered](Store::deliver).

use super::Store;
use crate::time::Now;

/// A value on its way. It must be [delivered](Store::deliver) or [abandoned](Store::abandon): what it takes
/// is not free before.
#[derive(Debug)]
#[must_use = "what a parcel takes is free when it is delivered or abandoned"]
pub struct Parcel {
    pub(super) shard: usize,
    /// What the shard calls it; none when there was no room.
    pub(super) coming: Option<u32>,
    pub(super) value_bytes: usize,
}

impl Parcel {
    /// How long the value is.
    #[must_use]
    pub const fn value_bytes(&self) -> usize {
        self.value_bytes
    }
}

impl Store {
    /// Begins a value of so many bytes for `key`. Where there is no room for it, that is told when it is
    /// delivered.
    pub fn open(&self, key: &[u8], value_bytes: usize, now: Now) -> Parcel {
        let hash = self.hasher.hash(key);
        let (mut shard, key) = self.shard(key, now);
        Parcel { shard: self.shard_of(hash), coming: shard.open(key, value_bytes, now), value_bytes }
    }

    /// Takes the next piece of a value. All pieces together must be as long as it was announced.
    pub fn append(&self, parcel: &mut Parcel, piece: &[u8], now: Now) {
        if let Some(coming) = parcel.coming
            && !self.shards[parcel.shard].begin(now).append(coming, piece, now)
        {
            parcel.coming = None;
        }
    }

    /// Forgets a value that will not come whole, or that nobody wants.
    pub fn abandon(&self, parcel: Parcel) {
        if let Some(coming) = parcel.coming {
            self.shards[parcel.shard].lock().abandon(coming);
        }
    }
}
