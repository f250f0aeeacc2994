//! `flush_all`, `cache_memlimit`, `shutdown`, `version`.

use super::Done;
use crate::engine::{BYTES_PER_MB, Engine, VERSION};
use crate::options::Permission;
use peercache_core::protocol::memcached::response;
use peercache_engine::Now;
use std::num::NonZeroU64;

/// The least memory that may be chosen while the engine runs, in MiB (memcached's).
const MEMORY_MB_MIN: u64 = 8;

/// Above this, somebody has given bytes (memcached's).
const MEMORY_MB_MAX: u64 = 1_000_000_000;

pub(super) fn flush_all(engine: &Engine, exptime: i64, now: Now) -> &'static str {
    match engine.options.flush_all {
        Permission::Allowed => {
            engine.flush_all(exptime, now);
            "OK"
        }
        Permission::Refused => "CLIENT_ERROR flush_all not allowed",
    }
}

/// `cache_memlimit <megabytes>`.
pub(super) fn cache_memlimit(engine: &Engine, arguments: &[u8], now: Now) -> &'static str {
    let mut words = arguments.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let (Some(word), None | Some(b"noreply"), None) = (words.next(), words.next(), words.next()) else {
        return "ERROR";
    };
    let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<u64>().ok());
    match number {
        Some(..MEMORY_MB_MIN) => "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m",
        Some(MEMORY_MB_MAX..) => "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes",
        Some(megabytes) => {
            let bytes = NonZeroU64::new(megabytes).map_or(BYTES_PER_MB, |mb| mb.saturating_mul(BYTES_PER_MB));
            engine.store.set_memory_bytes(bytes, now);
            "OK"
        }
        None => "ERROR",
    }
}

/// `slabs <what> ...`: nothing of that kind is here, so only what is no command is told apart.
pub(super) fn slabs(arguments: &[u8]) -> &'static str {
    let mut words = arguments.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let number = |word: &[u8]| std::str::from_utf8(word).is_ok_and(|word| word.parse::<u32>().is_ok());
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(b"automove"), Some(word), None, None) if !number(word) => {
            "CLIENT_ERROR bad command line format"
        }
        (Some(b"reassign"), Some(from), Some(to), None) if number(from) && number(to) => {
            "CLIENT_ERROR slab reassignment disabled"
        }
        _ => "ERROR",
    }
}

/// `shutdown [graceful]`: clients get the answers to what they have asked either way.
pub(super) fn shutdown(engine: &Engine, arguments: &[u8], out: &mut Vec<u8>) -> Done {
    match engine.options.shutdown {
        Permission::Allowed if !matches!(arguments.trim_ascii(), b"" | b"graceful") => {
            response::line(out, b"CLIENT_ERROR invalid shutdown mode");
            Done::Answered
        }
        Permission::Allowed => {
            tracing::warn!("a client stops the engine");
            engine.stop.notify_one();
            Done::Close
        }
        Permission::Refused => {
            response::line(out, b"SERVER_ERROR: shutdown not enabled");
            Done::Answered
        }
    }
}

pub(super) fn version(out: &mut Vec<u8>) {
    out.extend_from_slice(b"VERSION ");
    response::line(out, VERSION.as_bytes());
}
