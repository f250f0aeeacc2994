//! `lru_crawler metadump`, `lru_crawler mgdump`, `stats cachedump`: what there is.
//!
//! A listing pauses like any long answer, so a slow reader makes nobody keep it for him. Meanwhile the store
//! goes on: what is there all the time is listed, what comes or goes may be.

use super::crawl::Classes;
use super::{Done, Progress};
use crate::engine::Engine;
use crate::options::Permission;
use crate::session::OUT_BYTES_MAX;
use peercache_core::protocol::memcached::response;
use peercache_engine::{Cursor, Item, Now};
use std::io::Write;

/// The most that `stats cachedump` tells, in bytes (memcached's).
const CACHEDUMP_BYTES_MAX: usize = 2 << 20;

/// The largest number that a class may have (memcached's).
const CLASSES_MAX: u32 = 63;

/// Writes one item.
type Push = fn(&mut Vec<u8>, &Item<'_>);

/// A way to tell of all items.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dump {
    push: Push,
    /// What is behind the last of them.
    end: &'static str,
    /// The answer where nobody may have it.
    pub(super) refusal: &'static str,
    /// The answer behind others.
    pub(super) too_late: &'static str,
}

/// `lru_crawler metadump`: what is known of each item.
pub(super) const METADUMP: Dump = Dump {
    push: push_metadump,
    end: "END",
    refusal: "ERROR metadump not allowed",
    too_late: "ERROR cannot pipeline other commands before metadump",
};

/// `lru_crawler mgdump`: a command for each item that asks for it.
pub(super) const MGDUMP: Dump = Dump {
    push: push_mgdump,
    end: "EN",
    refusal: "ERROR key dump not allowed",
    too_late: "ERROR cannot pipeline other commands before mgdump",
};

/// Tells of all items that are in one of `classes`, from where it was paused.
pub(super) fn list(
    engine: &Engine,
    dump: Dump,
    classes: Classes,
    progress: Progress,
    now: Now,
    out: &mut Vec<u8>,
) -> Done {
    let mut next = Some(progress.listed);
    while let Some(listed) = next {
        if out.len() > OUT_BYTES_MAX {
            return Done::Paused(Progress { listed, ..progress });
        }
        next = engine.store.list(listed, now, |item| {
            if classes.have(item.class()) {
                (dump.push)(out, &item);
            }
        });
    }
    response::line(out, dump.end.as_bytes());
    Done::Answered
}

/// One line, which memcached ends with a space and a line feed.
fn push_metadump(out: &mut Vec<u8>, item: &Item<'_>) {
    out.extend_from_slice(b"key=");
    push_encoded(out, item.key());
    out.extend_from_slice(b" exp=");
    match item.death().unix_s() {
        Some(second) => push_number(out, second),
        None => out.extend_from_slice(b"-1"),
    }
    out.extend_from_slice(b" la=");
    push_number(out, u64::from(item.used_at_s()));
    out.extend_from_slice(b" cas=");
    push_number(out, item.version());
    out.extend_from_slice(if item.was_fetched() { b" fetch=yes" } else { b" fetch=no" });
    out.extend_from_slice(b" cls=");
    push_number(out, u64::from(item.class()));
    out.extend_from_slice(b" size=");
    push_number(out, item.bytes() as u64);
    out.extend_from_slice(b" flags=");
    push_number(out, u64::from(item.flags()));
    out.extend_from_slice(b" \n");
}

/// A command that asks for the item.
fn push_mgdump(out: &mut Vec<u8>, item: &Item<'_>) {
    let mut key = Vec::new();
    response::flag_key(&mut key, item.key(), item.has_packed_key());
    out.extend_from_slice(b"mg ");
    response::line(out, &key[b" k".len()..]);
}

/// `stats cachedump <class> <limit>`: at most `limit` plain keys; 0 is no limit.
pub(super) fn cachedump(engine: &Engine, arguments: &[u8], now: Now, out: &mut Vec<u8>) {
    if engine.options.dumps == Permission::Refused {
        return response::line(out, b"CLIENT_ERROR stats cachedump not allowed");
    }
    let mut words = arguments.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let numbers =
        [words.next(), words.next()].map(|word| std::str::from_utf8(word?).ok()?.parse::<u32>().ok());
    let [Some(class), Some(limit)] = numbers else {
        response::line(out, b"CLIENT_ERROR bad command line format");
        return;
    };
    if class > CLASSES_MAX {
        return response::line(out, b"CLIENT_ERROR Illegal slab id");
    }
    let end = out.len() + CACHEDUMP_BYTES_MAX;
    let (mut shown, mut next) = (0, Some(Cursor::default()));
    while let Some(listed) = next.filter(|_| (limit == 0 || shown < limit) && out.len() < end) {
        next = engine.store.list(listed, now, |item| {
            if u32::from(item.class()) == class && !item.has_packed_key() && (limit == 0 || shown < limit) {
                push_cachedump(out, &item);
                shown += 1;
            }
        });
    }
    response::line(out, b"END");
}

fn push_cachedump(out: &mut Vec<u8>, item: &Item<'_>) {
    out.extend_from_slice(b"ITEM ");
    out.extend_from_slice(item.key());
    out.extend_from_slice(b" [");
    push_number(out, item.value().len() as u64);
    out.extend_from_slice(b" b; ");
    push_number(out, item.death().unix_s().unwrap_or(0));
    response::line(out, b" s]");
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A key as in a web address: what is no letter, digit, or one of `-._~` is a percent sign and two digits.
fn push_encoded(out: &mut Vec<u8>, key: &[u8]) {
    for &byte in key {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte),
            // Writing to memory does not fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_in_an_address() {
        let mut out = Vec::new();
        push_encoded(&mut out, b"user:1/a b~\xff");
        assert_eq!(out, b"user%3A1%2Fa%20b~%FF");
    }
}
