//! `set` and its like, `touch`, `delete`.

use crate::engine::Engine;
use crate::prefixes::Asked;
use peercache_core::key::Key;
use peercache_engine::{Delete, Deleted, Now, Stored};

/// memcached's answer to a value over the item limit.
pub(super) const TOO_LARGE: &str = "SERVER_ERROR object too large for cache";

/// memcached's answer to a value that there is no room for.
pub(super) const OUT_OF_MEMORY: &str = "SERVER_ERROR out of memory storing object";

pub(super) const fn stored(stored: Stored) -> &'static str {
    match stored {
        Stored::Stored(_) => "STORED",
        Stored::NotStored => "NOT_STORED",
        Stored::Exists => "EXISTS",
        Stored::NotFound => "NOT_FOUND",
        Stored::TooLarge => TOO_LARGE,
        Stored::OutOfMemory => OUT_OF_MEMORY,
    }
}

pub(super) fn touch(engine: &Engine, key: Key<'_>, exptime: i64, now: Now) -> &'static str {
    if engine.store.touch(key.as_bytes(), exptime, now) { "TOUCHED" } else { "NOT_FOUND" }
}

pub(super) fn delete(engine: &Engine, key: Key<'_>, now: Now) -> &'static str {
    engine.prefixes.count(key, Asked::Delete);
    match engine.store.delete(key.as_bytes(), &Delete::default(), now) {
        Deleted::Deleted => "DELETED",
        // The others need a version or a tombstone to be asked for.
        Deleted::NotFound | Deleted::Exists | Deleted::OutOfMemory => "NOT_FOUND",
    }
}
