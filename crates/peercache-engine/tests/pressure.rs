//! A store that is full, and a store that many threads use at once.

use peercache_core::protocol::memcached::request::{CountVerb, StoreVerb};
use peercache_engine::{Count, Counted, Now, Options, Put, Store, Stored, Versions, WhenFull};
use std::num::NonZeroU64;
use std::sync::Barrier;
use std::thread;

const NOW: Now = Now { unix_s: 1_800_000_000 };
const MIB: u64 = 1 << 20;

fn store_of(memory_bytes: u64, when_full: WhenFull) -> Store {
    let memory_bytes = NonZeroU64::new(memory_bytes).expect("a test's store has room");
    Store::new(Options { memory_bytes, item_bytes_max: 1 << 20, when_full, versions: Versions::Kept }, NOW)
}

fn set(store: &Store, key: &str, value: &[u8]) -> bool {
    write(store, StoreVerb::Set, key, value)
}

fn write(store: &Store, verb: StoreVerb, key: &str, value: &[u8]) -> bool {
    matches!(store.store(key.as_bytes(), &Put::classic(verb, 0, 0, value), NOW), Stored::Stored(_))
}

fn get(store: &Store, key: &str) -> Option<Vec<u8>> {
    store.get(key.as_bytes(), NOW, |item| item.value().to_vec())
}

fn has(store: &Store, key: &str) -> bool {
    get(store, key).is_some()
}

#[test]
fn bytes_are_never_above_the_limit() {
    let store = store_of(8 * MIB, WhenFull::Evict);
    let big = vec![b'v'; 1 << 20];
    for n in 0..4_000usize {
        // Lengths from 0 to 1,000,000, mixed.
        let length = (n * 7_919) % if n % 50 == 0 { 1_000_000 } else { 9_000 };
        assert!(set(&store, &format!("key-{n}"), &big[..length]));
        if n % 3 == 0 {
            write(&store, StoreVerb::Append, &format!("key-{}", n / 2), &big[..length / 2]);
        }
        let counters = store.counters();
        // A step by which the tables grow is taken back by the next write.
        let limit_bytes = counters.limit_maxbytes + counters.limit_maxbytes / 1_000;
        assert!(counters.held_bytes <= limit_bytes, "{counters:?}");
    }
    assert!(store.counters().evictions > 0);
}

#[test]
fn what_is_read_often_survives_a_scan() {
    let store = store_of(4 * MIB, WhenFull::Evict);
    let value = [b'v'; 1_000];
    for n in 0..500 {
        set(&store, &format!("hot-{n}"), &value);
    }
    for n in 0..20_000 {
        set(&store, &format!("scan-{n}"), &value);
        has(&store, &format!("hot-{}", n % 500));
    }
    let survivors = (0..500).filter(|n| has(&store, &format!("hot-{n}"))).count();
    assert!(survivors >= 495, "{survivors} of 500 hot keys are left");
}

#[test]
fn a_store_that_must_not_evict_refuses() {
    let store = store_of(2 * MIB, WhenFull::Refuse);
    let value = [b'v'; 10_000];
    let stored = (0..1_000).take_while(|n| set(&store, &format!("key-{n}"), &value)).count();
    assert!((150..=210).contains(&stored), "{stored} values of 10,000 bytes in 2 MiB");
    assert!((0..stored).all(|n| has(&store, &format!("key-{n}"))), "nothing had to go");
    let counters = store.counters();
    assert_eq!((counters.evictions, counters.store_no_memory), (0, 1));
    assert!(counters.bytes <= counters.limit_maxbytes);
}

#[test]
fn a_value_that_no_shard_has_room_for_is_refused_and_not_lost_silently() {
    let store = store_of(MIB, WhenFull::Evict);
    set(&store, "key", b"old");
    let value = vec![b'v'; (1 << 20) - 500];
    let put = Put::classic(StoreVerb::Set, 0, 0, &value);
    assert_eq!(store.store(b"key", &put, NOW), Stored::OutOfMemory);
    assert!(!has(&store, "key"), "the old value must not look current");
}

