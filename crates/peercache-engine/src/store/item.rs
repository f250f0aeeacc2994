//! An item as its readers see it.

use crate::classes;
use crate::memory::{Header, Marks, Value, item_bytes};
use crate::time::{Death, Now};

/// An item as it was before it was read.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    pub(super) header: Header,
    pub(super) key: &'a [u8],
    pub(super) value: Value<'a>,
}

impl<'a> Item<'a> {
    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &'a [u8] {
        self.key
    }

    /// Whether its key is any bytes, which clients write as base64.
    #[must_use]
    pub const fn has_packed_key(&self) -> bool {
        self.header.marks.has(Marks::PACKED_KEY)
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> Value<'a> {
        self.value
    }

    /// The flags it was stored with.
    #[must_use]
    pub const fn flags(&self) -> u32 {
        self.header.flags
    }

    /// Its version: no other item under its key has it or had it, unless a writer chose it.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.header.version
    }

    /// When it expires.
    #[must_use]
    pub const fn death(&self) -> Death {
        self.header.death
    }

    /// Seconds since it was last read or written.
    #[must_use]
    pub fn idle_s(&self, now: Now) -> u64 {
        now.unix_s.saturating_sub(u64::from(self.header.used_at_s))
    }

    /// The second in which it was last read or written.
    #[must_use]
    pub const fn used_at_s(&self) -> u32 {
        self.header.used_at_s
    }

    /// Whether it was read since it was written.
    #[must_use]
    pub const fn was_fetched(&self) -> bool {
        self.header.marks.has(Marks::FETCHED)
    }

    /// Whether a newer value is known to exist somewhere.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        self.header.marks.has(Marks::STALE)
    }

    /// Whether somebody was asked to write it anew.
    #[must_use]
    pub const fn is_leased(&self) -> bool {
        self.header.marks.has(Marks::LEASED)
    }

    /// The number of the size class in which it is counted.
    #[must_use]
    pub fn class(&self) -> u8 {
        classes::number(self.bytes())
    }

    /// Its bytes, as memcached counts them.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        item_bytes(self.key.len(), self.value.len(), self.header.flags)
    }
}
