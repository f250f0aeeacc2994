//! What holds for whatever is done to a store: it does what the model does, where there is room and where
//! there is none.
//!
//! Where there is none, an item may be missing, which the model then forgets; what is there is as the model
//! has it, to the last mark, and the memory is within its limit, but for what one item can add to it.

mod calls;

use super::model::{Model, Shown, Tally};
use super::operations::{Deed, Exptime, ITEM_BYTES_MAX, Key, Operation, operations};
use calls::entry;
use peercache_engine::{
    Count, Counted, Cursor, Delete, Deleted, Now, Options, Parcel, Put, Read, Store, Stored, Versions,
    WhenFull,
};
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::ops::ControlFlow;

const START_S: u64 = 1_800_000_000;

/// More than any stream fills.
const ENOUGH_BYTES: u64 = 64 << 20;

/// Room for few of the large items.
const SCARCE_BYTES: u64 = 512 << 10;

/// What is known of items may have grown with the last of them: a block of the table, or a list that has
/// doubled. The next item makes room for that too.
const GROWTH_BYTES: u64 = 8 << 10;

/// Holds all of it against `stream`.
pub(crate) fn hold(stream: &[u8]) {
    for room in [Room::Enough, Room::Scarce(WhenFull::Evict), Room::Scarce(WhenFull::Refuse)] {
        let mut trial = Trial::new(room);
        operations(stream).for_each(|operation| trial.step(&operation));
        trial.end();
    }
}

/// How much memory the store has.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Room {
    Enough,
    Scarce(WhenFull),
}

/// A store, what should be in it, and the versions that it has given.
struct Trial {
    room: Room,
    store: Store,
    model: Model,
    /// The last version that the store chose by itself, for each key.
    given: HashMap<Vec<u8>, u64>,
    /// A version that a key had when it was last asked for.
    earlier: HashMap<Vec<u8>, u64>,
    /// How many items had gone when they were looked for.
    missed: u64,
    /// A value whose second half is still to come.
    coming: Option<Coming>,
}

/// A value on its way, and how many operations come before the rest of it.
struct Coming {
    operation: Operation,
    parcel: Parcel,
    pause: u8,
}

impl Trial {
    fn new(room: Room) -> Self {
        let (bytes, when_full) = match room {
            Room::Enough => (ENOUGH_BYTES, WhenFull::Evict),
            Room::Scarce(when_full) => (SCARCE_BYTES, when_full),
        };
        let memory_bytes = NonZeroU64::new(bytes).expect("it has room");
        let options =
            Options { memory_bytes, item_bytes_max: ITEM_BYTES_MAX, when_full, versions: Versions::Kept };
        Self {
            room,
            store: Store::new(options, Now { unix_s: START_S }),
            model: Model::new(START_S),
            given: HashMap::new(),
            earlier: HashMap::new(),
            missed: 0,
            coming: None,
        }
    }

    fn now(&self) -> Now {
        Now { unix_s: self.model.now_s() }
    }

    /// Does one operation on both, or begins it.
    fn step(&mut self, operation: &Operation) {
        if let Some(mut coming) = self.coming.take() {
            if coming.pause == 0 {
                self.perform(&coming.operation, Some(coming.parcel));
            } else {
                coming.pause -= 1;
                self.coming = Some(coming);
            }
        }
        match &operation.deed {
            Deed::Store(storing) if storing.pause.is_some() && self.coming.is_none() => {
                let (name, value, now) = (operation.key.name(), &storing.value, self.now());
                let mut parcel = self.store.open(&name, value.len(), now);
                self.store.append(&mut parcel, &value[..value.len() / 2], now);
                let pause = storing.pause.unwrap_or(0);
                self.coming = Some(Coming { operation: operation.clone(), parcel, pause });
            }
            _ => self.perform(operation, None),
        }
    }