#[test]
fn counters_are_exact_and_adds_have_one_winner_under_many_threads() {
    let store = store_of(16 * MIB, WhenFull::Evict);
    set(&store, "counter", b"0");
    set(&store, "list", b"");
    let (threads, rounds) = (8, 2_000);
    let barrier = Barrier::new(threads);
    let work = || {
        barrier.wait();
        let incr = Count::classic(CountVerb::Incr, 1);
        let mut won = 0;
        for round in 0..rounds {
            assert!(matches!(store.count(b"counter", &incr, NOW), Counted::Counted { .. }));
            won += usize::from(write(&store, StoreVerb::Add, &format!("add-{round}"), b"x"));
            write(&store, StoreVerb::Append, "list", b".");
        }
        won
    };
    let won: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(won, rounds, "each add succeeded once");
    assert_eq!(get(&store, "counter").unwrap(), (threads * rounds).to_string().as_bytes());
    assert_eq!(get(&store, "list").unwrap().len(), threads * rounds);
}

#[test]
fn one_cas_of_a_version_wins() {
    let store = store_of(16 * MIB, WhenFull::Evict);
    for _ in 0..200 {
        set(&store, "key", b"0");
        let version = store.inspect(b"key", NOW, |item| item.version()).unwrap();
        let barrier = Barrier::new(4);
        let attempt = || {
            barrier.wait();
            write(&store, StoreVerb::Cas(version), "key", b"1")
        };
        let wins = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(attempt)).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap().then_some(())).count()
        });
        assert_eq!(wins, 1);
    }
}

#[test]
fn what_is_counted_before_a_flush_does_not_survive_it() {
    let store = store_of(16 * MIB, WhenFull::Evict);
    let incr = Count::classic(CountVerb::Incr, 1);
    for _ in 0..300 {
        set(&store, "counter", b"1000");
        let barrier = Barrier::new(3);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..20 {
                        store.count(b"counter", &incr, NOW);
                    }
                });
            }
            barrier.wait();
            store.flush_all(0, NOW);
            assert!(set(&store, "after", b"1") && has(&store, "after"));
        });
        assert!(!has(&store, "counter"), "a counter lived through a flush");
        assert!(has(&store, "after"));
    }
}

#[test]
fn a_value_that_is_too_large_takes_the_old_one_with_it_only_where_that_is_asked_for() {
    let store = store_of(16 * MIB, WhenFull::Evict);
    let value = vec![b'v'; 1 << 20];
    let add = Put::classic(StoreVerb::Add, 0, 0, &value);
    set(&store, "key", b"old");
    assert_eq!(store.store(b"key", &add, NOW), Stored::TooLarge);
    assert!(has(&store, "key"));
    assert_eq!(store.store(b"key", &Put { forgets: true, ..add }, NOW), Stored::TooLarge);
    assert!(!has(&store, "key"));
    assert_eq!(store.counters().store_too_large, 2, "each is counted once");
}

#[test]
fn a_lower_limit_is_kept_to_while_large_values_are_coming() {
    let store = store_of(64 * MIB, WhenFull::Evict);
    let half = vec![b'v'; 500_000];
    let keys: Vec<String> = (0..40).map(|n| format!("key-{n}")).collect();
    let parcels: Vec<_> = keys
        .iter()
        .map(|key| {
            assert!(set(&store, key, b"old"));
            let mut parcel = store.open(key.as_bytes(), 2 * half.len(), NOW);
            store.append(&mut parcel, &half, NOW);
            parcel
        })
        .collect();
    store.set_memory_bytes(NonZeroU64::new(16 * MIB).expect("not 0"), NOW);
    let counters = store.counters();
    assert!(counters.held_bytes <= counters.limit_maxbytes, "{counters:?}");
    for (key, mut parcel) in keys.iter().zip(parcels) {
        store.append(&mut parcel, &half, NOW);
        let stored = store.deliver(key.as_bytes(), &Put::classic(StoreVerb::Set, 0, 0, b""), parcel, NOW);
        assert!(matches!(stored, Stored::Stored(_) | Stored::OutOfMemory), "{stored:?}");
        assert_eq!(has(&store, key), stored != Stored::OutOfMemory, "{key}");
    }
    assert!(store.counters().store_no_memory > 0, "some were lost");
    assert!(set(&store, "new", b"v"), "and what they took is free");
}
