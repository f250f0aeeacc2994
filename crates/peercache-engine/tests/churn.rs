//! Values of all lengths that come, change and go in a store that is too small for them. Whatever has to make
//! room, a key that is there has the value it was given last, and memory is never above its limit.

use peercache_core::protocol::memcached::request::StoreVerb;
use peercache_engine::{Cursor, Delete, Now, Options, Put, Store, Stored, Versions, WhenFull};
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use proptest::test_runner::TestCaseError;
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::ops::ControlFlow;

const START_S: u64 = 1_800_000_000;
const MEMORY_BYTES: u64 = 1 << 20;

#[derive(Debug, Clone)]
enum Operation {
    Set { key: u16, bytes: usize, exptime: i64 },
    Append { key: u16, bytes: usize },
    Get(u16),
    Delete(u16),
    Reclaim,
    Wait,
    Limit(u64),
    Flush,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let key = || 0..300u16;
    let bytes =
        prop_oneof![8 => 0..200usize, 4 => 200..5_000usize, 2 => 5_000..20_000usize, 1 => 0..120_000usize];
    let exptime = prop_oneof![6 => Just(0i64), 1 => 1..4i64];
    let one = prop_oneof![
        40 => (key(), bytes.clone(), exptime)
            .prop_map(|(key, bytes, exptime)| Operation::Set { key, bytes, exptime }),
        6 => (key(), bytes).prop_map(|(key, bytes)| Operation::Append { key, bytes: bytes / 10 }),
        40 => key().prop_map(Operation::Get),
        8 => key().prop_map(Operation::Delete),
        1 => Just(Operation::Reclaim),
        1 => Just(Operation::Wait),
        1 => (MEMORY_BYTES / 2..MEMORY_BYTES * 2).prop_map(Operation::Limit),
        1 => any::<u8>().prop_map(|chance| if chance < 16 { Operation::Flush } else { Operation::Reclaim }),
    ];
    prop::collection::vec(one, 200..1_500)
}

/// Bytes that tell whose they are, and which.
fn bytes_of(seed: u64, length: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let byte = |_| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x as u8
    };
    (0..length).map(byte).collect()
}

struct World {
    store: Store,
    /// The value that each key was given last, and when it dies.
    last: HashMap<u16, (Vec<u8>, u64)>,
    now: Now,
    writes: u64,
}

impl World {
    fn step(&mut self, operation: &Operation) -> Result<(), TestCaseError> {
        match *operation {
            Operation::Set { key, bytes, exptime } => {
                self.writes += 1;
                let value = bytes_of(self.writes, bytes);
                let put = Put::classic(StoreVerb::Set, 0, exptime, &value);
                let stored = self.store.store(&key.to_be_bytes(), &put, self.now);
                prop_assert!(matches!(stored, Stored::Stored(_)), "{:?} of {} bytes", stored, bytes);
                let dies_at_s = if exptime == 0 { u64::MAX } else { self.now.unix_s + exptime as u64 };
                self.last.insert(key, (value, dies_at_s));
            }
            Operation::Append { key, bytes } => {
                self.writes += 1;
                let value = bytes_of(self.writes, bytes);
                let put = Put::classic(StoreVerb::Append, 0, 0, &value);
                if let Stored::Stored(_) = self.store.store(&key.to_be_bytes(), &put, self.now) {
                    let (last, _) = self.last.get_mut(&key).expect("there was something to append to");
                    last.extend_from_slice(&value);
                }
            }
            Operation::Get(key) => {
                let found = self.store.get(&key.to_be_bytes(), self.now, |item| item.value().to_vec());
                let living = self.last.get(&key).filter(|(_, dies_at_s)| *dies_at_s > self.now.unix_s);
                if let Some(found) = found {
                    let due = living.map(|(value, _)| value);
                    prop_assert!(
                        due == Some(&found),
                        "key {} has {} bytes that are not its own",
                        key,
                        found.len()
                    );
                }
            }
            Operation::Delete(key) => {
                self.store.delete(&key.to_be_bytes(), &Delete::default(), self.now);
                self.last.remove(&key);
            }
            Operation::Reclaim => self.store.reclaim(self.now, || ControlFlow::Continue(())),
            Operation::Wait => self.now.unix_s += 1,
            Operation::Limit(bytes) => {
                self.store.set_memory_bytes(NonZeroU64::new(bytes).expect("it is above 0"), self.now);
            }
            Operation::Flush => {
                self.store.flush_all(0, self.now);
                self.last.clear();
            }
        }
        let counters = self.store.counters();
        // A few pages while something is moved.
        prop_assert!(counters.held_bytes <= counters.limit_maxbytes + 5 * 4_096, "{:?}", counters);
        let classes = self.store.classes();
        let (items, evicted, reclaimed) =
            classes.iter().fold((0, 0, 0), |(items, evicted, reclaimed), class| {
                (items + class.items, evicted + class.counted.evicted, reclaimed + class.counted.reclaimed)
            });
        prop_assert_eq!(
            (items, evicted, reclaimed),
            (counters.curr_items, counters.evictions, counters.reclaimed)
        );
        Ok(())
    }

    /// What is listed is what is there, once each.
    fn list(&self) -> Result<(), TestCaseError> {
        let (mut listed, mut next) = (0, Some(Cursor::default()));
        while let Some(cursor) = next {
            next = self.store.list(cursor, self.now, |_| listed += 1);
        }
        let found =
            (0..300u16).filter(|key| self.store.inspect(&key.to_be_bytes(), self.now, |_| ()).is_some());
        prop_assert_eq!(listed, found.count());
        let (mut bytes, mut next) = (0, Some(Cursor::default()));
        while let Some(cursor) = next {
            next = self.store.list(cursor, Now { unix_s: 0 }, |item| bytes += item.bytes() as u64);
        }
        prop_assert_eq!(self.store.classes().iter().map(|class| class.bytes).sum::<u64>(), bytes);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_there_is_what_was_given_last(operations in operations()) {
        let options = Options {
            memory_bytes: NonZeroU64::new(MEMORY_BYTES).unwrap(),
            item_bytes_max: 1 << 20,
            when_full: WhenFull::Evict,
            versions: Versions::Kept,
        };
        let now = Now { unix_s: START_S };
        let mut world = World { store: Store::new(options, now), last: HashMap::new(), now, writes: 0 };
        for operation in &operations {
            world.step(operation)?;
        }
        world.list()?;
    }
}
