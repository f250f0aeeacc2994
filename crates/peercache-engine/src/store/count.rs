//! Counters: values that are numbers.

use super::Store;
use crate::item::Item;
use crate::time::Now;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::request::CountVerb;

/// What became of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It has this value now.
    Value(u64),
    /// There is none.
    NotFound,
    /// What is there is not a number from 0 to 2^64 - 1; it is unchanged.
    NotANumber,
    /// There is no room for one more digit; it is unchanged.
    OutOfMemory,
}

impl Store {
    /// Adds to a counter, wrapping at 2^64, or subtracts from it, stopping at 0. Its flags and expiry stay.
    pub fn count(&self, verb: CountVerb, key: Key<'_>, delta: u64, now: Now) -> Counted {
        let (hits, misses) = match verb {
            CountVerb::Incr => (&self.counters.incr_hits, &self.counters.incr_misses),
            CountVerb::Decr => (&self.counters.decr_hits, &self.counters.decr_misses),
        };
        let _writers = self.lock_writers(key);
        // Before looking at what is there: see the watermark's invariant.
        let version = self.watermark.next_version(now);
        let Some(old) = self.peek(key, now) else {
            misses.add_one();
            return Counted::NotFound;
        };
        let Some(number) = number(old.value()) else {
            return Counted::NotANumber;
        };
        hits.add_one();
        let number = match verb {
            CountVerb::Incr => number.wrapping_add(delta),
            CountVerb::Decr => number.saturating_sub(delta),
        };
        let value = digits(number, old.value().len());
        let item = Item::new(value, old.flags(), version, old.dies_at_s(), now);
        if old.was_fetched() {
            item.note_read(now);
        }
        let grows = item.value().len() > old.value().len();
        if !self.put(key, item) {
            return Counted::OutOfMemory;
        }
        if grows {
            // memcached writes a number that fits in place, and does not count that as an item.
            self.counters.total_items.add_one();
        }
        Counted::Value(number)
    }
}

/// What memcached takes as a number: white space, digits, and then nothing or white space and anything.
fn number(value: &[u8]) -> Option<u64> {
    let text = value.trim_ascii_start();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() || rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The number as it is stored: a value never gets shorter, it is filled up with spaces (as in memcached).
fn digits(number: u64, bytes_min: usize) -> Box<[u8]> {
    let mut value = itoa::Buffer::new().format(number).as_bytes().to_vec();
    value.resize(value.len().max(bytes_min), b' ');
    value.into_boxed_slice()
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
            assert_eq!(number(value), expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn a_shorter_number_keeps_the_length_of_the_longer_one() {
        assert_eq!(*digits(9, 2), *b"9 ");
        assert_eq!(*digits(100, 2), *b"100");
    }
}
