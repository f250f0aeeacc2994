//! How many reads and writes one thread does on a store, and how many two do on the same one: whether they
//! get in each other's way, with no network between. `docs/performance.md` has what it prints.

use peercache_core::protocol::memcached::request::StoreVerb;
use peercache_engine::{Now, Options, Put, Store, Versions, WhenFull};
use std::hint::black_box;
use std::num::NonZeroU64;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

const NOW: Now = Now { unix_s: 1_800_000_000 };
const VALUE: [u8; 32] = [b'v'; 32];
const ROUND: Duration = Duration::from_millis(500);
const ROUNDS: usize = 5;

fn main() {
    println!(
        "{:>10} {:>9} {:>7} {:>12} {:>12} {:>6}",
        "memory MiB", "keys", "what", "1 thread/s", "2 threads/s", "ratio"
    );
    for (memory_mib, keys) in [(64, 20_000), (64, 400_000), (1_024, 20_000), (1_024, 4_000_000)] {
        let store = filled(memory_mib, keys);
        for (what, operation) in [("get", get as Operation), ("set", set as Operation)] {
            // In turn, so that what changes on the machine changes both.
            let mut rounds: Vec<_> = (0..ROUNDS)
                .map(|_| [1, 2].map(|threads| per_second(&store, keys, threads, operation)))
                .collect();
            rounds.sort_by(|[a1, a2], [b1, b2]| (a2 / a1).total_cmp(&(b2 / b1)));
            let [one, two] = rounds[ROUNDS / 2];
            println!("{memory_mib:>10} {keys:>9} {what:>7} {one:>12.0} {two:>12.0} {:>6.2}", two / one);
        }
    }
}

type Operation = fn(&Store, &[u8]);

fn get(store: &Store, key: &[u8]) {
    store.get(key, NOW, |item| black_box(item.flags()));
}

fn set(store: &Store, key: &[u8]) {
    store.store(key, &Put::classic(StoreVerb::Set, 0, 0, &VALUE), NOW);
}

fn filled(memory_mib: u64, keys: u64) -> Store {
    let options = Options {
        memory_bytes: NonZeroU64::new(memory_mib << 20).expect("not 0"),
        item_bytes_max: 1 << 20,
        when_full: WhenFull::Evict,
        versions: Versions::Kept,
    };
    let store = Store::new(options, NOW);
    (0..keys).for_each(|number| set(&store, name(number).as_bytes()));
    store
}

fn name(number: u64) -> String {
    format!("key:{number:010}")
}

/// Operations a second of all threads together, on keys in an order of each thread's own.
fn per_second(store: &Store, keys: u64, threads: u64, operation: Operation) -> f64 {
    let start = Barrier::new(threads as usize);
    let run = |thread: u64| {
        let names: Vec<String> = (0..keys).map(|n| name((n * 7_919 + thread * 104_729) % keys)).collect();
        start.wait();
        let began = Instant::now();
        let mut done = 0;
        for some in names.chunks(100).cycle() {
            some.iter().for_each(|name| operation(store, name.as_bytes()));
            done += some.len();
            if began.elapsed() >= ROUND {
                break;
            }
        }
        done as f64 / began.elapsed().as_secs_f64()
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn({
                    let run = &run;
                    move || run(thread)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("it does not panic")).sum()
    })
}
