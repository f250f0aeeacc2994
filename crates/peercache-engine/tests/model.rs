//! Sequences of operations, on the store and on a model of memcached that is too simple to be wrong: a map, a
//! clock, and every rule written out once more.

use peercache_core::protocol::memcached::request::{CountVerb, StoreVerb};
use peercache_engine::{
    Count, Counted, Delete, Deleted, Lease, Now, Options, Put, Read, Store, Stored, Versions, WhenFull,
    item_bytes,
};
use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;
use std::collections::HashMap;
use std::num::NonZeroU64;

const START_S: u64 = 1_800_000_000;
const ITEM_BYTES_MAX: usize = 100;

#[derive(Debug, Clone)]
enum Operation {
    Store { verb: Verb, key: u8, flags: u32, exptime: i64, value: Vec<u8> },
    Count { verb: CountVerb, key: u8, delta: u64 },
    Get(u8),
    GetAndTouch(u8, i64),
    Touch(u8, i64),
    Delete(u8),
    MarkStale(u8),
    ReadToRenew { key: u8, vivify: Option<i64> },
    Forget(u8),
    Inspect(u8),
    Flush(i64),
    Wait(u64),
    Reclaim,
}

/// A verb without knowing versions: `Cas(true)` means with the right one.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Plain(StoreVerb),
    Cas(bool),
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    value: Vec<u8>,
    flags: u32,
    dies_at_s: Option<u64>,
    used_at_s: u64,
    fetched: bool,
    stale: bool,
    leased: bool,
}

/// What became of a value, without its version.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    Stored,
    Refused(Stored),
}

struct Model {
    entries: HashMap<u8, Entry>,
    now_s: u64,
    flush_due_s: Option<u64>,
}

impl Model {
    fn live(&mut self, key: u8) -> Option<&mut Entry> {
        if self.flush_due_s.is_some_and(|due_s| due_s <= self.now_s) {
            self.entries.clear();
            self.flush_due_s = None;
        }
        let now_s = self.now_s;
        self.entries.retain(|_, entry| entry.dies_at_s.is_none_or(|dies_at_s| dies_at_s > now_s));
        self.entries.get_mut(&key)
    }

    fn dies_at_s(&self, exptime: i64) -> Option<u64> {
        match exptime {
            0 => None,
            ..0 => Some(0),
            1..=2_592_000 => Some(self.now_s + exptime as u64),
            date => Some(date as u64),
        }
    }

    fn store(&mut self, verb: Verb, key: u8, new: &Put<'_>) -> Outcome {
        let key_bytes = name(key).len();
        if item_bytes(key_bytes, new.value.len(), new.flags) > ITEM_BYTES_MAX {
            if matches!(verb, Verb::Plain(StoreVerb::Set)) {
                self.entries.remove(&key);
            }
            return Outcome::Refused(Stored::TooLarge);
        }
        let old = self.live(key).cloned();
        let mut entry = Entry {
            value: new.value.to_vec(),
            flags: new.flags,
            dies_at_s: self.dies_at_s(new.exptime),
            used_at_s: self.now_s,
            fetched: false,
            stale: false,
            leased: false,
        };
        match (verb, old) {
            (Verb::Plain(StoreVerb::Add), Some(_)) => {
                // It counts as a use of what is there.
                let now_s = self.now_s;
                self.entries.entry(key).and_modify(|entry| entry.used_at_s = now_s);
                return Outcome::Refused(Stored::NotStored);
            }
            (Verb::Plain(StoreVerb::Set | StoreVerb::Add), _) => {}
            (Verb::Plain(StoreVerb::Replace) | Verb::Cas(true), Some(_)) => {}
            (Verb::Plain(_), None) => return Outcome::Refused(Stored::NotStored),
            (Verb::Cas(_), None) => return Outcome::Refused(Stored::NotFound),
            (Verb::Cas(false), Some(_)) => return Outcome::Refused(Stored::Exists),
            (Verb::Plain(StoreVerb::Append), Some(old)) => {
                let value = [&old.value[..], new.value].concat();
                entry = Entry { value, flags: old.flags, dies_at_s: old.dies_at_s, ..entry };
            }
            (Verb::Plain(_), Some(old)) => {
                let value = [new.value, &old.value].concat();
                entry = Entry { value, flags: old.flags, dies_at_s: old.dies_at_s, ..entry };
            }
        }
        if item_bytes(key_bytes, entry.value.len(), entry.flags) > ITEM_BYTES_MAX {
            return Outcome::Refused(Stored::NotStored);
        }
        self.entries.insert(key, entry);
        Outcome::Stored
    }

