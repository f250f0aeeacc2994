//! One item, and what it weighs.

use crate::time::{NEVER, Now};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What memcached 1.6 adds to key and value: its header (48), the version (8), the key's NUL and the value's
/// CR LF.
const MEMCACHED_OVERHEAD_BYTES: usize = 48 + 8 + 1 + 2;

/// What memcached adds where flags are not 0.
const MEMCACHED_FLAGS_BYTES: usize = 4;

/// The bytes of an item as memcached counts them: against its item limit, and in `me`.
#[must_use]
pub const fn item_bytes(key_bytes: usize, value_bytes: usize, flags: u32) -> usize {
    let flags_bytes = if flags == 0 { 0 } else { MEMCACHED_FLAGS_BYTES };
    MEMCACHED_OVERHEAD_BYTES + key_bytes + value_bytes + flags_bytes
}

/// A stored value and what belongs to it. The value, flags and version never change: a write puts a new item
/// in its place, so whoever holds this one can go on reading it.
#[derive(Debug)]
pub struct Item {
    value: Box<[u8]>,
    flags: u32,
    version: u64,
    dies_at_s: AtomicU64,
    used_at_s: AtomicU64,
    fetched: AtomicBool,
}

impl Item {
    pub(crate) fn new(value: Box<[u8]>, flags: u32, version: u64, dies_at_s: u64, now: Now) -> Self {
        Self {
            value,
            flags,
            version,
            dies_at_s: AtomicU64::new(dies_at_s),
            used_at_s: AtomicU64::new(now.unix_s),
            fetched: AtomicBool::new(false),
        }
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The flags it was stored with.
    #[must_use]
    pub const fn flags(&self) -> u32 {
        self.flags
    }

    /// Its version: no two items that this store ever had share one.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn dies_at_s(&self) -> u64 {
        self.dies_at_s.load(Relaxed)
    }

    pub(crate) fn set_dies_at_s(&self, dies_at_s: u64) {
        self.dies_at_s.store(dies_at_s, Relaxed);
    }

    pub(crate) fn is_expired(&self, now: Now) -> bool {
        self.dies_at_s() <= now.unix_s
    }

    /// Seconds until it expires; none is never.
    pub(crate) fn expires_in_s(&self, now: Now) -> Option<u64> {
        let dies_at_s = self.dies_at_s();
        (dies_at_s != NEVER).then(|| dies_at_s.saturating_sub(now.unix_s))
    }

    pub(crate) fn idle_s(&self, now: Now) -> u64 {
        now.unix_s.saturating_sub(self.used_at_s.load(Relaxed))
    }

    pub(crate) fn was_fetched(&self) -> bool {
        self.fetched.load(Relaxed)
    }

    /// Notes a read. Looks before it writes: a popular item is read by many threads.
    pub(crate) fn note_read(&self, now: Now) {
        if self.used_at_s.load(Relaxed) != now.unix_s {
            self.used_at_s.store(now.unix_s, Relaxed);
        }
        if !self.fetched.load(Relaxed) {
            self.fetched.store(true, Relaxed);
        }
    }
}
