//! Storing and deleting.

use super::{Store, WhenFull};
use crate::item::{Item, item_bytes};
use crate::room;
use crate::time::{Now, dies_at};
use peercache_core::key::Key;
use peercache_core::protocol::memcached::request::StoreVerb;
use std::sync::{Arc, PoisonError};

/// A value to be stored.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// Opaque; comes back with the value.
    pub flags: u32,
    /// memcached's expiry: 0 is never, up to 30 days relative seconds, beyond that a Unix date, below 0 at
    /// once.
    pub exptime: i64,
    /// The bytes.
    pub value: &'a [u8],
}

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is there.
    Stored,
    /// It is not: something was there for `add`, or nothing for `replace`, `append`, `prepend`.
    NotStored,
    /// It is not: `cas` found another version.
    Exists,
    /// It is not: `cas` found nothing.
    NotFound,
    /// It is over the item limit. After a `set`, what was there before is gone too: it must not look current.
    TooLarge,
    /// There is no room for it; as [`Stored::TooLarge`].
    OutOfMemory,
}

impl Store {
    /// Stores a value, if what is there lets `verb` do so.
    pub fn store(&self, verb: StoreVerb, key: Key<'_>, new: New<'_>, now: Now) -> Stored {
        if item_bytes(key.as_bytes().len(), new.value.len(), new.flags) > self.options.item_bytes_max {
            return self.too_large(verb, key);
        }
        self.counters.cmd_set.add_one();
        let _writers = self.lock_writers(key);
        // Before looking at what is there: see the watermark's invariant.
        let version = self.watermark.next_version(now);
        let old = if verb == StoreVerb::Set { None } else { self.peek(key, now) };
        let (flags, dies_at_s, value) = match (verb, &old) {
            (StoreVerb::Set, _) | (StoreVerb::Add, None) | (StoreVerb::Replace, Some(_)) => {
                (new.flags, dies_at(new.exptime, now), Box::from(new.value))
            }
            (StoreVerb::Cas(expected), Some(old)) if old.version() == expected => {
                self.counters.cas_hits.add_one();
                (new.flags, dies_at(new.exptime, now), Box::from(new.value))
            }
            (StoreVerb::Append, Some(old)) => (old.flags(), old.dies_at_s(), joined(old.value(), new.value)),
            (StoreVerb::Prepend, Some(old)) => (old.flags(), old.dies_at_s(), joined(new.value, old.value())),
            (verb, _) => return self.not_stored(verb, key, old.is_some()),
        };
        if item_bytes(key.as_bytes().len(), value.len(), flags) > self.options.item_bytes_max {
            // Only what was joined gets here. memcached has no other answer to this.
            return Stored::NotStored;
        }
        let item = Item::new(value, flags, version, dies_at_s, now);
        if !self.put(key, item) {
            return self.no_room(verb, key);
        }
        self.counters.total_items.add_one();
        Stored::Stored
    }

    /// Deletes an item; says whether there was one.
    pub fn delete(&self, key: Key<'_>, now: Now) -> bool {
        let _writers = self.lock_writers(key);
        let found = self.peek(key, now).is_some() && self.items.remove(key.as_bytes()).is_some();
        let counter = if found { &self.counters.delete_hits } else { &self.counters.delete_misses };
        counter.add_one();
        found
    }

    /// Drops what is under `key` because a newer value was refused: missing is right, the old value is not.
    pub fn forget(&self, key: Key<'_>) {
        let _writers = self.lock_writers(key);
        self.counters.store_too_large.add_one();
        self.items.remove(key.as_bytes());
    }

    /// Puts an item in its place if there is room. The caller keeps other writers of the key away.
    pub(super) fn put(&self, key: Key<'_>, item: Item) -> bool {
        let weight = room::weight(key.as_bytes().len(), item.value().len());
        let room = match self.options.when_full {
            WhenFull::Evict => None,
            WhenFull::Refuse => Some(self.room.lock().unwrap_or_else(PoisonError::into_inner)),
        };
        let limit = self.options.memory_bytes.get();
        if weight > self.heaviest || (room.is_some() && self.items.weight() + weight > limit) {
            return false;
        }
        self.items.insert(Box::from(key.as_bytes()), Arc::new(item));
        true
    }

    fn not_stored(&self, verb: StoreVerb, key: Key<'_>, found: bool) -> Stored {
        match (verb, found) {
            (StoreVerb::Cas(_), true) => {
                self.counters.cas_badval.add_one();
                Stored::Exists
            }
            (StoreVerb::Cas(_), false) => {
                self.counters.cas_misses.add_one();
                Stored::NotFound
            }
            (_, true) => {
                // An `add` that found something counts as a use of it, as in memcached.
                drop(self.items.get(key.as_bytes()));
                Stored::NotStored
            }
            (_, false) => Stored::NotStored,
        }
    }

    fn too_large(&self, verb: StoreVerb, key: Key<'_>) -> Stored {
        if verb == StoreVerb::Set {
            self.forget(key);
        } else {
            self.counters.store_too_large.add_one();
        }
        Stored::TooLarge
    }

    fn no_room(&self, verb: StoreVerb, key: Key<'_>) -> Stored {
        self.counters.store_no_memory.add_one();
        if verb == StoreVerb::Set {
            self.items.remove(key.as_bytes());
        }
        Stored::OutOfMemory
    }
}

fn joined(front: &[u8], back: &[u8]) -> Box<[u8]> {
    [front, back].concat().into_boxed_slice()
}
