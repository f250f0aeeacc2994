//! Reading items, and what comes with it: new expiries, and leases to write anew.

use super::{Item, Store};
use crate::memory::{Header, Marks, Place};
use crate::shard::{Found, Hashed, Shard, Write};
use crate::time::{Death, Now};

/// How to read; by default as `get` does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Read {
    /// The expiry that the item gets if it is there (memcached's, see [`Death::of`]).
    pub touch: Option<i64>,
    /// Whether the read counts as no use: neither its recency nor its heat changes.
    pub peeks: bool,
    /// The reader would write the item anew if it is asked to; none where it would not understand.
    pub lease: Option<Lease>,
}

/// When a reader is asked to write an item anew: it is stale, or what is chosen here is so. One reader is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lease {
    /// Where nothing is: create an empty item with this expiry, and lease it to this reader.
    pub vivify: Option<i64>,
    /// The item is near its end.
    pub recache: Option<Recache>,
    /// The version of an item that is created; none is one of the store's own.
    pub version: Option<u64>,
    /// Whether the key is any bytes, which clients write as base64; for an item that is created.
    pub packed_key: bool,
}

/// When an item is near its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recache {
    /// It expires before this (memcached's expiry).
    pub exptime: i64,
    /// Whether the expiry that a [`Read::touch`] gives is looked at, and not the one before it.
    pub after_touch: bool,
}

/// An item that was read.
#[derive(Debug, Clone, Copy)]
pub struct Hit<'a> {
    /// As it was before.
    pub item: Item<'a>,
    /// Whether it was created for this reader.
    pub created: bool,
    /// Whether this reader is to write it anew.
    pub won: bool,
}

impl Store {
    /// Reads an item and hands it to `see`; without one, says nothing.
    #[inline]
    pub fn read<R>(&self, key: &[u8], read: &Read, now: Now, see: impl FnOnce(Hit<'_>) -> R) -> Option<R> {
        let (mut shard, key) = self.shard(key, now);
        let found = shard.find(key, now);
        let is_touch = read.touch.is_some();
        let (place, header, created) = match found {
            Found::Item(place, header) => (place, header, false),
            Found::Nothing | Found::Expired => match vivify(&mut shard, key, read, now) {
                Some((place, header)) => (place, header, true),
                None => {
                    count_miss(&mut shard, read, found);
                    return None;
                }
            },
        };
        let counters = &mut shard.counters;
        if is_touch {
            counters.cmd_touch += 1;
            counters.touch_hits += 1;
        } else {
            counters.cmd_get += 1;
            counters.get_hits += 1;
        }
        let won = created || wins(&header, read, now);
        // What is created for a reader has the expiry that it was to be created with.
        let touch = read.touch.filter(|_| !created);
        note(&mut shard, place, header, &Read { touch, ..*read }, won, now);
        let item = Item { header, key: key.key, value: shard.value(place, &header) };
        Some(see(Hit { item, created, won }))
    }

    /// Reads an item as `get` does.
    #[inline]
    pub fn get<R>(&self, key: &[u8], now: Now, see: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        self.read(key, &Read::default(), now, |hit| see(hit.item))
    }

    /// Gives an item a new expiry; says whether there is one.
    pub fn touch(&self, key: &[u8], exptime: i64, now: Now) -> bool {
        self.read(key, &Read { touch: Some(exptime), ..Read::default() }, now, |_| ()).is_some()
    }

    /// Looks at an item without reading it: neither its recency nor any counter changes.
    pub fn inspect<R>(&self, key: &[u8], now: Now, see: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let (mut shard, key) = self.shard(key, now);
        let (place, header) = shard.find(key, now).item()?;
        Some(see(Item { header, key: key.key, value: shard.value(place, &header) }))
    }
}

/// Creates an empty item, if that is asked for and there is room.
fn vivify(shard: &mut Shard, key: Hashed<'_>, read: &Read, now: Now) -> Option<(Place, Header)> {
    let lease = read.lease?;
    let exptime = lease.vivify?;
    let version = shard.version(lease.version);
    let marks = if lease.packed_key { Marks::PACKED_KEY } else { Marks::default() };
    let write = Write { flags: 0, death: Death::of(exptime, now), version, marks };
    shard.put(key, write, &[], now)
}

fn count_miss(shard: &mut Shard, read: &Read, found: Found) {
    let counters = &mut shard.counters;
    if read.touch.is_some() {
        counters.cmd_touch += 1;
        counters.touch_misses += 1;
    } else {
        counters.cmd_get += 1;
        counters.get_misses += 1;
        counters.get_expired += u64::from(matches!(found, Found::Expired));
    }
}

/// Whether the reader of an item that was there is to write it anew.
fn wins(header: &Header, read: &Read, now: Now) -> bool {
    let Some(lease) = read.lease.filter(|_| !header.marks.has(Marks::LEASED)) else { return false };
    let ends_soon = lease.recache.is_some_and(|recache| {
        let death = match read.touch {
            Some(exptime) if recache.after_touch => Death::of(exptime, now),
            _ => header.death,
        };
        // An expiry of 0 is the end of no time that could come later.
        death != Death::NEVER && recache.exptime != 0 && death < Death::of(recache.exptime, now)
    });
    ends_soon || header.marks.has(Marks::STALE)
}

/// Notes in the item what its reader did to it.
fn note(shard: &mut Shard, place: Place, before: Header, read: &Read, won: bool, now: Now) {
    let mut header = before;
    if let Some(exptime) = read.touch {
        header.death = Death::of(exptime, now);
    }
    if won {
        header.marks = header.marks.with(Marks::LEASED);
    }
    if !read.peeks {
        header.note_use(now);
        header.marks = header.marks.with(Marks::FETCHED);
    }
    if header != before {
        shard.set_header(place, &header);
    }
}