    /// Does one operation on both, and compares what they say and what is there. A value may have come half.
    fn perform(&mut self, operation: &Operation, parcel: Option<Parcel>) {
        let name = operation.key.name();
        self.forgive(&name);
        let version = operation.asks_for().map(|asked| {
            let current = self.model.get(&name).map_or(1, |entry| entry.version);
            let earlier = self.earlier.insert(name.clone(), current).unwrap_or(1);
            asked.number(current, earlier)
        });
        let packed = operation.wording.is_packed;
        match &operation.deed {
            Deed::Store(storing) => {
                self.store_value(&name, &calls::put(storing, version, &operation.wording), parcel);
            }
            Deed::Get { more, touch } => self.get(operation.key, *more, *touch),
            Deed::Read(reading) => self.read(&name, &calls::read(reading, packed)),
            Deed::Touch(exptime) => {
                let read = Read { touch: Some(exptime.at(START_S)), ..Read::default() };
                let said = self.store.touch(&name, exptime.at(START_S), self.now());
                assert_eq!(said, self.model.read(&name, &read, 0).is_some());
            }
            Deed::Delete(deleting) => self.delete(&name, &calls::delete(deleting, version)),
            Deed::Count(counting) => self.count(&name, &calls::count(counting, version, packed)),
            Deed::Inspect => {}
            Deed::Flush(exptime) => {
                self.store.flush_all(exptime.at(START_S), self.now());
                self.model.flush(exptime.at(START_S));
            }
            Deed::Forget => {
                self.store.forget(&name, self.now());
                self.model.remove(&name);
            }
            Deed::Wait(seconds) => self.model.wait(*seconds),
            Deed::Reclaim => self.reclaim(),
            Deed::List => self.list(),
            Deed::Limit(kib) => self.limit(*kib),
        }
        self.look(&name);
        let counters = self.store.counters();
        assert!(counters.held_bytes <= counters.limit_maxbytes + GROWTH_BYTES, "{counters:?}");
    }

    /// Where there is no room, what is missing had to go.
    fn forgive(&mut self, name: &[u8]) {
        if self.room != Room::Enough
            && self.model.get(name).is_some()
            && self.store.inspect(name, self.now(), |_| ()).is_none()
        {
            self.model.remove(name);
            self.missed += 1;
            let evictions = self.store.counters().evictions;
            assert!(self.missed <= evictions, "{} items are missing, {evictions} had to go", self.missed);
        }
    }

    /// What is there is as it should be, to the last mark.
    fn look(&mut self, name: &[u8]) {
        self.forgive(name);
        let seen = self.store.inspect(name, self.now(), |item| {
            assert_eq!(item.key(), name);
            (entry(&item, self.now()), item.bytes())
        });
        let expected = self.model.get(name).map(|entry| {
            let bytes = entry.item_bytes(name);
            (entry, bytes)
        });
        same(&seen, &expected);
    }

    /// A version that the store chose is one that this key never had.
    fn note(&mut self, name: &[u8], chosen: Option<u64>, version: u64) {
        if let Some(chosen) = chosen {
            assert_eq!(version, chosen);
        } else if let Some(last) = self.given.insert(name.to_vec(), version) {
            assert!(version > last, "version {version} follows {last}");
        }
    }

    fn store_value(&mut self, name: &[u8], put: &Put<'_>, parcel: Option<Parcel>) {
        let said = match parcel {
            None => self.store.store(name, put, self.now()),
            Some(mut parcel) => {
                self.store.append(&mut parcel, &put.value[put.value.len() / 2..], self.now());
                // That may have needed the room of what has this key.
                self.forgive(name);
                self.store.deliver(name, &Put { value: b"", ..*put }, parcel, self.now())
            }
        };
        if said == Stored::OutOfMemory {
            assert_ne!(self.room, Room::Enough);
            if put.forgets {
                self.model.remove(name);
            }
            return;
        }
        let mut version = 0;
        if let Stored::Stored(written) = said {
            version = written.version;
            self.note(name, put.version, version);
        }
        assert_eq!(said, self.model.store(name, put, version));
    }

    fn get(&mut self, key: Key, more: u8, touch: Option<Exptime>) {
        let read = Read { touch: touch.map(|exptime| exptime.at(START_S)), ..Read::default() };
        for name in key.and(more).map(Key::name) {
            self.forgive(&name);
            let now = self.now();
            let said = match touch {
                None => self.store.get(&name, now, |item| entry(&item, now)),
                Some(_) => self.store.read(&name, &read, now, |hit| entry(&hit.item, now)),
            };
            same(&said, &self.model.read(&name, &read, 0).map(|shown| shown.entry));
        }
    }