    fn count(&mut self, verb: CountVerb, key: u8, delta: u64) -> Result<u64, Counted> {
        let now_s = self.now_s;
        let Some(entry) = self.live(key) else { return Err(Counted::NotFound) };
        let mut words = entry.value.split(u8::is_ascii_whitespace).skip_while(|word| word.is_empty());
        let word = words.next().unwrap_or_default();
        // Rust takes a leading plus as well, as memcached does.
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<u64>().ok());
        let Some(number) = number else { return Err(Counted::NotANumber) };
        let number = match verb {
            CountVerb::Incr => number.wrapping_add(delta),
            CountVerb::Decr => number.saturating_sub(delta),
        };
        entry.value = format!("{number:<width$}", width = entry.value.len()).into_bytes();
        entry.used_at_s = now_s;
        Ok(number)
    }

    fn touch(&mut self, key: u8, exptime: i64) -> Option<Entry> {
        let dies_at_s = self.dies_at_s(exptime);
        let before = self.read(key)?;
        self.entries.get_mut(&key)?.dies_at_s = dies_at_s;
        Some(before)
    }

    /// The value, and whether this reader is to write it anew.
    fn read_to_renew(&mut self, key: u8, vivify: Option<i64>) -> Option<(Vec<u8>, bool)> {
        if self.live(key).is_none() {
            let dies_at_s = self.dies_at_s(vivify?);
            let (used_at_s, leased) = (self.now_s, true);
            let value = Vec::new();
            let created =
                Entry { value, flags: 0, dies_at_s, used_at_s, fetched: true, stale: false, leased };
            self.entries.insert(key, created);
            return Some((Vec::new(), true));
        }
        let entry = self.read(key)?;
        let won = entry.stale && !entry.leased;
        self.entries.get_mut(&key)?.leased |= won;
        Some((entry.value, won))
    }

    fn read(&mut self, key: u8) -> Option<Entry> {
        let now_s = self.now_s;
        let entry = self.live(key)?;
        entry.fetched = true;
        entry.used_at_s = now_s;
        Some(entry.clone())
    }
}

fn name(key: u8) -> Vec<u8> {
    format!("key-{key}").into_bytes()
}

fn new_store() -> Store {
    let options = Options {
        memory_bytes: NonZeroU64::MIN.saturating_add(16 << 20),
        item_bytes_max: ITEM_BYTES_MAX,
        when_full: WhenFull::Evict,
        versions: Versions::Kept,
    };
    Store::new(options, Now { unix_s: START_S })
}

/// Does one operation on both, and compares what they say.
fn step(store: &Store, model: &mut Model, operation: &Operation) -> Result<(), TestCaseError> {
    let now = Now { unix_s: model.now_s };
    match *operation {
        Operation::Store { .. } | Operation::Count { .. } => write(store, model, operation, now)?,
        Operation::Get(key) => {
            let found = store.get(&name(key), now, |item| (item.value().to_vec(), item.flags()));
            prop_assert_eq!(found, model.read(key).map(|entry| (entry.value, entry.flags)));
        }
        Operation::GetAndTouch(key, exptime) => {
            let read = Read { touch: Some(exptime), ..Read::default() };
            let found = store.read(&name(key), &read, now, |hit| hit.item.value().to_vec());
            prop_assert_eq!(found, model.touch(key, exptime).map(|entry| entry.value));
        }
        Operation::Touch(key, exptime) => {
            let touched = store.touch(&name(key), exptime, now);
            prop_assert_eq!(touched, model.touch(key, exptime).is_some());
        }
        Operation::Delete(key) => {
            let deleted = store.delete(&name(key), &Delete::default(), now) == Deleted::Deleted;
            let expected = model.live(key).is_some();
            model.entries.remove(&key);
            prop_assert_eq!(deleted, expected);
        }
        Operation::MarkStale(key) => {
            let delete = Delete { marks_stale: true, ..Delete::default() };
            let marked = store.delete(&name(key), &delete, now) == Deleted::Deleted;
            let expected = model.live(key).map(|entry| (entry.stale, entry.leased) = (true, false));
            prop_assert_eq!(marked, expected.is_some());
        }
        Operation::ReadToRenew { key, vivify } => {
            let lease = Lease { vivify, ..Lease::default() };
            let read = Read { lease: Some(lease), ..Read::default() };
            let found = store.read(&name(key), &read, now, |hit| (hit.item.value().to_vec(), hit.won));
            prop_assert_eq!(found, model.read_to_renew(key, vivify));
        }
        Operation::Forget(key) => {
            store.forget(&name(key), now);
            model.entries.remove(&key);
        }
        Operation::Inspect(key) => inspect(store, model, key, now)?,
        Operation::Flush(exptime) => {
            store.flush_all(exptime, now);
            model.live(0);
            match model.dies_at_s(exptime.max(0)) {
                Some(due_s) => model.flush_due_s = Some(due_s),
                None => model.flush_due_s = Some(model.now_s),
            }
            model.live(0);
        }
        Operation::Wait(seconds) => model.now_s += seconds,
        Operation::Reclaim => {
            store.reclaim(now, || std::ops::ControlFlow::Continue(()));
            model.live(0);
            prop_assert_eq!(store.counters().curr_items, model.entries.len() as u64);
        }
    }
    Ok(())
}

