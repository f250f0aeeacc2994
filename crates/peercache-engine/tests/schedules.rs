//! What threads do to a store at once, in every order in which they can get its locks.
//!
//! Everything that a store shares lies behind locks, so what threads see of each other is decided by the
//! order in which they get them. Shuttle runs a program again and again and chooses that order: all there
//! are, where the program is small, and else many that chance picks. Every run writes down when an operation
//! was called, when it was answered and what, and there has to be an order of the operations, one after the
//! other, in which a store of one thread would have answered the same.
//!
//! `cargo test -p peercache-engine --features shuttle --test schedules`

use peercache_core::protocol::memcached::request::{CountVerb, StoreVerb};
use peercache_engine::{
    Count, Counted, Cursor, Delete, Deleted, Now, Options, Put, Store, Stored, Versions, WhenFull,
};
use shuttle::scheduler::{DfsScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard};

const NOW: Now = Now { unix_s: 1_800_000_000 };
const LATER: Now = Now { unix_s: 1_800_000_100 };

/// A test of all orders has at most so many; none comes near.
const ORDERS_MAX: usize = 2_000_000;

/// As many as chance picks.
const PICKED: usize = 10_000;

/// Runs `program` in all orders, and says how many there are.
fn in_every_order(program: impl Fn() + Send + Sync + 'static) -> usize {
    let runs = run(DfsScheduler::new(Some(ORDERS_MAX), false), program);
    assert!(runs < ORDERS_MAX);
    runs
}

/// Runs `program` in some of many orders, the same ones every time.
fn in_some_orders(program: impl Fn() + Send + Sync + 'static) {
    run(RandomScheduler::new_from_seed(7, PICKED), program);
}

fn run(scheduler: impl Scheduler + 'static, program: impl Fn() + Send + Sync + 'static) -> usize {
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    Runner::new(scheduler, config).run(program)
}

/// A store with so many shards.
fn store(shards: u64) -> Arc<Store> {
    let item_bytes_max = 64 * 1024;
    // A shard for four of the largest items.
    let memory_bytes = NonZeroU64::new(shards * 4 * item_bytes_max).expect("it has room");
    let (item_bytes_max, when_full) = (item_bytes_max as usize, WhenFull::Evict);
    let options = Options { memory_bytes, item_bytes_max, when_full, versions: Versions::Kept };
    Arc::new(Store::new(options, NOW))
}

fn set(store: &Store, key: &str, value: &[u8]) -> bool {
    let put = Put::classic(StoreVerb::Set, 0, 0, value);
    matches!(store.store(key.as_bytes(), &put, NOW), Stored::Stored(_))
}

fn get(store: &Store, key: &str) -> Option<Vec<u8>> {
    store.get(key.as_bytes(), NOW, |item| item.value().to_vec())
}

/// What is done to a key.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    Set(u64),
    Add(u64),
    Append,
    Get,
    Incr,
    /// With the version that this thread has seen last.
    Cas(u64),
    Delete,
    Flush,
    /// Takes back the memory of what has expired.
    Reclaim,
    /// A count that asks and tells: what a store must not do.
    CarelessIncr,
    /// A flush that is answered before it is done: what a store must not do.
    CarelessFlush,
}

/// What was answered: the value and the version that there are then, or neither.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    done: bool,
    seen: Option<(Vec<u8>, u64)>,
}

/// An operation, as somebody saw it who looks at a clock.
#[derive(Debug, Clone)]
struct Event {
    deed: Deed,
    /// For a [`Deed::Cas`].
    version: u64,
    called_at: usize,
    answered_at: usize,
    answer: Answer,
}

/// What was done to one key.
#[derive(Debug, Default)]
struct History {
    clock: usize,
    events: Vec<Event>,
}

