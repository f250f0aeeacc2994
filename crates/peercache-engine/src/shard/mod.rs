//! A part of the store with a lock of its own: the items whose hashes begin alike.
//!
//! Everything here happens under that lock, one operation at a time, so the shard is plain data.
//!
//! Invariant: the table has exactly the items of the log that are not gone. All memory that is held is within
//! the limit, but for a few pages while something is moved, and for one step by which a write lets the tables
//! grow: the next write takes that back first.

mod policy;
mod put;
mod reclaim;
mod room;

use crate::classes::Classes;
use crate::counters::CounterValues;
use crate::ghost::Ghosts;
use crate::memory::{Drained, Header, Log, Marks, Place, Value};
use crate::table::Table;
use crate::time::{Death, Now};
use policy::Policy;
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(crate) use room::{Room, segment_bytes};

/// How keys become hashes; another for each process, so that nobody can choose keys that collide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hasher(pub(crate) u64);

impl Hasher {
    #[inline]
    pub(crate) fn hash(self, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.0)
    }
}

/// A key and its hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hashed<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) hash: u64,
}

/// What an item is to be, beside its key, value and place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write {
    pub(crate) flags: u32,
    pub(crate) death: Death,
    pub(crate) version: u64,
    pub(crate) marks: Marks,
}

/// Versions are below this, so that a proxy can put the mark of a peer above them and still stay below 2^53,
/// where the numbers of some clients end. Behind the last of them comes the first again.
pub(crate) const VERSIONS: u64 = 1 << 41;

/// How a shard numbers the versions of its items, so that no other shard gives one of the same number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbering {
    pub(crate) last: u64,
    /// A power of two.
    pub(crate) step: u64,
}

impl Numbering {
    /// The next version; never 0, which is none.
    fn next(&mut self) -> u64 {
        let next = (self.last + self.step) % VERSIONS;
        self.last = if next == 0 { self.step } else { next };
        self.last
    }
}

/// Items, and what finds them.
///
/// The fields stay in this order: what every read counts then lies in the cache line of the lock before it,
/// which a thread has to fetch anyhow.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Shard {
    pub(crate) counters: CounterValues,
    log: Log,
    table: Table,
    /// Keys that have gone.
    ghosts: Ghosts,
    policy: Policy,
    hasher: Hasher,
    room: Room,
    /// Memory for moving a segment.
    drained: Drained,
    /// None where items have no versions.
    numbering: Option<Numbering>,
    /// The second in which everything goes, if one was chosen.
    flush: Death,
    /// The same of each size class.
    pub(crate) classes: Classes,
}

impl Shard {
    /// An empty shard.
    pub(crate) fn new(room: Room, hasher: Hasher, numbering: Option<Numbering>) -> Self {
        Self {
            log: Log::new(room.segment_bytes()),
            table: Table::new(),
            ghosts: Ghosts::default(),
            policy: Policy::new(),
            hasher,
            room,
            drained: Drained::default(),
            numbering,
            flush: Death::NEVER,
            counters: CounterValues::default(),
            classes: Classes::default(),
        }
    }

    /// Does what is due before anything else may happen.
    #[inline]
    pub(crate) fn begin(&mut self, now: Now) {
        if self.flush.has_come(now) {
            self.clear();
        }
    }

    /// Finds an item that is alive, and buries one that is not.
    #[inline]
    pub(crate) fn find(&mut self, key: Hashed<'_>, now: Now) -> Found {
        let log = &self.log;
        let Some(place) = self.table.find(key.hash, |place| log.has_key(place, key.key)) else {
            return Found::Nothing;
        };
        let header = log.header(place);
        if header.death.has_come(now) {
            self.bury(key.hash, place, &header);
            return Found::Expired;
        }
        Found::Item(place, header)
    }

    /// Removes an item that was found.
    pub(crate) fn remove(&mut self, hash: u64, place: Place) {
        self.classes.went(&self.log.header(place));
        self.table.remove(hash, place);
        self.log.kill(place);
    }

    fn bury(&mut self, hash: u64, place: Place, header: &Header) {
        self.counters.reclaimed += 1;
        self.counters.expired_unfetched += u64::from(!header.marks.has(Marks::FETCHED));
        self.classes.expired(header);
        self.remove(hash, place);
    }

    /// The value of an item that was found.
    #[inline]
    pub(crate) fn value(&self, place: Place, header: &Header) -> Value<'_> {
        self.log.value(place, header)
    }

    pub(crate) fn key(&self, place: Place) -> &[u8] {
        self.log.key(place)
    }

    /// Changes what is known of an item that was found.
    #[inline]
    pub(crate) fn set_header(&mut self, place: Place, header: &Header) {
        self.log.set_header(place, header);
    }

    /// The version of something that is written: the one that is given, or one that no item of this shard
    /// has or had; 0 where there are no versions.
    pub(crate) fn version(&mut self, given: Option<u64>) -> u64 {
        match (&mut self.numbering, given) {
            (None, _) => 0,
            (Some(_), Some(version)) => version,
            (Some(numbering), None) => numbering.next(),
        }
    }

    /// Lets everything go, now or in a second to come; a later choice replaces an earlier one.
    pub(crate) fn flush(&mut self, death: Death, now: Now) {
        if death == Death::NEVER || death.has_come(now) {
            self.clear();
        } else {
            self.flush = death;
        }
    }

    fn clear(&mut self) {
        self.flush = Death::NEVER;
        self.counters.reclaimed += self.table.len() as u64;
        self.classes.clear();
        self.log.clear();
        self.table = Table::new();
        self.ghosts = Ghosts::default();
    }

    /// What was counted, and what there is.
    pub(crate) fn counters(&self) -> CounterValues {
        CounterValues {
            curr_items: self.table.len() as u64,
            bytes: self.log.item_bytes() as u64,
            held_bytes: self.held_bytes() as u64,
            limit_maxbytes: self.room.bytes_max as u64,
            ..self.counters
        }
    }

    /// The buckets of its table: what [`Self::places`] can be asked for.
    pub(crate) fn buckets(&self) -> usize {
        self.table.buckets()
    }

    /// The bytes and the buckets of its table.
    pub(crate) fn table_size(&self) -> (usize, usize) {
        (self.table.bytes(), self.table.buckets())
    }

    /// The items of one bucket.
    pub(crate) fn items(&self, bucket: usize) -> impl Iterator<Item = (Place, Header)> + '_ {
        self.table.places(bucket).map(|place| (place, self.log.header(place)))
    }
}

/// What was found under a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found {
    Nothing,
    /// Something that had expired, and is gone.
    Expired,
    Item(Place, Header),
}

impl Found {
    pub(crate) fn item(self) -> Option<(Place, Header)> {
        match self {
            Self::Item(place, header) => Some((place, header)),
            Self::Nothing | Self::Expired => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_go_round_without_0_and_no_two_shards_give_the_same() {
        let mut shards = [0, 1, 2, 3].map(|number| Numbering { last: VERSIONS - 8 + number, step: 4 });
        let mut given: Vec<u64> = shards.iter_mut().flat_map(|shard| [0; 5].map(|_| shard.next())).collect();
        assert!(given.iter().all(|version| (1..VERSIONS).contains(version)), "{given:?}");
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), 20);
    }
}
