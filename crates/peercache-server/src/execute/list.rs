//! `lru_crawler metadump`, `lru_crawler mgdump`, `stats cachedump`: what there is.
//!
//! A listing pauses like any long answer, so a slow reader makes nobody keep it for him. Meanwhile the store
//! goes on: what is there all the time is listed, what comes or goes may be.

use super::{Done, Progress};
use crate::engine::Engine;
use crate::session::OUT_BYTES_MAX;
use peercache_core::protocol::memcached::response;
use peercache_engine::{Cursor, Item, Now};
use std::io::Write;

/// The most that `stats cachedump` tells, in bytes (memcached's).
const CACHEDUMP_BYTES_MAX: usize = 2 << 20;

/// Writes one item.
type Push = fn(&mut Vec<u8>, &Item<'_>);

/// `lru_crawler <what> <classes>`. There are no slab classes, so whichever are asked for, all items are told.
pub(super) fn crawl(
    engine: &Engine,
    arguments: &[u8],
    progress: Progress,
    now: Now,
    out: &mut Vec<u8>,
) -> Done {
    let mut words = arguments.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let (push, end): (Push, &[u8]) = match (words.next(), words.next(), words.next()) {
        (Some(b"metadump"), Some(_), None) => (push_metadump, b"END"),
        (Some(b"mgdump"), Some(_), None) => (push_mgdump, b"EN"),
        _ => {
            response::line(out, b"ERROR");
            return Done::Answered;
        }
    };
    let mut next = Some(progress.listed);
    while let Some(listed) = next {
        if out.len() > OUT_BYTES_MAX {
            return Done::Paused(Progress { listed, ..progress });
        }
        next = engine.store.list(listed, now, |item| push(out, &item));
    }
    response::line(out, end);
    Done::Answered
}

/// One line, which memcached ends with a line feed alone.
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
    out.extend_from_slice(b" cls=1 size=");
    push_number(out, item.bytes() as u64);
    out.extend_from_slice(b" flags=");
    push_number(out, u64::from(item.flags()));
    out.push(b'\n');
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
    let mut words = arguments.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let numbers =
        [words.next(), words.next()].map(|word| std::str::from_utf8(word?).ok()?.parse::<u32>().ok());
    let [Some(class), Some(limit)] = numbers else {
        response::line(out, b"CLIENT_ERROR bad command line format");
        return;
    };
    let end = out.len() + CACHEDUMP_BYTES_MAX;
    let (mut shown, mut next) = (0, (class == 1).then(Cursor::default));
    while let Some(listed) = next.filter(|_| (limit == 0 || shown < limit) && out.len() < end) {
        next = engine.store.list(listed, now, |item| {
            if !item.has_packed_key() && (limit == 0 || shown < limit) {
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