    fn read(&mut self, name: &[u8], read: &Read) {
        let now = self.now();
        let said = self.store.read(name, read, now, |hit| Shown {
            entry: entry(&hit.item, now),
            created: hit.created,
            won: hit.won,
        });
        let Some(shown) = said else {
            let creates = read.lease.is_some_and(|lease| lease.vivify.is_some());
            assert!(self.model.get(name).is_none() && (!creates || self.room != Room::Enough));
            return;
        };
        if shown.created {
            self.note(name, read.lease.and_then(|lease| lease.version), shown.entry.version);
        }
        let expected = self.model.read(name, read, shown.entry.version);
        same(&Some(shown), &expected);
    }

    fn delete(&mut self, name: &[u8], delete: &Delete) {
        let said = self.store.delete(name, delete, self.now());
        if said == Deleted::OutOfMemory {
            assert_ne!(self.room, Room::Enough);
            return;
        }
        let mut version = 0;
        if said == Deleted::Deleted && delete.marks_stale {
            // What is over at once cannot be looked at.
            let seen = self.store.inspect(name, self.now(), |item| item.version());
            version = seen.or(delete.version).unwrap_or(0);
            if seen.is_some() {
                self.note(name, delete.version, version);
            }
        }
        assert_eq!(said, self.model.delete(name, delete, version));
    }

    fn count(&mut self, name: &[u8], count: &Count) {
        let said = match self.store.count(name, count, self.now()) {
            Counted::Counted { number, version, death, created } => {
                Ok(Tally { number, version, dies_at_s: death.unix_s(), created })
            }
            refused => Err(refused),
        };
        if said == Err(Counted::OutOfMemory) {
            assert_ne!(self.room, Room::Enough);
            return;
        }
        let version = said.as_ref().map_or(0, |tally| tally.version);
        if said.is_ok() {
            self.note(name, count.version, version);
        }
        assert_eq!(said, self.model.count(name, count, version));
    }

    fn reclaim(&mut self) {
        self.store.reclaim(self.now(), || ControlFlow::Continue(()));
        let (there, expected) = (self.store.counters().curr_items, self.model.entries().len() as u64);
        assert!(there <= expected && (there == expected || self.room != Room::Enough), "{there} {expected}");
    }

    /// Every item is listed once, as nobody writes meanwhile, and nothing else is.
    fn list(&mut self) {
        let (now, mut listed) = (self.now(), HashMap::new());
        let mut cursor = Some(Cursor::default());
        while let Some(from) = cursor {
            cursor = self.store.list(from, now, |item| {
                let twice = listed.insert(item.key().to_vec(), entry(&item, now));
                assert!(twice.is_none(), "{} twice", item.key().escape_ascii());
            });
        }
        let missing: Vec<_> =
            self.model.entries().keys().filter(|name| !listed.contains_key(*name)).cloned().collect();
        missing.iter().for_each(|name| self.forgive(name));
        let expected = self.model.entries();
        assert_eq!(listed.len(), expected.len());
        listed.into_iter().for_each(|(name, entry)| same(&Some(entry), &expected.get(&name).cloned()));
    }

    fn limit(&mut self, kib: u64) {
        let bytes = match self.room {
            Room::Enough => ENOUGH_BYTES + (kib << 10),
            Room::Scarce(WhenFull::Evict) => kib << 10,
            // A store that must not evict does so where it is given less than it has.
            Room::Scarce(WhenFull::Refuse) => return,
        };
        self.store.set_memory_bytes(NonZeroU64::new(bytes).expect("it has room"), self.now());
    }

    fn end(&mut self) {
        if let Some(coming) = self.coming.take() {
            self.store.abandon(coming.parcel);
        }
        self.list();
        self.reclaim();
        if self.room != Room::Scarce(WhenFull::Evict) {
            assert_eq!(self.missed, 0);
        }
    }
}

/// As `assert_eq`, without writing values of pages.
fn same<T: PartialEq + std::fmt::Debug>(said: &T, expected: &T) {
    let short = |all: &T| format!("{all:?}").chars().take(600).collect::<String>();
    assert!(said == expected, "\nsaid     {}\nexpected {}", short(said), short(expected));
}
