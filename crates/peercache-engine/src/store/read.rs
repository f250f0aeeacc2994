//! Reading items, and reading about them.

use super::Store;
use crate::item::{Item, item_bytes};
use crate::time::{Now, dies_at};
use peercache_core::key::Key;
use std::sync::Arc;

/// What is known of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemInfo {
    /// Seconds until it expires; none is never.
    pub expires_in_s: Option<u64>,
    /// Seconds since it was last read or written.
    pub idle_s: u64,
    /// Its version.
    pub version: u64,
    /// Whether it was read since it was written.
    pub fetched: bool,
    /// Its bytes, as memcached counts them.
    pub item_bytes: u64,
}

impl Store {
    /// Reads an item.
    #[must_use]
    pub fn get(&self, key: Key<'_>, now: Now) -> Option<Arc<Item>> {
        self.counters.cmd_get.add_one();
        let found = self.items.get(key.as_bytes());
        let Some(item) = found.filter(|item| self.serves(key, item, now)) else {
            self.counters.get_misses.add_one();
            return None;
        };
        self.counters.get_hits.add_one();
        item.note_read(now);
        Some(item)
    }

    /// Reads an item and gives it a new expiry. It counts as a touch and not as a get, as in memcached.
    #[must_use]
    pub fn get_and_touch(&self, key: Key<'_>, exptime: i64, now: Now) -> Option<Arc<Item>> {
        let item = self.give_expiry(key, exptime, now)?;
        item.note_read(now);
        Some(item)
    }

    /// Gives an item a new expiry; says whether there is one.
    pub fn touch(&self, key: Key<'_>, exptime: i64, now: Now) -> bool {
        self.give_expiry(key, exptime, now).is_some()
    }

    /// What is known of an item, without reading it: neither its recency nor any counter changes.
    #[must_use]
    pub fn inspect(&self, key: Key<'_>, now: Now) -> Option<ItemInfo> {
        let item = self.peek(key, now)?;
        let bytes = item_bytes(key.as_bytes().len(), item.value().len(), item.flags());
        Some(ItemInfo {
            expires_in_s: item.expires_in_s(now),
            idle_s: item.idle_s(now),
            version: item.version(),
            fetched: item.was_fetched(),
            item_bytes: bytes as u64,
        })
    }

    /// Removes the item if it is dead, and counts why.
    fn serves(&self, key: Key<'_>, item: &Arc<Item>, now: Now) -> bool {
        let why = if self.watermark.is_flushed(item.version(), now) {
            &self.counters.get_flushed
        } else if item.is_expired(now) {
            &self.counters.get_expired
        } else {
            return true;
        };
        why.add_one();
        self.remove_dead(key.as_bytes(), item);
        false
    }

    fn give_expiry(&self, key: Key<'_>, exptime: i64, now: Now) -> Option<Arc<Item>> {
        self.counters.cmd_touch.add_one();
        let _writers = self.lock_writers(key);
        let found = self.items.get(key.as_bytes());
        let Some(item) = found.filter(|item| self.serves(key, item, now)) else {
            self.counters.touch_misses.add_one();
            return None;
        };
        item.set_dies_at_s(dies_at(exptime, now));
        self.counters.touch_hits.add_one();
        Some(item)
    }
}
