//! Sequences of operations, on the store and on a model of memcached that is too simple to be wrong: a map, a
//! clock, and every rule written out once more.

use peercache_core::key::Key;
use peercache_core::protocol::memcached::request::{CountVerb, StoreVerb};
use peercache_engine::{Counted, New, Now, Options, Store, Stored, WhenFull, item_bytes};
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
    version: u64,
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

    fn store(&mut self, verb: Verb, key: u8, new: &New<'_>) -> Stored {
        let key_bytes = name(key).len();
        if item_bytes(key_bytes, new.value.len(), new.flags) > ITEM_BYTES_MAX {
            if matches!(verb, Verb::Plain(StoreVerb::Set)) {
                self.entries.remove(&key);
            }
            return Stored::TooLarge;
        }
        let old = self.live(key).cloned();
        let mut entry = Entry {
            value: new.value.to_vec(),
            flags: new.flags,
            dies_at_s: self.dies_at_s(new.exptime),
            used_at_s: self.now_s,
            fetched: false,
            version: 0,
        };
        match (verb, old) {
            (Verb::Plain(StoreVerb::Add), Some(_)) => return Stored::NotStored,
            (Verb::Plain(StoreVerb::Set | StoreVerb::Add), _) => {}
            (Verb::Plain(StoreVerb::Replace) | Verb::Cas(true), Some(_)) => {}
            (Verb::Plain(_), None) => return Stored::NotStored,
            (Verb::Cas(_), None) => return Stored::NotFound,
            (Verb::Cas(false), Some(_)) => return Stored::Exists,
            (Verb::Plain(StoreVerb::Append), Some(old)) => {
                let value = [&old.value[..], new.value].concat();
                entry = Entry { value, used_at_s: self.now_s, fetched: false, ..old };
            }
            (Verb::Plain(_), Some(old)) => {
                let value = [new.value, &old.value].concat();
                entry = Entry { value, used_at_s: self.now_s, fetched: false, ..old };
            }
        }
        if item_bytes(key_bytes, entry.value.len(), entry.flags) > ITEM_BYTES_MAX {
            return Stored::NotStored;
        }
        self.entries.insert(key, entry);
        Stored::Stored
    }

    fn count(&mut self, verb: CountVerb, key: u8, delta: u64) -> Counted {
        let now_s = self.now_s;
        let Some(entry) = self.live(key) else { return Counted::NotFound };
        let mut words = entry.value.split(u8::is_ascii_whitespace).skip_while(|word| word.is_empty());
        let word = words.next().unwrap_or_default();
        // Rust takes a leading plus as well, as memcached does.
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<u64>().ok());
        let Some(number) = number else { return Counted::NotANumber };
        let number = match verb {
            CountVerb::Incr => number.wrapping_add(delta),
            CountVerb::Decr => number.saturating_sub(delta),
        };
        entry.value = format!("{number:<width$}", width = entry.value.len()).into_bytes();
        entry.used_at_s = now_s;
        Counted::Value(number)
    }

    fn touch(&mut self, key: u8, exptime: i64) -> Option<Entry> {
        let dies_at_s = self.dies_at_s(exptime);
        let entry = self.live(key)?;
        entry.dies_at_s = dies_at_s;
        Some(entry.clone())
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

fn checked(bytes: &[u8]) -> Key<'_> {
    Key::new(bytes).expect("the model's keys are short words")
}

fn new_store() -> Store {
    Store::new(Options {
        memory_bytes: NonZeroU64::MIN.saturating_add(16 << 20),
        item_bytes_max: ITEM_BYTES_MAX,
        when_full: WhenFull::Evict,
    })
}

/// Does one operation on both, and compares what they say.
fn step(store: &Store, model: &mut Model, operation: &Operation) -> Result<(), TestCaseError> {
    let now = Now { unix_s: model.now_s };
    match *operation {
        Operation::Store { verb, key, flags, exptime, ref value } => {
            let new = New { flags, exptime, value };
            let bytes = name(key);
            let key_bytes = checked(&bytes);
            let verb_sent = match verb {
                Verb::Plain(verb) => verb,
                Verb::Cas(right) => {
                    let version = store.inspect(key_bytes, now).map_or(0, |info| info.version);
                    StoreVerb::Cas(if right { version } else { version + 1 })
                }
            };
            prop_assert_eq!(store.store(verb_sent, key_bytes, new, now), model.store(verb, key, &new));
        }
        Operation::Count { verb, key, delta } => {
            let said = store.count(verb, checked(&name(key)), delta, now);
            prop_assert_eq!(said, model.count(verb, key, delta));
        }
        Operation::Get(key) => {
            let found = store.get(checked(&name(key)), now);
            let found = found.map(|item| (item.value().to_vec(), item.flags()));
            prop_assert_eq!(found, model.read(key).map(|entry| (entry.value, entry.flags)));
        }
        Operation::GetAndTouch(key, exptime) => {
            let found = store.get_and_touch(checked(&name(key)), exptime, now);
            let expected = model.read(key);
            model.touch(key, exptime);
            prop_assert_eq!(found.map(|item| item.value().to_vec()), expected.map(|entry| entry.value));
        }
        Operation::Touch(key, exptime) => {
            let touched = store.touch(checked(&name(key)), exptime, now);
            prop_assert_eq!(touched, model.touch(key, exptime).is_some());
        }
        Operation::Delete(key) => {
            let deleted = store.delete(checked(&name(key)), now);
            let expected = model.live(key).is_some();
            model.entries.remove(&key);
            prop_assert_eq!(deleted, expected);
        }
        Operation::Forget(key) => {
            store.forget(checked(&name(key)));
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

fn inspect(store: &Store, model: &mut Model, key: u8, now: Now) -> Result<(), TestCaseError> {
    let info = store.inspect(checked(&name(key)), now);
    let expected = model.live(key).cloned();
    prop_assert_eq!(info.is_some(), expected.is_some());
    if let (Some(info), Some(entry)) = (info, expected) {
        prop_assert_eq!(info.expires_in_s, entry.dies_at_s.map(|at_s| at_s - now.unix_s));
        prop_assert_eq!(info.fetched, entry.fetched);
        prop_assert_eq!(info.idle_s, now.unix_s - entry.used_at_s);
        let bytes = item_bytes(name(key).len(), entry.value.len(), entry.flags);
        prop_assert_eq!(info.item_bytes, bytes as u64);
    }
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
