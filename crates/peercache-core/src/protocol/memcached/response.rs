//! What servers answer, written for the wire.
//!
//! Each function appends one piece to `out`, whole lines only. Numbers are written without allocating;
//! nothing is flushed: when bytes travel is decided by whoever owns the socket.

use super::base64;
use alloc::vec::Vec;

/// One line, with its end.
pub fn line(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

/// A line that is one number: a counter's new value.
pub fn number(out: &mut Vec<u8>, number: u64) {
    push_number(out, number);
    out.extend_from_slice(b"\r\n");
}

/// What goes into a `VALUE` whose bytes are at hand.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The flags that it was stored with.
    pub flags: u32,
    /// The bytes.
    pub data: &'a [u8],
    /// The version, where it was asked for.
    pub cas: Option<u64>,
}

/// `VALUE <key> <flags> <bytes> [<cas>]` and the bytes.
pub fn value(out: &mut Vec<u8>, value: Value<'_>) {
    value_line(out, value.key, value.flags, value.data.len(), value.cas);
    out.extend_from_slice(value.data);
    out.extend_from_slice(b"\r\n");
}

/// `VALUE <key> <flags> <bytes> [<cas>]`, with room for the bytes that have to follow.
#[inline]
pub fn value_line(out: &mut Vec<u8>, key: &[u8], flags: u32, bytes: usize, cas: Option<u64>) {
    // 64 covers the words and four numbers; one reservation instead of six.
    out.reserve(key.len() + bytes + 64);
    out.extend_from_slice(b"VALUE ");
    out.extend_from_slice(key);
    out.push(b' ');
    push_number(out, u64::from(flags));
    out.push(b' ');
    push_number(out, bytes as u64);
    if let Some(cas) = cas {
        out.push(b' ');
        push_number(out, cas);
    }
    out.extend_from_slice(b"\r\n");
}

/// A flag of a meta command's answer that is a letter and a number.
pub fn flag_number(out: &mut Vec<u8>, letter: u8, number: u64) {
    out.extend_from_slice(&[b' ', letter]);
    push_number(out, number);
}

/// The flag `k` of a meta command's answer: the key, and ` b` behind one that is any bytes and so in base64.
pub fn flag_key(out: &mut Vec<u8>, key: &[u8], is_packed: bool) {
    out.extend_from_slice(b" k");
    if is_packed {
        out.extend(base64::encode(key));
        out.extend_from_slice(b" b");
    } else {
        out.extend_from_slice(key);
    }
}

/// `STAT <name> <text>`.
pub fn stat(out: &mut Vec<u8>, name: &str, text: &str) {
    out.extend_from_slice(b"STAT ");
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    line(out, text.as_bytes());
}

/// `STAT <name> <number>`.
pub fn stat_number(out: &mut Vec<u8>, name: &str, number: u64) {
    stat(out, name, itoa::Buffer::new().format(number));
}

/// What goes into an `ME`.
#[derive(Debug, Clone, Copy)]
pub struct Meta<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Whether it is any bytes, so that it is written as base64.
    pub is_packed: bool,
    /// Seconds until it expires; none is never.
    pub expires_in_s: Option<u64>,
    /// Seconds since it was last read or written.
    pub idle_s: u64,
    /// Its version.
    pub cas: u64,
    /// Whether it was read since it was written.
    pub fetched: bool,
    /// Bytes that it takes, as memcached counts them.
    pub item_bytes: u64,
    /// The number of its size class.
    pub class: u8,
}

/// `ME <key> exp=… la=… cas=… fetch=… cls=… size=…`.
pub fn meta(out: &mut Vec<u8>, meta: Meta<'_>) {
    out.extend_from_slice(b"ME ");
    if meta.is_packed {
        out.extend(base64::encode(meta.key));
    } else {
        out.extend_from_slice(meta.key);
    }
    out.extend_from_slice(b" exp=");
    match meta.expires_in_s {
        Some(seconds) => push_number(out, seconds),
        None => out.extend_from_slice(b"-1"),
    }
    out.extend_from_slice(b" la=");
    push_number(out, meta.idle_s);
    out.extend_from_slice(b" cas=");
    push_number(out, meta.cas);
    out.extend_from_slice(if meta.fetched { b" fetch=yes cls=" } else { b" fetch=no cls=" });
    push_number(out, u64::from(meta.class));
    out.extend_from_slice(b" size=");
    push_number(out, meta.item_bytes);
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn push_number(out: &mut Vec<u8>, number: u64) {
    // Most flags are 0.
    match u8::try_from(number) {
        Ok(digit @ 0..=9) => out.push(b'0' + digit),
        _ => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn values_carry_their_version_only_when_asked() {
        let plain = Value { key: b"k", flags: 7, data: b"a\r\n", cas: None };
        assert_eq!(written(|out| value(out, plain)), b"VALUE k 7 3\r\na\r\n\r\n");
        let versioned = Value { cas: Some(u64::MAX), ..plain };
        assert_eq!(written(|out| value(out, versioned)), b"VALUE k 7 3 18446744073709551615\r\na\r\n\r\n");
    }

    #[test]
    fn statistics_and_numbers_are_lines() {
        assert_eq!(written(|out| stat(out, "version", "1.0")), b"STAT version 1.0\r\n");
        assert_eq!(written(|out| stat_number(out, "pid", 17)), b"STAT pid 17\r\n");
        assert_eq!(written(|out| number(out, 0)), b"0\r\n");
    }

    #[test]
    fn the_meta_line_is_memcacheds() {
        let never = Meta {
            key: b"k",
            is_packed: false,
            expires_in_s: None,
            idle_s: 3,
            cas: 17,
            fetched: false,
            item_bytes: 63,
            class: 1,
        };
        assert_eq!(written(|out| meta(out, never)), b"ME k exp=-1 la=3 cas=17 fetch=no cls=1 size=63\r\n");
        let soon = Meta { expires_in_s: Some(9), fetched: true, ..never };
        assert_eq!(written(|out| meta(out, soon)), b"ME k exp=9 la=3 cas=17 fetch=yes cls=1 size=63\r\n");
    }
}
