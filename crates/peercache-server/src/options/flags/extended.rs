//! memcached's extended options, `-o name,name=value`: some are honoured, those that tune what the engine
//! does not have are taken without effect, and those that would change what clients see are refused.

use super::FlagError;
use crate::options::{Options, Search};
use std::ops::RangeInclusive;
use std::time::Duration;

/// What a name needs, so that a value which memcached would not take is not taken here.
#[derive(Debug, Clone, Copy)]
enum Needs {
    Nothing,
    /// A number, or nothing.
    MayHave(RangeOf),
    Number(RangeOf),
    /// A fraction above 0.
    Fraction,
    /// One of these words.
    Word(&'static [&'static str]),
    Text,
}

/// From one to the other, both included.
type RangeOf = (i64, i64);

/// The largest number of 32 bits with a sign.
const LARGEST: i64 = i32::MAX as i64;

/// What tunes memcached's slabs, its queues, its table and its buffers. The engine has none of these, and a
/// client cannot tell.
const WITHOUT_EFFECT: &[(&str, Needs)] = &[
    ("modern", Needs::Nothing),
    ("maxconns_fast", Needs::Nothing),
    ("hashpower", Needs::Number((12, 32))),
    ("no_hashexpand", Needs::Nothing),
    ("hash_algorithm", Needs::Word(&["jenkins", "murmur3", "xxh3"])),
    ("slab_reassign", Needs::Nothing),
    ("no_slab_reassign", Needs::Nothing),
    ("slab_automove", Needs::MayHave((0, 2))),
    ("no_slab_automove", Needs::Nothing),
    ("slab_automove_ratio", Needs::Fraction),
    ("slab_automove_window", Needs::Number((3, 1800))),
    ("slab_sizes", Needs::Text),
    ("slab_chunk_max", Needs::Number((1, 1024))),
    ("no_chunked_items", Needs::Nothing),
    ("tail_repair_time", Needs::Number((10, LARGEST))),
    ("lru_crawler_sleep", Needs::Number((0, 1_000_000))),
    ("lru_crawler_tocrawl", Needs::Number((0, u32::MAX as i64))),
    ("lru_maintainer", Needs::Nothing),
    ("no_lru_maintainer", Needs::Nothing),
    ("hot_lru_pct", Needs::Number((1, 79))),
    ("warm_lru_pct", Needs::Number((1, 79))),
    ("hot_max_factor", Needs::Fraction),
    ("warm_max_factor", Needs::Fraction),
    ("temporary_ttl", Needs::Number((i32::MIN as i64, LARGEST))),
    ("watcher_logbuf_size", Needs::Number((0, u32::MAX as i64))),
    ("worker_logbuf_size", Needs::Number((0, u32::MAX as i64))),
    ("read_buf_mem_limit", Needs::Number((0, u32::MAX as i64))),
    ("resp_obj_mem_limit", Needs::Text),
    ("inline_ascii_resp", Needs::Nothing),
    ("no_inline_ascii_resp", Needs::Nothing),
    ("drop_privileges", Needs::Nothing),
    ("no_drop_privileges", Needs::Nothing),
    ("relaxed_privileges", Needs::Nothing),
];

/// What decides whether expired items are looked for.
const SEARCH: &[(&str, Search)] =
    &[("lru_crawler", Search::On), ("no_lru_crawler", Search::Off), ("no_modern", Search::Off)];

/// How names begin that are refused, and why.
const REFUSED: &[(&str, &str)] = &[
    ("no_maxconns_fast", "a client for whom there is no place is always told so at once"),
    ("track_sizes", "items are not counted by their sizes"),
    ("ssl_", "there is no TLS; put a tunnel in front, or use a Unix socket"),
    ("ext_", "items are kept in memory alone"),
    ("proxy_", "an engine is a cache; for a proxy there is `peercache proxy`"),
];

/// Takes what is behind one `-o`.
pub(super) fn take(options: &mut Options, text: &str) -> Result<(), FlagError> {
    text.split(',').filter(|one| !one.is_empty()).try_for_each(|one| {
        let (name, value) = one.split_once('=').map_or((one, None), |(name, value)| (name, Some(value)));
        take_one(options, name, value)
    })
}

