//! `stats items` and `stats slabs`: what there is of each size.
//!
//! Items are not kept by size; they are counted in memcached's classes, so that what watches a memcached
//! finds the numbers where it looks for them. What memcached tells about pages and chunks is not told.

use crate::engine::Engine;
use peercache_core::protocol::memcached::response::stat_number;

/// A class of which there is nothing tells nothing, as in memcached.
pub(super) fn items(engine: &Engine, out: &mut Vec<u8>) {
    for class in engine.store.classes().iter().filter(|class| class.items > 0) {
        let counted = &class.counted;
        for (name, number) in [
            ("number", class.items),
            ("mem_requested", class.bytes),
            ("evicted", counted.evicted),
            ("evicted_nonzero", counted.evicted_nonzero),
            ("outofmemory", counted.outofmemory),
            // Nobody can leave an item locked.
            ("tailrepairs", 0),
            ("reclaimed", counted.reclaimed),
            ("expired_unfetched", counted.expired_unfetched),
            ("evicted_unfetched", counted.evicted_unfetched),
            ("crawler_reclaimed", counted.crawler_reclaimed),
            ("lrutail_reflocked", 0),
        ] {
            stat_number(out, &format!("items:{}:{name}", class.number), number);
        }
    }
}

pub(super) fn slabs(engine: &Engine, out: &mut Vec<u8>) {
    let classes = engine.store.classes();
    for class in &classes {
        stat_number(out, &format!("{}:chunk_size", class.number), class.item_bytes_max as u64);
        stat_number(out, &format!("{}:used_chunks", class.number), class.items);
    }
    stat_number(out, "active_slabs", classes.iter().filter(|class| class.items > 0).count() as u64);
    stat_number(out, "total_malloced", engine.store.counters().held_bytes);
}
