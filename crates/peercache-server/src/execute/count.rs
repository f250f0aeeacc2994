//! `incr`, `decr`.

use super::say;
use crate::engine::Engine;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::request::Answer;
use peercache_core::protocol::memcached::response;
use peercache_engine::{Count, Counted, Now};

/// memcached's answer to a value that is no number.
pub(super) const NOT_A_NUMBER: &str = "CLIENT_ERROR cannot increment or decrement non-numeric value";

/// memcached's answer to a number that there is no room for.
pub(super) const OUT_OF_MEMORY: &str = "SERVER_ERROR out of memory";

pub(super) fn count(
    engine: &Engine,
    key: Key<'_>,
    count: &Count,
    answer: Answer,
    now: Now,
    out: &mut Vec<u8>,
) {
    match engine.store.count(key.as_bytes(), count, now) {
        Counted::Counted { number, .. } if answer == Answer::Wanted => response::number(out, number),
        Counted::Counted { .. } => {}
        // A version is compared only where one was given.
        Counted::NotFound | Counted::Exists => say(out, answer, "NOT_FOUND"),
        Counted::NotANumber => say(out, answer, NOT_A_NUMBER),
        Counted::OutOfMemory => say(out, answer, OUT_OF_MEMORY),
    }
}