/// The operations that give values.
fn write(store: &Store, model: &mut Model, operation: &Operation, now: Now) -> Result<(), TestCaseError> {
    match *operation {
        Operation::Store { verb, key, flags, exptime, ref value } => {
            let verb_sent = match verb {
                Verb::Plain(verb) => verb,
                Verb::Cas(right) => {
                    let version = store.inspect(&name(key), now, |item| item.version()).unwrap_or(0);
                    StoreVerb::Cas(if right { version } else { version + 1 })
                }
            };
            let put = Put::classic(verb_sent, flags, exptime, value);
            let said = match store.store(&name(key), &put, now) {
                Stored::Stored(_) => Outcome::Stored,
                refused => Outcome::Refused(refused),
            };
            prop_assert_eq!(said, model.store(verb, key, &put));
        }
        Operation::Count { verb, key, delta } => {
            let said = match store.count(&name(key), &Count::classic(verb, delta), now) {
                Counted::Counted { number, .. } => Ok(number),
                refused => Err(refused),
            };
            prop_assert_eq!(said, model.count(verb, key, delta));
        }
        _ => {}
    }
    Ok(())
}

fn inspect(store: &Store, model: &mut Model, key: u8, now: Now) -> Result<(), TestCaseError> {
    let seen = store.inspect(&name(key), now, |item| {
        let times = (item.death().comes_in_s(now), item.idle_s(now));
        (times, item.was_fetched(), item.is_stale(), item.is_leased(), item.bytes())
    });
    let expected = model.live(key).cloned().map(|entry| {
        let times = (entry.dies_at_s.map(|at_s| at_s - now.unix_s), now.unix_s - entry.used_at_s);
        let bytes = item_bytes(name(key).len(), entry.value.len(), entry.flags);
        (times, entry.fetched, entry.stale, entry.leased, bytes)
    });
    prop_assert_eq!(seen, expected);
    Ok(())
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let key = 0..4u8;
    let exptime = prop_oneof![
        4 => Just(0i64), 4 => 1..5i64, 1 => -3..0i64, 1 => 2_592_000..2_592_003i64,
        2 => (START_S as i64 - 3)..(START_S as i64 + 8),
    ];
    let value = prop_oneof![
        "[0-9]{1,3}".prop_map(String::into_bytes),
        Just(b"18446744073709551615".to_vec()),
        prop::collection::vec(any::<u8>(), 0..45),
    ];
    let verb = prop_oneof![
        3 => Just(Verb::Plain(StoreVerb::Set)), 2 => Just(Verb::Plain(StoreVerb::Add)),
        1 => Just(Verb::Plain(StoreVerb::Replace)), 1 => Just(Verb::Plain(StoreVerb::Append)),
        1 => Just(Verb::Plain(StoreVerb::Prepend)), 2 => any::<bool>().prop_map(Verb::Cas),
    ];
    let flags = prop_oneof![Just(0u32), any::<u32>()];
    let count = prop_oneof![Just(CountVerb::Incr), Just(CountVerb::Decr)];
    let store = (verb, key.clone(), flags, exptime.clone(), value)
        .prop_map(|(verb, key, flags, exptime, value)| Operation::Store { verb, key, flags, exptime, value });
    let delta = prop_oneof![0..1000u64, any::<u64>()];
    let one = prop_oneof![
        8 => store,
        3 => (count, key.clone(), delta).prop_map(|(verb, key, delta)| Operation::Count { verb, key, delta }),
        6 => key.clone().prop_map(Operation::Get),
        2 => (key.clone(), exptime.clone()).prop_map(|(key, exptime)| Operation::GetAndTouch(key, exptime)),
        2 => (key.clone(), exptime.clone()).prop_map(|(key, exptime)| Operation::Touch(key, exptime)),
        2 => key.clone().prop_map(Operation::Delete),
        1 => key.clone().prop_map(Operation::Forget),
        2 => key.clone().prop_map(Operation::MarkStale),
        3 => (key.clone(), prop::option::of(exptime.clone()))
            .prop_map(|(key, vivify)| Operation::ReadToRenew { key, vivify }),
        4 => key.prop_map(Operation::Inspect),
        1 => exptime.prop_map(Operation::Flush),
        3 => (1..4u64).prop_map(Operation::Wait),
        1 => Just(Operation::Reclaim),
    ];
    prop::collection::vec(one, 1..60)
}

proptest! {
    #[test]
    fn the_store_does_what_the_model_does(operations in operations()) {
        let store = new_store();
        let mut model = Model { entries: HashMap::new(), now_s: START_S, flush_due_s: None };
        for operation in &operations {
            step(&store, &mut model, operation)?;
        }
        for key in 0..4 {
            step(&store, &mut model, &Operation::Inspect(key))?;
            step(&store, &mut model, &Operation::Get(key))?;
        }
        step(&store, &mut model, &Operation::Reclaim)?;
    }
}
