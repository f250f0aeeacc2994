//! The store: every operation of memcached on a bounded set of items.
//!
//! Readers take one lock of one shard. Writers of a key take turns by a lock of that key's stripe, which
//! makes every read-modify-write atomic; the cache below has an entry operation of its own, but growing an
//! item in it does not make room for the growth.
//!
//! Invariant: bytes are never above the limit. Expired and flushed items are never handed out; they are
//! removed when somebody meets them, or by [`Store::reclaim`].

use crate::counters::{CounterValues, Counters};
use crate::item::Item;
use crate::room::{self, Items};
use crate::time::Now;
use crate::watermark::Watermark;
use peercache_core::key::Key;
use quick_cache::DefaultHashBuilder;
use std::hash::BuildHasher;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod count;
mod read;
mod write;

pub use count::Counted;
pub use read::ItemInfo;
pub use write::{New, Stored};

/// How many locks the keys' writers share; a power of two.
const STRIPES: usize = 256;

/// After how many items [`Store::reclaim`] asks whether to go on.
const RECLAIM_STEP: usize = 256;

/// What to do when there is no room for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Let others go.
    Evict,
    /// Refuse it (memcached's `-M`).
    Refuse,
}

/// How a store is set up.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The most bytes that items take, keys and overhead included.
    pub memory_bytes: NonZeroU64,
    /// The largest item, in bytes as memcached counts them ([`crate::item_bytes`]).
    pub item_bytes_max: usize,
    /// What to do when there is no room.
    pub when_full: WhenFull,
}

/// A bounded set of items, shared by threads.
#[derive(Debug)]
pub struct Store {
    items: Items,
    counters: Arc<Counters>,
    watermark: Watermark,
    stripes: Box<[Mutex<()>]>,
    stripe_hasher: DefaultHashBuilder,
    /// Held by a writer while it finds out whether there is room; only where nothing makes room.
    room: Mutex<()>,
    heaviest: u64,
    options: Options,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let counters = Arc::<Counters>::default();
        let items = room::items(&options, &counters);
        Self {
            heaviest: room::heaviest(&items),
            items,
            counters,
            watermark: Watermark::new(),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            stripe_hasher: DefaultHashBuilder::default(),
            room: Mutex::default(),
            options,
        }
    }

    /// How it was set up.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Makes everything that is there a miss, now or when `exptime` has come (memcached's expiry; 0 and below
    /// is now). What is stored after this returned lives, even within the same second.
    pub fn flush_all(&self, exptime: i64, now: Now) {
        self.counters.cmd_flush.add_one();
        self.watermark.flush(exptime, now);
    }

    /// What was counted, and what there is.
    #[must_use]
    pub fn counters(&self) -> CounterValues {
        CounterValues {
            curr_items: self.items.len() as u64,
            bytes: self.items.weight(),
            limit_maxbytes: self.options.memory_bytes.get(),
            ..self.counters.read()
        }
    }

    /// Starts counting from 0 again.
    pub fn reset_counters(&self) {
        self.counters.reset();
    }

    /// Removes dead items, wherever they are. It holds no lock for longer than one item, and calls `pause`
    /// between steps, which may wait there, or break it off.
    pub fn reclaim(&self, now: Now, mut pause: impl FnMut() -> ControlFlow<()>) {
        for (visited, (key, item)) in self.items.iter().enumerate() {
            if self.is_dead(&item, now) {
                self.remove_dead(&key, &item);
            }
            if visited % RECLAIM_STEP == RECLAIM_STEP - 1 && pause().is_break() {
                return;
            }
        }
    }

    fn is_dead(&self, item: &Item, now: Now) -> bool {
        item.is_expired(now) || self.watermark.is_flushed(item.version(), now)
    }

    /// Removes `item` unless another has taken its place.
    fn remove_dead(&self, key: &[u8], item: &Arc<Item>) {
        if self.items.remove_if(key, |found| Arc::ptr_eq(found, item)).is_some() {
            self.counters.reclaimed.add_one();
        }
    }

    /// The living item of `key`, without counting it as read.
    fn peek(&self, key: Key<'_>, now: Now) -> Option<Arc<Item>> {
        let item = self.items.peek(key.as_bytes())?;
        if self.is_dead(&item, now) {
            self.remove_dead(key.as_bytes(), &item);
            return None;
        }
        Some(item)
    }

    /// Keeps other writers of `key` away. No writer panics while it holds this, and nothing is inside.
    fn lock_writers(&self, key: Key<'_>) -> MutexGuard<'_, ()> {
        let hash = self.stripe_hasher.hash_one(key.as_bytes());
        let stripe = usize::try_from(hash >> 32).unwrap_or_default() % STRIPES;
        self.stripes[stripe].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
