//! Storing.

use super::{Parcel, Store};
use crate::memory::{Header, Marks, Place, item_bytes};
use crate::shard::{Hashed, Shard, Write};
use crate::time::{Death, Now};
use peercache_core::protocol::memcached::request::StoreVerb;

/// A value to be stored, and how.
#[derive(Debug, Clone, Copy)]
pub struct Put<'a> {
    /// On which condition.
    pub verb: StoreVerb,
    /// Opaque; comes back with the value.
    pub flags: u32,
    /// memcached's expiry, see [`Death::of`].
    pub exptime: i64,
    /// The bytes; none where a [`Parcel`] has them.
    pub value: &'a [u8],
    /// For an append or prepend: what is there must have this version.
    pub compare: Option<u64>,
    /// For an append or prepend: where nothing is, store the value alone, with this expiry.
    pub vivify: Option<i64>,
    /// For a `cas`: a value that is older than what is there is taken, and marked as stale.
    pub takes_stale: bool,
    /// The version that it gets; none is one of the store's own.
    pub version: Option<u64>,
    /// Whether what is there has to go where this is refused for want of room: it must not look current.
    pub forgets: bool,
    /// Whether the key is any bytes, which clients write as base64.
    pub packed_key: bool,
}

impl<'a> Put<'a> {
    /// What a classic command asks for.
    #[must_use]
    pub const fn classic(verb: StoreVerb, flags: u32, exptime: i64, value: &'a [u8]) -> Self {
        Self {
            verb,
            flags,
            exptime,
            value,
            compare: None,
            vivify: None,
            takes_stale: false,
            version: None,
            forgets: matches!(verb, StoreVerb::Set),
            packed_key: false,
        }
    }
}

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is there.
    Stored(Written),
    /// It is not: something was there for `add`, or nothing for `replace`, `append`, `prepend`.
    NotStored,
    /// It is not: another version was found than was to be.
    Exists,
    /// It is not: `cas` found nothing.
    NotFound,
    /// It is over the item limit; what was there is gone too, where the request [forgets](Put::forgets).
    TooLarge,
    /// There is no room for it; as [`Stored::TooLarge`].
    OutOfMemory,
}

/// What is there after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The version of the item.
    pub version: u64,
    /// The length of its value, in bytes.
    pub value_bytes: usize,
}

/// What a verb makes of what is there.
enum Decision {
    /// The new value, in the place of what may be there.
    Replace,
    /// The new value, older than what is there.
    Stale,
    /// Both values, the new one behind or in front.
    Join,
    /// The new value, with the expiry of something created.
    Vivify(i64),
    Refuse(Stored),
}

/// What came of that.
enum Judged {
    /// The value itself is to be written.
    Alone(Write),
    /// The value together with what is there.
    Joined(Write, Vec<u8>),
    Refused(Stored),
}

/// Where the value is that a request brought.
#[derive(Clone, Copy)]
enum Body<'a> {
    Bytes(&'a [u8]),
    /// In the shard, under this name.
    Coming(u32),
}

impl Body<'_> {
    fn append_to(self, shard: &Shard, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Coming(coming) => shard.come(coming).append_to(out),
        }
    }
}

impl Store {
    /// Stores a value, if what is there lets its verb do so.
    pub fn store(&self, key: &[u8], put: &Put<'_>, now: Now) -> Stored {
        if item_bytes(key.len(), put.value.len(), put.flags) > self.item_bytes_max {
            return self.too_large(key, put, now);
        }
        let (mut shard, key) = self.shard(key, now);
        match self.judge(&mut shard, key, put, Body::Bytes(put.value), now) {
            Judged::Alone(write) => put_bytes(&mut shard, key, put, write, put.value, now),
            Judged::Joined(write, value) => put_bytes(&mut shard, key, put, write, &value, now),
            Judged::Refused(stored) => stored,
        }
    }

    /// Stores a value that has come in pieces, as [`Self::store`] does. `key` must be the one that it began
    /// with.
    pub fn deliver(&self, key: &[u8], put: &Put<'_>, parcel: Parcel, now: Now) -> Stored {
        let value_bytes = parcel.value_bytes();
        if item_bytes(key.len(), value_bytes, put.flags) > self.item_bytes_max {
            self.abandon(parcel);
            return self.too_large(key, put, now);
        }
        let (mut shard, key) = self.shard(key, now);
        let Some(coming) = parcel.coming else { return no_room(&mut shard, key, put, value_bytes, now) };
        if shard.is_lost(coming) {
            shard.abandon(coming);
            return no_room(&mut shard, key, put, value_bytes, now);
        }
        match self.judge(&mut shard, key, put, Body::Coming(coming), now) {
            Judged::Alone(write) => {
                shard.adopt(key, write, coming, now);
                stored(&mut shard, write, value_bytes)
            }
            Judged::Joined(write, value) => {
                shard.abandon(coming);
                put_bytes(&mut shard, key, put, write, &value, now)
            }
            Judged::Refused(stored) => {
                shard.abandon(coming);
                stored
            }
        }
    }

    /// Drops what is under `key` because a newer value was refused: missing is right, the old value is not.
    pub fn forget(&self, key: &[u8], now: Now) {
        let (mut shard, key) = self.shard(key, now);
        shard.counters.store_too_large += 1;
        drop_old(&mut shard, key, now);
    }

