//! Operations in the store's words, and what it shows of an item in the model's.

use super::super::model::{Entry, Lease, Marks};
use super::super::operations::{Counting, Deleting, Exptime, Reading, Storing, Verb, Wording};
use super::START_S;
use peercache_core::protocol::memcached::request::StoreVerb;
use peercache_engine::{Count, Delete, Item, Now, Put, Read, Recache};

/// What the store shows of an item.
pub(super) fn entry(item: &Item<'_>, now: Now) -> Entry {
    Entry {
        value: item.value().to_vec(),
        flags: item.flags(),
        version: item.version(),
        dies_at_s: item.death().unix_s(),
        used_at_s: now.unix_s - item.idle_s(now),
        marks: Marks {
            fetched: item.was_fetched(),
            stale: item.is_stale(),
            lease: if item.is_leased() { Lease::Taken } else { Lease::Free },
            packed: item.has_packed_key(),
        },
    }
}

/// What is stored.
pub(super) fn put<'a>(storing: &'a Storing, version: Option<u64>, wording: &Wording) -> Put<'a> {
    let number = version.unwrap_or(0);
    let verb = match storing.verb {
        Verb::Set => StoreVerb::Set,
        Verb::Add => StoreVerb::Add,
        Verb::Replace => StoreVerb::Replace,
        Verb::Append => StoreVerb::Append,
        Verb::Prepend => StoreVerb::Prepend,
        Verb::Cas(_) => StoreVerb::Cas(number),
    };
    Put {
        verb,
        flags: storing.flags,
        exptime: storing.exptime.at(START_S),
        value: &storing.value,
        compare: storing.compare.map(|_| number),
        vivify: storing.vivify.map(|exptime| exptime.at(START_S)),
        takes_stale: storing.takes_stale,
        version: storing.version,
        forgets: wording.is_meta || verb == StoreVerb::Set,
        packed_key: wording.is_packed,
    }
}

/// How it is read.
pub(super) fn read(reading: &Reading, packed_key: bool) -> Read {
    let at = |exptime: Exptime| exptime.at(START_S);
    let recache = |exptime| Recache { exptime: at(exptime), after_touch: reading.after_touch };
    Read {
        touch: reading.touch.map(at),
        peeks: reading.peeks,
        lease: Some(peercache_engine::Lease {
            vivify: reading.vivify.map(at),
            recache: reading.recache.map(recache),
            version: reading.version,
            packed_key,
        }),
    }
}

/// What is deleted.
pub(super) fn delete(deleting: &Deleting, version: Option<u64>) -> Delete {
    Delete {
        compare: version,
        marks_stale: deleting.marks_stale,
        keeps_key: deleting.keeps_key,
        touch: deleting.touch.map(|exptime| exptime.at(START_S)),
        flags: deleting.flags,
        version: deleting.version,
    }
}

/// What is counted.
pub(super) fn count(counting: &Counting, version: Option<u64>, packed_key: bool) -> Count {
    Count {
        verb: counting.verb,
        delta: counting.delta,
        compare: version,
        vivify: counting.vivify.map(|(number, exptime)| (number, exptime.at(START_S))),
        touch: counting.touch.map(|exptime| exptime.at(START_S)),
        version: counting.version,
        packed_key,
    }
}
