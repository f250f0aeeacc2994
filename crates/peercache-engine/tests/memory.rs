//! The limit is one of the process's memory, not of a sum of lengths: what the store says it takes must be
//! about what the operating system says. Alone in its file, because it measures its own process.

use peercache_core::protocol::memcached::request::StoreVerb;
use peercache_engine::{Now, Options, Put, Store, Stored, Versions, WhenFull};
use std::fs;
use std::num::NonZeroU64;

const MIB: u64 = 1 << 20;
const NOW: Now = Now { unix_s: 1_800_000_000 };

/// Resident bytes of this process, of memory that no file stands behind.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it has the line");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number of kB") * 1024
}

#[test]
fn the_memory_limit_holds_for_the_process() {
    let before = resident_bytes();
    let options = Options {
        memory_bytes: NonZeroU64::new(64 * MIB).unwrap(),
        item_bytes_max: 1 << 20,
        when_full: WhenFull::Evict,
        versions: Versions::Kept,
    };
    let store = Store::new(options, NOW);
    let value = [b'v'; 100];
    // Three times as many as there is room for, so that what is remembered of the gone ones counts too.
    for n in 0..700_000 {
        let key = format!("key:{n:018}");
        let put = Put::classic(StoreVerb::Set, 0, 0, &value);
        assert!(matches!(store.store(key.as_bytes(), &put, NOW), Stored::Stored(_)));
    }
    let grown = resident_bytes() - before;
    let counted = store.counters();
    println!("{grown} resident, {} held, {} items", counted.held_bytes, counted.curr_items);
    assert!(counted.held_bytes <= counted.limit_maxbytes && counted.evictions > 0);
    let percent = grown * 100 / counted.limit_maxbytes;
    assert!((90..=105).contains(&percent), "{grown} bytes resident are {percent} % of the limit");
}
