//! `lru_crawler`: lists what there is, and steers the search for what has expired.

use super::list::{self, Dump, METADUMP, MGDUMP};
use super::{Done, Progress, say};
use crate::engine::Engine;
use crate::options::{Permission, Search};
use peercache_core::protocol::memcached::request::Answer;
use peercache_engine::{Cursor, Now};

const ERROR: &str = "ERROR";

/// The longest rest that may be asked for, in microseconds (memcached's).
const REST_US_MAX: u32 = 1_000_000;

/// Size classes that are asked for, a bit for each (memcached has fewer than 64).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Classes(u64);

impl Classes {
    const ALL: Self = Self(u64::MAX);

    /// `all`, `hash`, which is all in another order, or numbers from 1 to 63 with commas between them.
    fn read(word: &[u8]) -> Option<Self> {
        if matches!(word, b"all" | b"hash") {
            return Some(Self::ALL);
        }
        let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<u32>().ok();
        word.split(|&byte| byte == b',').try_fold(Self(0), |Self(bits), word| match number(word) {
            Some(number @ 1..64) => Some(Self(bits | 1 << number)),
            _ => None,
        })
    }

    pub(super) const fn have(self, class: u8) -> bool {
        self.0 >> class & 1 == 1
    }
}

/// `lru_crawler <what> <more>`.
pub(super) fn crawl(
    engine: &Engine,
    arguments: &[u8],
    answer: Answer,
    progress: Progress,
    now: Now,
    out: &mut Vec<u8>,
) -> Done {
    let mut words = arguments.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let line = match (words.next(), words.next(), words.next()) {
        (Some(b"metadump"), Some(classes), None) => {
            return dump(engine, METADUMP, classes, progress, now, out);
        }
        (Some(b"mgdump"), Some(classes), None) => return dump(engine, MGDUMP, classes, progress, now, out),
        (Some(b"enable"), None, _) if engine.crawler.switch(Search::On) => "OK",
        (Some(b"enable"), None, _) => "ERROR failed to start lru crawler thread",
        (Some(b"disable"), None, _) if engine.crawler.switch(Search::Off) => "OK",
        (Some(b"disable"), None, _) => "ERROR failed to stop lru crawler thread",
        (Some(b"crawl"), Some(classes), None) => search(engine, classes),
        (Some(b"sleep"), Some(rest_us), None) => rest(engine, rest_us),
        // It goes on until it has been everywhere: what is known of a segment's items says at once that none
        // of them has expired.
        (Some(b"tocrawl"), Some(items), None) => number(items).map_or(BAD_FORMAT, |_| "OK"),
        _ => ERROR,
    };
    say(out, answer, line);
    Done::Answered
}

const BAD_FORMAT: &str = "CLIENT_ERROR bad command line format";

fn number(word: &[u8]) -> Option<u32> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// It searches everywhere, whichever classes are asked for: items are not kept by class.
fn search(engine: &Engine, classes: &[u8]) -> &'static str {
    match Classes::read(classes) {
        _ if !engine.crawler.is_on() => "CLIENT_ERROR lru crawler disabled",
        Some(_) if classes == b"hash" => "ERROR an unknown error happened",
        Some(_) => {
            engine.crawler.ask();
            "OK"
        }
        None => "BADCLASS invalid class id",
    }
}

fn rest(engine: &Engine, rest_us: &[u8]) -> &'static str {
    match number(rest_us) {
        Some(rest_us @ ..=REST_US_MAX) => {
            engine.crawler.set_rest_us(rest_us);
            "OK"
        }
        Some(_) => "CLIENT_ERROR sleep must be one second or less",
        None => BAD_FORMAT,
    }
}

/// A listing needs no search, so it is there also where that is switched off.
fn dump(
    engine: &Engine,
    dump: Dump,
    classes: &[u8],
    progress: Progress,
    now: Now,
    out: &mut Vec<u8>,
) -> Done {
    let has_begun = progress.listed != Cursor::default();
    let line = match Classes::read(classes) {
        _ if engine.options.dumps == Permission::Refused => dump.refusal,
        // As in memcached, whose clients are used to a listing of its own.
        _ if !has_begun && !out.is_empty() => dump.too_late,
        None => "BADCLASS invalid class id",
        Some(classes) => {
            if !has_begun {
                say(out, Answer::Wanted, "OK");
            }
            return list::list(engine, dump, classes, progress, now, out);
        }
    };
    say(out, Answer::Wanted, line);
    Done::Answered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_read_as_memcached_reads_them() {
        assert_eq!(Classes::read(b"all"), Some(Classes::ALL));
        let some = Classes::read(b"1,31,63").expect("three classes");
        assert!(some.have(1) && some.have(31) && some.have(63) && !some.have(2));
        for wrong in [&b"0"[..], b"64", b"x", b"1,", b"", b"-1", b"1,2,x"] {
            assert_eq!(Classes::read(wrong), None, "{}", wrong.escape_ascii());
        }
    }
}
