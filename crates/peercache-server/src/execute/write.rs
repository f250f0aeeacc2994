//! `set` and its like, `touch`, `delete`.

use crate::engine::Engine;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::request::StoreVerb;
use peercache_engine::{New, Now, Stored};

pub(super) fn store(engine: &Engine, verb: StoreVerb, key: Key<'_>, new: New<'_>, now: Now) -> &'static str {
    match engine.store.store(verb, key, new, now) {
        Stored::Stored => "STORED",
        Stored::NotStored => "NOT_STORED",
        Stored::Exists => "EXISTS",
        Stored::NotFound => "NOT_FOUND",
        Stored::TooLarge => "SERVER_ERROR object too large for cache",
        Stored::OutOfMemory => "SERVER_ERROR out of memory storing object",
    }
}

pub(super) fn touch(engine: &Engine, key: Key<'_>, exptime: i64, now: Now) -> &'static str {
    if engine.store.touch(key, exptime, now) { "TOUCHED" } else { "NOT_FOUND" }
}

pub(super) fn delete(engine: &Engine, key: Key<'_>, now: Now) -> &'static str {
    if engine.store.delete(key, now) { "DELETED" } else { "NOT_FOUND" }
}
