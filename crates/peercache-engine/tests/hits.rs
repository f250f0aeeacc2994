//! What stays is chosen better than by an exact LRU of the same memory: with skewed keys, with scans between
//! them; and is hardly worse where LRU is at its best, which is when what is popular moves on.

use peercache_core::protocol::memcached::request::StoreVerb;
use peercache_engine::{Now, Options, Put, Store, Versions, WhenFull, item_bytes};
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use xxhash_rust::xxh3::xxh3_64;

const NOW: Now = Now { unix_s: 1_800_000_000 };
const MEMORY_BYTES: u64 = 2 << 20;
const REQUESTS: u64 = 200_000;
const KEYS: f64 = 100_000.0;

/// A key whose chances fall with the power `alpha` of its rank, drawn with the number of the request.
fn drawn(n: u64, alpha: f64) -> u64 {
    let even = xxh3_64(&n.to_le_bytes()) as f64 / u64::MAX as f64;
    let power = 1.0 - alpha;
    (1.0 + even * (KEYS.powf(power) - 1.0)).powf(1.0 / power) as u64
}

fn value_bytes(key: u64) -> usize {
    50 + (xxh3_64(&key.to_be_bytes()) % 400) as usize
}

/// How many requests an exact LRU hits that counts what memcached counts.
fn lru_hits(keys: impl Iterator<Item = u64>) -> u64 {
    let mut used_at: HashMap<u64, usize> = HashMap::new();
    let mut by_use: BTreeMap<usize, u64> = BTreeMap::new();
    let bytes_of = |key: u64| item_bytes(8, value_bytes(key), 0) as u64;
    let (mut hits, mut bytes) = (0, 0);
    for (now, key) in keys.enumerate() {
        by_use.insert(now, key);
        if let Some(before) = used_at.insert(key, now) {
            by_use.remove(&before);
            hits += 1;
            continue;
        }
        bytes += bytes_of(key);
        while bytes > MEMORY_BYTES {
            let (_, oldest) = by_use.pop_first().expect("what takes memory is there");
            used_at.remove(&oldest);
            bytes -= bytes_of(oldest);
        }
    }
    hits
}

fn our_hits(keys: impl Iterator<Item = u64>) -> u64 {
    let memory_bytes = NonZeroU64::new(MEMORY_BYTES).expect("not 0");
    let store = Store::new(
        Options {
            memory_bytes,
            item_bytes_max: 1 << 20,
            when_full: WhenFull::Evict,
            versions: Versions::Kept,
        },
        NOW,
    );
    let value = [b'v'; 500];
    let mut hits = 0;
    for key in keys {
        let name = key.to_be_bytes();
        if store.get(&name, NOW, |_| ()).is_some() {
            hits += 1;
        } else {
            store.store(&name, &Put::classic(StoreVerb::Set, 0, 0, &value[..value_bytes(key)]), NOW);
        }
    }
    hits
}

/// Compares, in percent of the requests; below 0 is how far it may be behind.
fn check(what: &str, better_by: f64, key: impl Fn(u64) -> u64) {
    let percent = |hits: u64| hits as f64 * 100.0 / REQUESTS as f64;
    let (lru, ours) =
        (percent(lru_hits((0..REQUESTS).map(&key))), percent(our_hits((0..REQUESTS).map(&key))));
    println!("{what}: {ours:.2} % hits, LRU {lru:.2} %");
    assert!(ours > lru + better_by, "{what}: {ours:.2} % hits, LRU {lru:.2} %");
}

#[test]
fn skewed_keys_hit_more_often() {
    for alpha in [0.8, 0.99, 1.2] {
        check(&format!("Zipf {alpha}"), 0.5, |n| drawn(n, alpha));
    }
}

#[test]
fn a_scan_takes_nothing_from_what_is_used() {
    let is_scan = |n: u64| n / 5_000 % 4 == 3;
    check("with scans", 3.0, |n| if is_scan(n) { (1 << 40) + n } else { drawn(n, 0.99) });
}

#[test]
fn what_was_popular_makes_room_for_what_is() {
    check("moving", -0.5, |n| drawn(n, 0.99) + n / 20);
    check("moving at once", -2.0, |n| drawn(n, 0.99) + n / 20_000 * 1_000_000);
}
