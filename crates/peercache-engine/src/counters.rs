//! What the store counts, under the names that memcached's `stats` gives it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Declares every counter once: its cell, its value, its reset.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The counters, shared by all threads.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        /// What was counted since the start or the last reset, and what there is now.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct CounterValues {
            $($(#[$doc])* pub $name: u64,)*
            /// Items in memory, dead ones that were not removed yet included.
            pub curr_items: u64,
            /// Bytes that they take, keys and overhead included.
            pub bytes: u64,
            /// The most bytes they may take.
            pub limit_maxbytes: u64,
        }

        impl Counters {
            pub(crate) fn read(&self) -> CounterValues {
                CounterValues { $($name: self.$name.0.load(Relaxed),)* ..CounterValues::default() }
            }

            pub(crate) fn reset(&self) {
                $(self.$name.0.store(0, Relaxed);)*
            }
        }
    };
}

counters! {
    /// Keys that were asked for.
    cmd_get,
    /// Values that clients tried to store.
    cmd_set,
    /// `flush_all` commands.
    cmd_flush,
    /// Keys whose expiry clients tried to change.
    cmd_touch,
    /// Keys that `get` found.
    get_hits,
    /// Keys that `get` did not find.
    get_misses,
    /// Keys that `get` found expired.
    get_expired,
    /// Keys that `get` found flushed.
    get_flushed,
    /// Keys that were deleted.
    delete_hits,
    /// Keys that could not be deleted: they were not there.
    delete_misses,
    /// Counters that went up.
    incr_hits,
    /// Counters that could not go up: they were not there.
    incr_misses,
    /// Counters that went down.
    decr_hits,
    /// Counters that could not go down: they were not there.
    decr_misses,
    /// `cas` with the right version.
    cas_hits,
    /// `cas` on nothing.
    cas_misses,
    /// `cas` with another version.
    cas_badval,
    /// Keys that got a new expiry.
    touch_hits,
    /// Keys that could not get a new expiry: they were not there.
    touch_misses,
    /// Items that were ever stored.
    total_items,
    /// Items that had to make room.
    evictions,
    /// Dead items whose memory was taken back.
    reclaimed,
    /// Values refused because they were over the item limit.
    store_too_large,
    /// Values refused because there was no room.
    store_no_memory,
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}