    fn too_large(&self, key: &[u8], put: &Put<'_>, now: Now) -> Stored {
        let (mut shard, key) = self.shard(key, now);
        shard.counters.store_too_large += 1;
        if put.forgets {
            drop_old(&mut shard, key, now);
        }
        Stored::TooLarge
    }

    /// What is to be written, if what is there lets the verb do so.
    fn judge(&self, shard: &mut Shard, key: Hashed<'_>, put: &Put<'_>, body: Body<'_>, now: Now) -> Judged {
        shard.counters.cmd_set += 1;
        let old = shard.find(key, now).item();
        let marks = if put.packed_key { Marks::PACKED_KEY } else { Marks::default() };
        let mut write = Write { flags: put.flags, death: Death::of(put.exptime, now), version: 0, marks };
        let mut joined = None;
        match (decide(shard, old.as_ref().map(|(_, header)| header), put), old) {
            (Decision::Refuse(stored), _) => return Judged::Refused(refuse(shard, stored, old, now)),
            (Decision::Stale, Some((_, old))) => {
                write.death = old.death;
                write.marks = marks.with(Marks::STALE);
                if old.marks.has(Marks::LEASED) {
                    write.marks = write.marks.with(Marks::LEASED);
                }
            }
            (Decision::Join, Some((place, old))) => {
                (write.flags, write.death) = (old.flags, old.death);
                let value = join(shard, place, &old, put.verb, body);
                if item_bytes(key.key.len(), value.len(), write.flags) > self.item_bytes_max {
                    // memcached has no other answer to this.
                    return Judged::Refused(Stored::NotStored);
                }
                joined = Some(value);
            }
            (Decision::Vivify(exptime), _) => write.death = Death::of(exptime, now),
            (Decision::Replace | Decision::Stale | Decision::Join, _) => {}
        }
        write.version = shard.version(put.version);
        joined.map_or(Judged::Alone(write), |value| Judged::Joined(write, value))
    }
}

fn decide(shard: &mut Shard, old: Option<&Header>, put: &Put<'_>) -> Decision {
    match (put.verb, old) {
        (StoreVerb::Set, _) | (StoreVerb::Add, None) | (StoreVerb::Replace, Some(_)) => Decision::Replace,
        // As in memcached, a version of 0 is none, which no item has.
        (StoreVerb::Cas(expected @ 1..), Some(old)) if expected == old.version => {
            shard.counters.cas_hits += 1;
            Decision::Replace
        }
        (StoreVerb::Cas(expected @ 1..), Some(old)) if put.takes_stale && expected < old.version => {
            shard.counters.cas_hits += 1;
            Decision::Stale
        }
        (StoreVerb::Cas(_), Some(_)) => {
            shard.counters.cas_badval += 1;
            Decision::Refuse(Stored::Exists)
        }
        (StoreVerb::Cas(_), None) => {
            shard.counters.cas_misses += 1;
            Decision::Refuse(Stored::NotFound)
        }
        (StoreVerb::Append | StoreVerb::Prepend, Some(old)) => match put.compare {
            Some(expected) if expected != old.version => Decision::Refuse(Stored::Exists),
            _ => Decision::Join,
        },
        (StoreVerb::Append | StoreVerb::Prepend, None) => {
            put.vivify.map_or(Decision::Refuse(Stored::NotStored), Decision::Vivify)
        }
        (StoreVerb::Add, Some(_)) | (StoreVerb::Replace, None) => Decision::Refuse(Stored::NotStored),
    }
}

/// An `add` that found something counts as a use of it, as in memcached.
fn refuse(shard: &mut Shard, stored: Stored, old: Option<(Place, Header)>, now: Now) -> Stored {
    if let (Stored::NotStored, Some((place, mut header))) = (stored, old) {
        header.note_use(now);
        shard.set_header(place, &header);
    }
    stored
}

fn join(shard: &Shard, place: Place, old: &Header, verb: StoreVerb, body: Body<'_>) -> Vec<u8> {
    let old = shard.value(place, old);
    let mut joined = Vec::new();
    if verb == StoreVerb::Append {
        old.append_to(&mut joined);
        body.append_to(shard, &mut joined);
    } else {
        body.append_to(shard, &mut joined);
        old.append_to(&mut joined);
    }
    joined
}

fn put_bytes(
    shard: &mut Shard,
    key: Hashed<'_>,
    put: &Put<'_>,
    write: Write,
    value: &[u8],
    now: Now,
) -> Stored {
    match shard.put(key, write, &[value], now) {
        Some(_) => stored(shard, write, value.len()),
        None => no_room(shard, key, put, value.len(), now),
    }
}

fn stored(shard: &mut Shard, write: Write, value_bytes: usize) -> Stored {
    shard.counters.total_items += 1;
    Stored::Stored(Written { version: write.version, value_bytes })
}

fn no_room(shard: &mut Shard, key: Hashed<'_>, put: &Put<'_>, value_bytes: usize, now: Now) -> Stored {
    shard.counters.store_no_memory += 1;
    shard.classes.counted(item_bytes(key.key.len(), value_bytes, put.flags)).outofmemory += 1;
    if put.forgets {
        drop_old(shard, key, now);
    }
    Stored::OutOfMemory
}

fn drop_old(shard: &mut Shard, key: Hashed<'_>, now: Now) {
    if let Some((place, _)) = shard.find(key, now).item() {
        shard.remove(key.hash, place);
    }
}
