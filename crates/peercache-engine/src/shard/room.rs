//! Makes room: closes holes, and lets those go of whom the [policy](super::policy) says so.
//!
//! A segment is decided upon as a whole and its survivors are written anew, so the holes in it go as well.
//! Holes that are worth it are closed before anybody has to go.

use super::Shard;
use super::policy::{Fate, Standing};
use crate::memory::{Drained, Header, Log, Marks, Place, Queue};
use crate::memory::{PAGE_BYTES, PAGE_OVERHEAD_BYTES, PAGES_MAX};
use crate::store::WhenFull;
use crate::time::Now;

/// Of each queue one key that has gone is remembered for so many items. Who comes back later than that is no
/// more worth a place in the main queue than anybody else.
const GHOST_SHARE: usize = 4;

/// After so many segments of which nobody had to go, the next has to go whole: where everything is hot there
/// is nothing to choose, and everybody waits.
const SEGMENTS_SPARED_MAX: usize = 16;

/// An item may take this share of a shard: a half.
const LARGEST_SHARE: usize = 2;

/// The lengths that segments may have.
const SEGMENT_BYTES_MIN: usize = 2 * PAGE_BYTES;
const SEGMENT_BYTES_MAX: usize = 16 * PAGE_BYTES;

/// A shard has room for so many segments, at least.
const SEGMENTS_MIN: usize = 128;

/// How much memory a shard has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(super) bytes_max: usize,
    when_full: WhenFull,
}

/// How long segments are in a shard of so many bytes.
pub(crate) fn segment_bytes(bytes_max: usize) -> usize {
    let bytes = bytes_max / SEGMENTS_MIN / PAGE_BYTES * PAGE_BYTES;
    bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)
}

impl Room {
    pub(crate) const fn new(bytes_max: usize, when_full: WhenFull) -> Self {
        Self { bytes_max, when_full }
    }

    pub(super) fn segment_bytes(self) -> usize {
        segment_bytes(self.bytes_max)
    }
}

/// How room was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// There was some.
    Untouched,
    /// Items were moved or had to go.
    Moved,
    /// There is none.
    Nothing,
}

impl Shard {
    /// Sees to it that an item, or a piece of one, of so many bytes can be written.
    pub(super) fn make_room(&mut self, item_bytes: usize, now: Now) -> Made {
        let needed = Log::pages_needed(item_bytes);
        let pages = self.log.pages();
        if pages.free() >= needed && pages.held() <= self.pages_max() {
            return Made::Untouched;
        }
        self.ghosts_fit();
        if self.is_too_large(item_bytes) {
            return Made::Nothing;
        }
        let mut made = Made::Untouched;
        let mut spared = 0;
        while self.pages_available() < needed {
            made = Made::Moved;
            if let Some(segment) = self.log.take_loose() {
                self.close_holes(segment, now);
                continue;
            }
            if self.room.when_full == WhenFull::Refuse {
                return Made::Nothing;
            }
            let free_before = self.log.pages().free();
            if !self.evict(spared >= SEGMENTS_SPARED_MAX, now) {
                return Made::Nothing;
            }
            if self.log.pages().free() <= free_before {
                spared += 1;
            }
            self.keep_to_limit();
        }
        self.keep_to_limit();
        made
    }

    /// Whether an item of so many bytes may take more than its share of the shard.
    pub(super) fn is_too_large(&self, item_bytes: usize) -> bool {
        Log::pages_needed(item_bytes) > self.pages_max() / LARGEST_SHARE
    }

    /// The pages that are free or may still be taken.
    fn pages_available(&self) -> usize {
        (self.log.pages().free() + self.pages_max()).saturating_sub(self.log.pages().held())
    }

    /// Gives back what is above the limit: the tables grew, or the limit fell.
    fn keep_to_limit(&mut self) {
        while self.log.pages().held() > self.pages_max() && self.log.give_back() {}
    }

    /// Changes the limit. A lower one is kept to before this returns, and values that are coming may be lost.
    pub(crate) fn set_bytes_max(&mut self, bytes_max: usize, now: Now) {
        self.room.bytes_max = bytes_max;
        self.keep_to_limit();
        while self.log.pages().held() > self.pages_max() && (self.evict(true, now) || self.log.lose_apart()) {
            self.keep_to_limit();
        }
    }

    /// The pages that may be held beside the tables and the memory for moving.
    fn pages_max(&self) -> usize {
        let rest = self.room.bytes_max.saturating_sub(self.overhead_bytes());
        (rest / (PAGE_BYTES + PAGE_OVERHEAD_BYTES)).min(PAGES_MAX)
    }