/// Does something to `key`, as a thread that has last seen `version`.
fn perform(store: &Arc<Store>, key: &str, deed: Deed, version: &mut u64) -> Answer {
    let name = key.as_bytes();
    let write = |verb, value: &[u8]| match store.store(name, &Put::classic(verb, 0, 0, value), NOW) {
        Stored::Stored(written) => Some(written.version),
        _ => None,
    };
    let stored = |number: u64, version: Option<u64>| Answer {
        done: version.is_some(),
        seen: version.map(|version| (number.to_string().into_bytes(), version)),
    };
    let number = |number: u64| number.to_string().into_bytes();
    let answer = match deed {
        Deed::Set(value) => stored(value, write(StoreVerb::Set, &number(value))),
        Deed::Add(value) => stored(value, write(StoreVerb::Add, &number(value))),
        Deed::Cas(value) => stored(value, write(StoreVerb::Cas(*version), &number(value))),
        Deed::Append => Answer { done: write(StoreVerb::Append, b"0").is_some(), seen: None },
        Deed::Get => {
            let seen = store.get(name, NOW, |item| (item.value().to_vec(), item.version()));
            Answer { done: seen.is_some(), seen }
        }
        Deed::Incr => match store.count(name, &Count::classic(CountVerb::Incr, 1), NOW) {
            Counted::Counted { number, version, .. } => stored(number, Some(version)),
            _ => stored(0, None),
        },
        Deed::Delete => {
            let done = store.delete(name, &Delete::default(), NOW) == Deleted::Deleted;
            Answer { done, seen: None }
        }
        Deed::Flush => {
            store.flush_all(0, NOW);
            Answer { done: true, seen: None }
        }
        Deed::Reclaim => {
            store.reclaim(NOW, || ControlFlow::Continue(()));
            Answer { done: true, seen: None }
        }
        Deed::CarelessIncr => {
            let value = get(store, key).and_then(|value| String::from_utf8(value).ok()?.parse::<u64>().ok());
            let version = value.and_then(|value| write(StoreVerb::Set, &number(value + 1)));
            stored(value.map_or(0, |value| value + 1), version)
        }
        Deed::CarelessFlush => {
            let store = Arc::clone(store);
            thread::spawn(move || store.flush_all(0, NOW));
            Answer { done: true, seen: None }
        }
    };
    if let Some((_, seen)) = answer.seen {
        *version = seen;
    }
    answer
}

/// What a store of one thread has under a key.
type Item = Option<(Vec<u8>, u64)>;

/// What a store of one thread would have after an operation that was answered like this; none if it would
/// have answered something else. A version that was not told is 0 until somebody sees it.
fn after(item: &Item, event: &Event) -> Option<Item> {
    let Answer { done, seen } = &event.answer;
    let takes = match (event.deed, item) {
        (Deed::Get, None) => return (!done).then_some(None),
        (Deed::Get, Some((value, version))) => {
            let (seen_value, seen_version) = seen.as_ref()?;
            let is_it = value == seen_value && (version == seen_version || *version == 0);
            return is_it.then(|| seen.clone());
        }
        (Deed::Flush | Deed::CarelessFlush, _) => return Some(None),
        (Deed::Reclaim, item) => return Some(item.clone()),
        (Deed::Delete, item) => return (*done == item.is_some()).then_some(None),
        (Deed::Append, Some((value, _))) => {
            return done.then(|| Some(([&value[..], b"0"].concat(), 0)));
        }
        (Deed::Incr | Deed::CarelessIncr, Some((value, _))) => {
            let number = String::from_utf8(value.clone()).ok()?.parse::<u64>().ok()?;
            let (counted, _) = seen.as_ref()?;
            return (counted == (number + 1).to_string().as_bytes()).then(|| seen.clone());
        }
        (Deed::Append | Deed::Incr | Deed::CarelessIncr, None) => false,
        (Deed::Set(_), _) | (Deed::Add(_), None) => true,
        (Deed::Add(_), Some(_)) | (Deed::Cas(_), None) => false,
        (Deed::Cas(_), Some((_, version))) => *version == event.version || *version == 0 && *done,
    };
    (takes == *done).then(|| if takes { seen.clone() } else { item.clone() })
}

/// Whether there is an order of what is left, in which nothing comes before what was answered when it was
/// called.
fn has_an_order(item: &Item, left: &[Event]) -> bool {
    let first_answer = left.iter().map(|event| event.answered_at).min();
    let can_be_next = |event: &&Event| Some(event.called_at) <= first_answer;
    left.is_empty()
        || left.iter().enumerate().filter(|(_, event)| can_be_next(event)).any(|(at, event)| {
            let rest = [&left[..at], &left[at + 1..]].concat();
            after(item, event).is_some_and(|item| has_an_order(&item, &rest))
        })
}

/// A store, and what is written down of each key.
struct World {
    store: Arc<Store>,
    histories: Mutex<BTreeMap<&'static str, History>>,
}

impl World {
    /// Does something to a key and writes it down.
    fn act(&self, key: &'static str, deed: Deed, version: &mut u64) {
        let version_before = *version;
        let called_at = self.tick(key);
        let answer = perform(&self.store, key, deed, version);
        let answered_at = self.tick(key);
        let mut histories = self.histories();
        let event = Event { deed, version: version_before, called_at, answered_at, answer };
        histories.entry(key).or_default().events.push(event);
    }

