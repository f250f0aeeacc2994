//! `get`, `gets`, `gat`, `gats`, `me`.

use super::Done;
use crate::engine::Engine;
use crate::session::OUT_BYTES_MAX;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::request::{Keys, MetaKey, Versions};
use peercache_core::protocol::memcached::response::{self, Meta, Value};
use peercache_engine::Now;

/// How values are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) versions: Versions,
    /// The expiry they get on the way, if any.
    pub(super) exptime: Option<i64>,
}

pub(super) fn get(
    engine: &Engine,
    keys: Keys<'_>,
    how: How,
    keys_done: usize,
    now: Now,
    out: &mut Vec<u8>,
) -> Done {
    for (at, key) in keys.iter().enumerate().skip(keys_done) {
        if out.len() > OUT_BYTES_MAX {
            return Done::Paused { keys_done: at };
        }
        let found = match how.exptime {
            None => engine.store.get(key, now),
            Some(exptime) => engine.store.get_and_touch(key, exptime, now),
        };
        let Some(item) = found else { continue };
        let cas = (how.versions == Versions::Shown).then_some(item.version());
        let value = Value { key: key.as_bytes(), flags: item.flags(), data: item.value(), cas };
        response::value(out, value);
    }
    response::line(out, b"END");
    Done::Answered
}

pub(super) fn inspect(engine: &Engine, key: MetaKey<'_>, now: Now, out: &mut Vec<u8>) {
    // Nothing is stored here under bytes that are no plain key.
    let placement = key.placement();
    let known = Key::new(placement.as_ref()).ok();
    let Some((key, info)) = known.and_then(|key| Some((key, engine.store.inspect(key, now)?))) else {
        response::line(out, b"EN");
        return;
    };
    let meta = Meta {
        key: key.as_bytes(),
        expires_in_s: info.expires_in_s,
        idle_s: info.idle_s,
        cas: info.version,
        fetched: info.fetched,
        item_bytes: info.item_bytes,
    };
    response::meta(out, meta);
}