    fn overhead_bytes(&self) -> usize {
        let tables = self.table.bytes() + self.ghosts.bytes() + self.log.overhead_bytes();
        tables + self.log.segment_bytes() + size_of::<Self>()
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.overhead_bytes() + self.log.pages().held() * (PAGE_BYTES + PAGE_OVERHEAD_BYTES)
    }

    /// Remembers keys that have gone, once items have to go.
    fn ghosts_fit(&mut self) {
        let is_full = self.log.pages().held() + 1 >= self.pages_max();
        if is_full && self.room.when_full == WhenFull::Evict {
            self.ghosts.fit(self.table.len() / GHOST_SHARE);
        }
    }

    /// Writes what is alive in a segment anew, without its holes.
    fn close_holes(&mut self, segment: u32, now: Now) {
        let mut drained = std::mem::take(&mut self.drained);
        self.log.drain(segment, &mut drained);
        let mut is_empty = true;
        for item in drained.items() {
            let hash = self.hasher.hash(item.key);
            if item.header.death.has_come(now) {
                self.expired(hash, item.was, &item.header);
                continue;
            }
            let to = self.log.append_to(segment, &item.header, item.key, &[item.value]);
            self.table.replace(hash, item.was, to);
            is_empty = false;
        }
        if is_empty {
            self.log.remove(segment);
        }
        self.drained = drained;
    }

    /// Decides upon the oldest segment of one queue; says whether there was one.
    fn evict(&mut self, everything: bool, now: Now) -> bool {
        let standing = self.standing();
        let queue = self.policy.judged(&standing);
        let Some(segment) = self.log.oldest(queue) else { return false };
        let fate = |header: &Header| if everything { Fate::Goes } else { standing.fate(queue, header) };
        if let Some(place) = self.log.single(segment) {
            self.evict_single(segment, place, fate, now);
            return true;
        }
        let mut drained = std::mem::take(&mut self.drained);
        self.log.drain(segment, &mut drained);
        self.log.remove(segment);
        self.settle(queue, &drained, fate, now);
        self.drained = drained;
        true
    }

    fn standing(&self) -> Standing {
        Standing {
            small_pages: self.log.queue_pages(Queue::Small),
            main_pages: self.log.queue_pages(Queue::Main),
            mean_bytes: self.log.item_bytes() / self.table.len().max(1),
        }
    }

    /// Gives every item of a drained segment a new place, or none.
    fn settle(&mut self, queue: Queue, drained: &Drained, fate: impl Fn(&Header) -> Fate, now: Now) {
        for item in drained.items() {
            let hash = self.hasher.hash(item.key);
            if item.header.death.has_come(now) {
                self.expired(hash, item.was, &item.header);
                continue;
            }
            match fate(&item.header) {
                Fate::Stays(queue, header) => {
                    let to = self.log.append(queue, &header, item.key, &[item.value]);
                    self.table.replace(hash, item.was, to);
                }
                Fate::Goes => {
                    self.table.remove(hash, item.was);
                    self.classes.went(&item.header);
                    self.evicted(queue, hash, &item.header);
                }
            }
        }
    }

    /// The same for an item that has a segment of its own: it stays where it is, whatever becomes of it.
    fn evict_single(&mut self, segment: u32, place: Place, fate: impl Fn(&Header) -> Fate, now: Now) {
        let header = self.log.header(place);
        let hash = self.hasher.hash(self.log.key(place));
        if header.death.has_come(now) {
            self.bury(hash, place, &header);
            return;
        }
        match fate(&header) {
            Fate::Stays(queue, header) => {
                self.log.set_header(place, &header);
                self.log.requeue(segment, queue);
            }
            Fate::Goes => {
                let queue = self.log.queue_of(place);
                self.remove(hash, place);
                self.evicted(queue, hash, &header);
            }
        }
    }

    /// What becomes of an item that died where it lay.
    fn expired(&mut self, hash: u64, was: Place, header: &Header) {
        self.counters.reclaimed += 1;
        self.counters.expired_unfetched += u64::from(!header.marks.has(Marks::FETCHED));
        self.classes.expired(header);
        self.classes.went(header);
        self.table.remove(hash, was);
    }

    fn evicted(&mut self, from: Queue, hash: u64, header: &Header) {
        self.counters.evictions += 1;
        self.counters.evicted_unfetched += u64::from(!header.marks.has(Marks::FETCHED));
        self.classes.evicted(header);
        self.ghosts.add(from, hash);
    }
}