    fn histories(&self) -> MutexGuard<'_, BTreeMap<&'static str, History>> {
        self.histories.lock().expect("nobody fails while he writes")
    }

    fn tick(&self, key: &'static str) -> usize {
        let mut histories = self.histories();
        let history = histories.entry(key).or_default();
        history.clock += 1;
        history.clock
    }
}

/// Runs a thread for each list of deeds, then looks at every key once more, and says that all has an order.
fn hold(shards: u64, threads: &'static [&'static [(&'static str, Deed)]]) {
    let world = Arc::new(World { store: store(shards), histories: Mutex::default() });
    let spawn = |deeds: &'static [(&'static str, Deed)]| {
        let world = Arc::clone(&world);
        thread::spawn(move || {
            let mut version = 0;
            deeds.iter().for_each(|&(key, deed)| world.act(key, deed, &mut version));
        })
    };
    let running: Vec<_> = threads.iter().map(|deeds| spawn(deeds)).collect();
    running.into_iter().for_each(|thread| thread.join().expect("it has ended"));
    let keys: Vec<&str> = world.histories().keys().copied().collect();
    for key in keys {
        world.act(key, Deed::Get, &mut 0);
        let histories = world.histories();
        let events = &histories[key].events;
        assert!(has_an_order(&None, events), "nobody could have answered so, one by one: {events:#?}");
    }
}

const A: &str = "a";

#[test]
fn what_two_threads_do_to_one_key_has_an_order() {
    let programs: &[&[&[(&str, Deed)]]] = &[
        &[&[(A, Deed::Set(1)), (A, Deed::Incr)], &[(A, Deed::Set(5)), (A, Deed::Incr)]],
        &[&[(A, Deed::Set(1)), (A, Deed::Cas(7))], &[(A, Deed::Get), (A, Deed::Cas(8))]],
        &[&[(A, Deed::Add(1)), (A, Deed::Append)], &[(A, Deed::Add(2)), (A, Deed::Delete)]],
        &[&[(A, Deed::Set(1)), (A, Deed::Reclaim)], &[(A, Deed::Delete), (A, Deed::Set(2))]],
    ];
    for &threads in programs {
        let orders = in_every_order(move || hold(1, threads));
        println!("{orders} orders of {threads:?}");
        assert!(orders > 20, "{orders} orders are not all there are");
    }
}

#[test]
fn what_three_threads_do_to_one_key_has_an_order() {
    let programs: &[&[&[(&str, Deed)]]] = &[
        &[&[(A, Deed::Set(1)), (A, Deed::Incr)], &[(A, Deed::Set(5)), (A, Deed::Incr)], &[(A, Deed::Get); 2]],
        &[
            &[(A, Deed::Set(1)), (A, Deed::Cas(7))],
            &[(A, Deed::Get), (A, Deed::Cas(8))],
            &[(A, Deed::Add(3))],
        ],
        &[&[(A, Deed::Incr); 2], &[(A, Deed::Set(9)), (A, Deed::Get)], &[(A, Deed::Delete), (A, Deed::Get)]],
        &[
            &[(A, Deed::Set(1)), (A, Deed::Append)],
            &[(A, Deed::Append); 2],
            &[(A, Deed::Flush), (A, Deed::Get)],
        ],
    ];
    for &threads in programs {
        in_some_orders(move || hold(1, threads));
    }
}

#[test]
fn a_flush_has_its_place_among_what_is_done_to_each_key() {
    let programs: &[&[&[(&str, Deed)]]] = &[
        &[&[(A, Deed::Set(1)), (A, Deed::Flush), (A, Deed::Get)], &[(A, Deed::Set(2))]],
        &[&[(A, Deed::Flush), (A, Deed::Set(1))], &[(A, Deed::Flush)]],
        &[&[(A, Deed::Set(1)), (A, Deed::Flush)], &[(A, Deed::Incr)]],
    ];
    for &threads in programs {
        println!("{} orders of {threads:?}", in_every_order(move || hold(2, threads)));
    }
}

#[test]
#[should_panic(expected = "nobody could have answered so")]
fn a_count_in_two_steps_is_caught() {
    let threads: &[&[(&str, Deed)]] =
        &[&[(A, Deed::Set(1)), (A, Deed::CarelessIncr)], &[(A, Deed::CarelessIncr)]];
    in_every_order(move || hold(1, threads));
}

