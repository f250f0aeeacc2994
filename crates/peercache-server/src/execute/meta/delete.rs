//! `md`: deletes, or marks as stale.

use super::super::count::OUT_OF_MEMORY;
use super::bare;
use crate::engine::Engine;
use peercache_core::protocol::memcached::request::MetaRequest;
use peercache_core::protocol::memcached::response;
use peercache_engine::{Delete, Deleted, Now};

pub(super) fn delete(engine: &Engine, request: &MetaRequest<'_>, now: Now, out: &mut Vec<u8>) {
    let flags = request.flags;
    let delete = Delete {
        compare: flags.cas_compare(),
        marks_stale: flags.has(b'I'),
        keeps_key: flags.has(b'x'),
        touch: flags.exptime(),
        flags: flags.client_flags().unwrap_or(0),
        version: flags.version(),
    };
    let placement = request.key.placement();
    match engine.store.delete(placement.as_ref(), &delete, now) {
        Deleted::Deleted if flags.is_quiet() => {}
        Deleted::Deleted => bare(out, request, b"HD"),
        Deleted::NotFound => bare(out, request, b"NF"),
        Deleted::Exists => bare(out, request, b"EX"),
        Deleted::OutOfMemory => response::line(out, OUT_OF_MEMORY.as_bytes()),
    }
}
