//! Counters: values that are numbers.

use super::Store;
use crate::memory::{Header, Marks, Value};
use crate::shard::{Hashed, Shard, Write};
use crate::time::{Death, Now};
use peercache_core::protocol::memcached::request::CountVerb;

/// The most digits of a number below 2^64.
const DIGITS_MAX: usize = 20;

/// How to count.
#[derive(Debug, Clone, Copy)]
pub struct Count {
    /// Which way.
    pub verb: CountVerb,
    /// By how much.
    pub delta: u64,
    /// What is there must have this version.
    pub compare: Option<u64>,
    /// Where nothing is: create a counter with this value and expiry.
    pub vivify: Option<(u64, i64)>,
    /// The expiry that it gets if it is there (memcached's, see [`Death::of`]).
    pub touch: Option<i64>,
    /// The version that it gets; none is one of the store's own.
    pub version: Option<u64>,
    /// Whether the key is any bytes, which clients write as base64; for a counter that is created.
    pub packed_key: bool,
}

impl Count {
    /// What a classic command asks for.
    #[must_use]
    pub const fn classic(verb: CountVerb, delta: u64) -> Self {
        Self { verb, delta, compare: None, vivify: None, touch: None, version: None, packed_key: false }
    }
}

/// What became of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It has a new value.
    Counted {
        /// This.
        number: u64,
        /// The version that it has now.
        version: u64,
        /// When it expires; before a [`Count::touch`].
        death: Death,
        /// Whether it was created.
        created: bool,
    },
    /// There is none.
    NotFound,
    /// Another version was found than was to be.
    Exists,
    /// What is there is not a number from 0 to 2^64 - 1; it is unchanged.
    NotANumber,
    /// There is no room for one more digit; it is unchanged.
    OutOfMemory,
}

impl Store {
    /// Adds to a counter, wrapping at 2^64, or subtracts from it, stopping at 0. Its flags and expiry stay.
    pub fn count(&self, key: &[u8], count: &Count, now: Now) -> Counted {
        let (mut shard, key) = self.shard(key, now);
        let Some((place, old)) = shard.find(key, now).item() else {
            return vivify(&mut shard, key, count, now);
        };
        if count.compare.is_some_and(|expected| expected != old.version) {
            return Counted::Exists;
        }
        let Some(number) = number(shard.value(place, &old)) else { return Counted::NotANumber };
        let number = match count.verb {
            CountVerb::Incr => {
                shard.counters.incr_hits += 1;
                number.wrapping_add(count.delta)
            }
            CountVerb::Decr => {
                shard.counters.decr_hits += 1;
                number.saturating_sub(count.delta)
            }
        };
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(number).as_bytes();
        // A value never gets shorter, it is filled up with spaces (as in memcached).
        let old_bytes = old.value_bytes as usize;
        let spaces = vec![b' '; old_bytes.saturating_sub(digits.len())];
        let death = count.touch.map_or(old.death, |exptime| Death::of(exptime, now));
        let version = shard.version(count.version);
        let write = Write { flags: old.flags, death, version, marks: old.marks };
        if shard.put(key, write, &[digits, &spaces], now).is_none() {
            return Counted::OutOfMemory;
        }
        // memcached writes a number that fits in place, and does not count that as an item.
        shard.counters.total_items += u64::from(digits.len() > old_bytes);
        Counted::Counted { number, version, death: old.death, created: false }
    }
}

fn vivify(shard: &mut Shard, key: Hashed<'_>, count: &Count, now: Now) -> Counted {
    let Some((number, exptime)) = count.vivify else {
        match count.verb {
            CountVerb::Incr => shard.counters.incr_misses += 1,
            CountVerb::Decr => shard.counters.decr_misses += 1,
        }
        return Counted::NotFound;
    };
    let version = shard.version(count.version);
    let death = Death::of(exptime, now);
    let marks = if count.packed_key { Marks::PACKED_KEY } else { Marks::default() };
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number).as_bytes();
    match shard.put(key, Write { flags: 0, death, version, marks }, &[digits], now) {
        Some((_, Header { death, .. })) => {
            shard.counters.total_items += 1;
            Counted::Counted { number, version, death, created: true }
        }
        None => Counted::OutOfMemory,
    }
}

/// What memcached takes as a number: white space, digits, and then nothing or white space and anything.
fn number(value: Value<'_>) -> Option<u64> {
    if value.len() > DIGITS_MAX {
        // Rare: a number among spaces, or no number.
        return parse(&value.to_vec());
    }
    let (mut bytes, mut end) = ([0; DIGITS_MAX], 0);
    for piece in value {
        bytes[end..end + piece.len()].copy_from_slice(piece);
        end += piece.len();
    }
    parse(&bytes[..end])
}

fn parse(value: &[u8]) -> Option<u64> {
    let text = value.trim_ascii_start();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() || rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_like_memcached_reads_them() {
        for (value, expected) in [
            (&b"0"[..], Some(0)),
            (b"12 34", Some(12)),
            (b" 12", Some(12)),
            (b"9 ", Some(9)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"", None),
            (b" ", None),
            (b"-1", None),
            (b"1a", None),
        ] {
            assert_eq!(parse(value), expected, "{}", value.escape_ascii());
        }
    }
}