#[test]
#[should_panic(expected = "nobody could have answered so")]
fn a_flush_that_is_answered_too_early_is_caught() {
    let threads: &[&[(&str, Deed)]] = &[&[(A, Deed::CarelessFlush), (A, Deed::Set(2))], &[(A, Deed::Get)]];
    in_every_order(move || hold(2, threads));
}

/// A name among many, and a value that only it has.
fn numbered(number: usize) -> (String, Vec<u8>) {
    (format!("key-{number}"), format!("value of {number}").into_bytes())
}

/// Enough for a table to grow several times.
const FEW: usize = 12;
const MANY: usize = 40;

#[test]
fn a_list_shows_what_is_there_all_the_time_while_the_table_grows() {
    in_some_orders(|| {
        let store = store(1);
        let put = |store: &Store, number| {
            let (key, value) = numbered(number);
            assert!(set(store, &key, &value));
        };
        (0..FEW).for_each(|number| put(&store, number));
        let writer = {
            let store = Arc::clone(&store);
            thread::spawn(move || (FEW..MANY).for_each(|number| put(&store, number)))
        };
        let mut shown = BTreeMap::<Vec<u8>, usize>::new();
        let mut cursor = Some(Cursor::default());
        while let Some(from) = cursor {
            cursor = store.list(from, NOW, |item| {
                *shown.entry(item.key().to_vec()).or_default() += 1;
                let number = (0..MANY).find(|&number| numbered(number).0.as_bytes() == item.key());
                assert_eq!(item.value().to_vec(), numbered(number.expect("somebody has put it")).1);
            });
        }
        writer.join().unwrap();
        (0..FEW).for_each(|number| assert!(shown.contains_key(numbered(number).0.as_bytes()), "{number}"));
    });
}

#[test]
fn less_memory_is_kept_to_when_it_was_given_whoever_writes_meanwhile() {
    let (least, most) = (320 << 10, 512 << 10);
    let bytes = |bytes| NonZeroU64::new(bytes).expect("it has room");
    in_some_orders(move || {
        let store = store(1);
        let write = |store: Arc<Store>, first: usize| {
            thread::spawn(move || {
                for number in first..first + 8 {
                    let (key, value) = numbered(number);
                    assert!(set(&store, &key, &value.repeat(2_000)));
                    let there = get(&store, &key);
                    assert!(there.is_none_or(|there| there == value.repeat(2_000)));
                }
            })
        };
        let writers = [write(Arc::clone(&store), 0), write(Arc::clone(&store), 100)];
        for limit in [least, most, least] {
            store.set_memory_bytes(bytes(limit), NOW);
            let counters = store.counters();
            assert!(counters.held_bytes <= counters.limit_maxbytes && counters.limit_maxbytes == limit);
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert!(store.counters().held_bytes <= least);
    });
}

#[test]
fn what_is_stored_anew_survives_that_the_old_one_has_expired() {
    let orders = in_every_order(|| {
        let store = store(1);
        let old = Put::classic(StoreVerb::Set, 0, 50, b"old");
        assert!(matches!(store.store(b"a", &old, NOW), Stored::Stored(_)));
        let reclaimer = {
            let store = Arc::clone(&store);
            thread::spawn(move || store.reclaim(LATER, || ControlFlow::Continue(())))
        };
        assert!(matches!(
            store.store(b"a", &Put::classic(StoreVerb::Add, 0, 0, b"new"), LATER),
            Stored::Stored(_)
        ));
        reclaimer.join().unwrap();
        assert_eq!(store.get(b"a", LATER, |item| item.value().to_vec()), Some(b"new".to_vec()));
    });
    assert!(orders > 2, "{orders}");
}

#[test]
fn a_flush_to_come_takes_what_was_there_and_nothing_that_came_later() {
    let orders = in_every_order(|| {
        let store = store(2);
        assert!(set(&store, "a", b"old"));
        store.flush_all(50, NOW);
        let writer = {
            let store = Arc::clone(&store);
            let put = Put::classic(StoreVerb::Set, 0, 0, b"new");
            thread::spawn(move || assert!(matches!(store.store(b"b", &put, LATER), Stored::Stored(_))))
        };
        assert_eq!(store.get(b"a", LATER, |item| item.value().to_vec()), None);
        writer.join().unwrap();
        assert_eq!(store.get(b"b", LATER, |item| item.value().to_vec()), Some(b"new".to_vec()));
    });
    assert!(orders > 2, "{orders}");
}
