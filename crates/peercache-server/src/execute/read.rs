//! `get`, `gets`, `gat`, `gats`, `me`.

use super::{Done, Progress};
use crate::engine::Engine;
use crate::prefixes::Asked;
use crate::session::OUT_BYTES_MAX;
use peercache_core::protocol::memcached::request::{Keys, MetaKey, Versions};
use peercache_core::protocol::memcached::response::{self, Meta};
use peercache_engine::{Item, Now, Read};

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
    progress: Progress,
    now: Now,
    out: &mut Vec<u8>,
) -> Done {
    for (at, key) in keys.iter().enumerate().skip(progress.keys) {
        if out.len() > OUT_BYTES_MAX {
            return Done::Paused(Progress { keys: at, ..progress });
        }
        let found = match how.exptime {
            None => engine.store.get(key.as_bytes(), now, |item| value(out, &item, how.versions)),
            Some(exptime) => {
                let read = Read { touch: Some(exptime), ..Read::default() };
                engine.store.read(key.as_bytes(), &read, now, |hit| value(out, &hit.item, how.versions))
            }
        };
        engine.prefixes.count(key, if found.is_some() { Asked::Hit } else { Asked::Miss });
    }
    response::line(out, b"END");
    Done::Answered
}

fn value(out: &mut Vec<u8>, item: &Item<'_>, versions: Versions) {
    let cas = (versions == Versions::Shown).then_some(item.version());
    response::value_line(out, item.key(), item.flags(), item.value().len(), cas);
    item.value().append_to(out);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn inspect(engine: &Engine, key: MetaKey<'_>, now: Now, out: &mut Vec<u8>) {
    engine.count_meta();
    let seen = engine.store.inspect(key.placement().as_ref(), now, |item| {
        let meta = Meta {
            key: item.key(),
            is_packed: item.has_packed_key(),
            expires_in_s: item.death().comes_in_s(now),
            idle_s: item.idle_s(now),
            cas: item.version(),
            fetched: item.was_fetched(),
            item_bytes: item.bytes() as u64,
            class: item.class(),
        };
        response::meta(out, meta);
    });
    if seen.is_none() {
        response::line(out, b"EN");
    }
}
