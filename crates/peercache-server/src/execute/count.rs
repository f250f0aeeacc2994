//! `incr`, `decr`.

use super::say;
use crate::engine::Engine;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::request::{Answer, CountVerb};
use peercache_core::protocol::memcached::response;
use peercache_engine::{Counted, Now};

/// What is to happen to a counter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) verb: CountVerb,
    pub(super) key: Key<'a>,
    pub(super) delta: u64,
}

pub(super) fn count(engine: &Engine, change: Change<'_>, answer: Answer, now: Now, out: &mut Vec<u8>) {
    match engine.store.count(change.verb, change.key, change.delta, now) {
        Counted::Value(number) if answer == Answer::Wanted => response::number(out, number),
        Counted::Value(_) => {}
        Counted::NotFound => say(out, answer, "NOT_FOUND"),
        Counted::NotANumber => {
            say(out, answer, "CLIENT_ERROR cannot increment or decrement non-numeric value");
        }
        Counted::OutOfMemory => say(out, answer, "SERVER_ERROR out of memory"),
    }
}
