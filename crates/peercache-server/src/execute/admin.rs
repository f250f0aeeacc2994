//! `flush_all`, `shutdown`, `version`.

use super::Done;
use crate::engine::{Engine, VERSION};
use crate::options::Permission;
use peercache_core::protocol::memcached::response;
use peercache_engine::Now;

pub(super) fn flush_all(engine: &Engine, exptime: i64, now: Now) -> &'static str {
    match engine.options.flush_all {
        Permission::Allowed => {
            engine.flush_all(exptime, now);
            "OK"
        }
        Permission::Refused => "CLIENT_ERROR flush_all not allowed",
    }
}

pub(super) fn shutdown(engine: &Engine, out: &mut Vec<u8>) -> Done {
    match engine.options.shutdown {
        Permission::Allowed => {
            tracing::warn!("a client stops the engine");
            engine.stop.notify_one();
            Done::Close
        }
        Permission::Refused => {
            response::line(out, b"ERROR: shutdown not enabled");
            Done::Answered
        }
    }
}

pub(super) fn version(out: &mut Vec<u8>) {
    out.extend_from_slice(b"VERSION ");
    response::line(out, VERSION.as_bytes());
}