fn take_one(options: &mut Options, name: &str, value: Option<&str>) -> Result<(), FlagError> {
    if name == "idle_timeout" {
        let seconds = number(name, value, 0..=LARGEST)?;
        options.idle_timeout = (seconds > 0).then(|| Duration::from_secs(seconds.unsigned_abs()));
        return Ok(());
    }
    if let Some((_, search)) = SEARCH.iter().find(|(known, _)| *known == name && value.is_none()) {
        options.search = *search;
        return Ok(());
    }
    let Some((name, needs)) = WITHOUT_EFFECT.iter().find(|(known, _)| *known == name) else {
        let why = REFUSED.iter().find(|(start, _)| name.starts_with(start));
        return Err(match why {
            Some((_, why)) => FlagError::Refused { flag: format!("-o {name}"), why },
            None => FlagError::Unknown { flag: format!("-o {name}") },
        });
    };
    match (*needs, value) {
        (Needs::Nothing | Needs::MayHave(_), None) | (Needs::Text, Some(_)) => Ok(()),
        (Needs::Nothing, Some(value)) => Err(bad(name, Some(value), "nothing behind it".into())),
        (Needs::MayHave((least, most)) | Needs::Number((least, most)), value) => {
            number(name, value, least..=most).map(drop)
        }
        (Needs::Fraction, value) => {
            let fraction = value.and_then(|value| value.parse::<f64>().ok());
            let is_one = fraction.is_some_and(|fraction| fraction > 0.0 && fraction.is_finite());
            if is_one { Ok(()) } else { Err(bad(name, value, "a number above 0, as in 0.5".into())) }
        }
        (Needs::Word(words), value) => match value {
            Some(value) if words.contains(&value) => Ok(()),
            value => Err(bad(name, value, words.join(", "))),
        },
        (Needs::Text, None) => Err(bad(name, None, "a value behind it".into())),
    }
}

fn number(name: &str, value: Option<&str>, range: RangeInclusive<i64>) -> Result<i64, FlagError> {
    let number = value.and_then(|value| value.parse().ok()).filter(|number| range.contains(number));
    number.ok_or_else(|| bad(name, value, format!("a number from {} to {}", range.start(), range.end())))
}

fn bad(name: &str, value: Option<&str>, expected: String) -> FlagError {
    let value = value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}"));
    FlagError::BadValue { flag: "-o", value, expected: expected.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Result<Options, FlagError> {
        let mut options = Options::default();
        take(&mut options, text).map(|()| options)
    }

    #[test]
    fn what_tunes_something_else_changes_nothing() {
        let text = "modern,slab_automove,slab_automove=2,slab_chunk_max=16,hash_algorithm=murmur3,\
            hot_max_factor=0.2,lru_crawler,relaxed_privileges,slab_sizes=100-200";
        assert_eq!(taken(text), Ok(Options::default()));
    }

    #[test]
    fn the_search_for_expired_items_can_be_left_out() {
        assert_eq!(taken("no_modern").unwrap().search, Search::Off);
        assert_eq!(taken("no_lru_crawler").unwrap().search, Search::Off);
        assert_eq!(taken("no_modern,lru_crawler").unwrap().search, Search::On);
    }

    #[test]
    fn the_silent_are_let_go_after_a_time() {
        assert_eq!(taken("modern,idle_timeout=3").unwrap().idle_timeout, Some(Duration::from_secs(3)));
        assert_eq!(taken("idle_timeout=0").unwrap().idle_timeout, None);
    }

    #[test]
    fn what_is_unknown_changes_the_engine_or_cannot_be_is_refused_by_name() {
        for (text, words) in [
            ("idle_timeout", "-o \"idle_timeout\" cannot be used: give a number"),
            ("idle_timeout=x", "give a number"),
            ("slab_automove=3", "from 0 to 2"),
            ("slab_automove_window=2", "from 3 to 1800"),
            ("hash_algorithm=md5", "jenkins, murmur3, xxh3"),
            ("hot_max_factor=0", "above 0"),
            ("modern=1", "nothing behind it"),
            ("slab_sizes", "a value behind it"),
            ("ssl_key=x", "no TLS"),
            ("modern,ext_path=/x:1g", "-o ext_path cannot be honoured: items are kept in memory alone"),
            ("proxy_config=x", "peercache proxy"),
            ("no_maxconns_fast", "told so at once"),
            ("fooble", "no flag \"-o fooble\""),
        ] {
            let message = taken(text).unwrap_err().to_string();
            assert!(message.contains(words), "{text}: {message}");
        }
    }
}
