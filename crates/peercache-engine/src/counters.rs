//! What the store counts, under the names that memcached's `stats` gives it.

/// Declares every counter once: its name, and how two are added.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What was counted since the start or the last reset, and what there is now.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct CounterValues {
            $($(#[$doc])* pub $name: u64,)*
            /// Items in memory, expired ones that were not removed yet included.
            pub curr_items: u64,
            /// Bytes that they take, keys and headers included.
            pub bytes: u64,
            /// Bytes of memory that are in use or were, tables included: what the limit is about.
            pub held_bytes: u64,
            /// The most bytes they may take.
            pub limit_maxbytes: u64,
        }

        impl CounterValues {
            /// Adds what was counted elsewhere.
            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
                self.curr_items += other.curr_items;
                self.bytes += other.bytes;
                self.held_bytes += other.held_bytes;
                self.limit_maxbytes += other.limit_maxbytes;
            }
        }
    };
}

counters! {
    /// Keys that were asked for.
    cmd_get,
    /// Values that clients tried to store.
    cmd_set,
    /// Keys whose expiry clients tried to change.
    cmd_touch,
    /// Keys that `get` found.
    get_hits,
    /// Keys that `get` did not find.
    get_misses,
    /// Keys that `get` found expired.
    get_expired,
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
    /// Evicted items that nobody had read.
    evicted_unfetched,
    /// Expired and flushed items whose memory was taken back.
    reclaimed,
    /// Those of them that were looked for, and not found by somebody who asked.
    crawler_reclaimed,
    /// Expired items that nobody had read.
    expired_unfetched,
    /// Values refused because they were over the item limit.
    store_too_large,
    /// Values refused because there was no room.
    store_no_memory,
}
