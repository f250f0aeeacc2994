//! How operations are put into memcached's words.
//!
//! Time cannot be moved here: what would wait is left out, and so is what daemons are known to answer
//! differently, each with its reason beside it; `docs/protocol.md` lists it for users.

use super::operations::{
    Counting, Deed, Deleting, Exptime, ITEM_BYTES_MAX, Key, Operation, Reading, Storing, Verb, Wording,
};
use peercache_core::protocol::memcached::request::CountVerb;

/// The flags that ask to be told something, and hints that mean nothing to a daemon.
const LETTERS: [&str; 11] = ["k", "Oc12", "c", "t", "v", "f", "s", "h", "l", "L5", "P5"];

/// So many of them are asked at once: a line has 19 words at most, in 1.6.45 20.
const LETTERS_MAX: usize = 8;

/// Which memcached is talked to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Knowledge {
    /// As 1.6.18.
    Old,
    /// As 1.6.45: with `E` and `x`, and what else came since.
    New,
}

/// Who is talked to, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listener {
    pub(crate) knowledge: Knowledge,
    pub(crate) start_s: u64,
    /// The version that the operation asks for, as this side numbers it.
    pub(crate) version: u64,
}

impl Listener {
    /// Of a number above 2^63 1.6.18 asks whether there is a minus anywhere behind it, and reads on behind
    /// the value.
    fn modest(self, number: u64) -> u64 {
        if self.knowledge == Knowledge::Old { number % 1_000_000_000 } else { number }
    }

    fn modest_value(self, storing: &Storing) -> &[u8] {
        let value = &storing.value[..];
        if self.knowledge == Knowledge::New || !value.iter().all(u8::is_ascii_digit) {
            return value;
        }
        match storing.verb {
            // A digit each time is many digits in the end.
            Verb::Append | Verb::Prepend if !value.is_empty() => b".",
            _ => &value[..value.len().min(9)],
        }
    }
}

impl Wording {
    /// What is created gets the expiry of `N` or `T`, whichever stands last.
    fn place_of_vivify(&self, flags: &[String]) -> std::ops::Range<usize> {
        let at = if self.order & 1 == 0 { flags.len() } else { 0 };
        at..at
    }
}

/// `operation` as a request; empty where it cannot be one.
pub(crate) fn say(operation: &Operation, to: Listener) -> Vec<u8> {
    let (key, wording) = (operation.key, &operation.wording);
    match &operation.deed {
        Deed::Store(storing) if wording.is_meta => meta_set(key, storing, wording, to),
        Deed::Store(storing) => set(key, storing, wording, to),
        Deed::Get { more, touch } => get(key, *more, touch.map(|exptime| exptime.at(to.start_s)), wording),
        Deed::Read(reading) => meta_get(key, reading, wording, to),
        Deed::Touch(exptime) => touch(key, exptime.at(to.start_s), wording),
        Deed::Delete(deleting) if wording.is_meta => meta_delete(key, deleting, wording, to),
        Deed::Delete(_) => line([word("delete"), key.name(), noreply(wording)]),
        Deed::Count(counting) if wording.is_meta => meta_count(key, counting, wording, to),
        Deed::Count(counting) => {
            let verb = if counting.verb == CountVerb::Incr { "incr" } else { "decr" };
            line([word(verb), key.name(), number(to.modest(counting.delta)), noreply(wording)])
        }
        Deed::Inspect => inspect(key, wording.is_packed, to.knowledge),
        Deed::Flush(exptime) => flush(*exptime, wording, to),
        Deed::Forget => forget(key),
        Deed::Wait(_) | Deed::Reclaim | Deed::List | Deed::Limit(_) => Vec::new(),
    }
}

/// Asks for all that is known of a key, and changes nothing.
pub(crate) fn inspect(key: Key, is_packed: bool, knowledge: Knowledge) -> Vec<u8> {
    match knowledge {
        _ if !is_packed => line([word("me"), key.name()]),
        Knowledge::Old => line([word("me"), text(key, true), word("b")]),
        // 1.6.45 takes the text for the key, unless another word follows.
        Knowledge::New => line([word("mg"), text(key, true), word("b u t c f s h l v")]),
    }
}

/// Removes a key, silently.
pub(crate) fn remove(key: Key) -> Vec<u8> {
    if key.must_be_packed() {
        line([word("md"), text(key, true), word("b q")])
    } else {
        line([word("delete"), key.name(), word("noreply")])
    }
}

fn set(key: Key, storing: &Storing, wording: &Wording, to: Listener) -> Vec<u8> {
    let (verb, version) = match storing.verb {
        Verb::Set => ("set", Vec::new()),
        Verb::Add => ("add", Vec::new()),
        Verb::Replace => ("replace", Vec::new()),
        Verb::Append => ("append", Vec::new()),
        Verb::Prepend => ("prepend", Vec::new()),
        Verb::Cas(_) => ("cas", number(to.version)),
    };
    let (flags, exptime) = (number(storing.flags), number(storing.exptime.at(to.start_s)));
    let value = to.modest_value(storing);
    let length = number(value.len());
    let head = line([word(verb), key.name(), flags, exptime, length, version, noreply(wording)]);
    [&head[..], value, b"\r\n"].concat()
}

fn get(key: Key, more: u8, touch: Option<i64>, wording: &Wording) -> Vec<u8> {
    if key.must_be_packed() {
        let touch = touch.map(|exptime| format!("T{exptime}"));
        return meta("mg", key, &[], touch.into_iter().collect(), wording);
    }
    let is_shown = wording.letters & 1 != 0;
    let (verb, exptime) = match (touch, is_shown) {
        (None, false) => ("get", Vec::new()),
        (None, true) => ("gets", Vec::new()),
        (Some(exptime), false) => ("gat", number(exptime)),
        (Some(exptime), true) => ("gats", number(exptime)),
    };
    let keys = key.and(more).filter(|key| !key.must_be_packed()).map(Key::name);
    line([word(verb), exptime].into_iter().chain(keys))
}

fn touch(key: Key, exptime: i64, wording: &Wording) -> Vec<u8> {
    if key.must_be_packed() {
        return meta("mg", key, &[], vec![format!("T{exptime}")], wording);
    }
    line([word("touch"), key.name(), number(exptime), noreply(wording)])
}

fn flush(exptime: Exptime, wording: &Wording, to: Listener) -> Vec<u8> {
    let exptime = match exptime {
        // In a second is at once for memcached, and for what is stored within this second as well; of a date
        // that has passed it lets go what is older.
        Exptime::Plain(1) | Exptime::Plain(2_592_001..) | Exptime::At(..2) => Vec::new(),
        later => number(later.at(to.start_s)),
    };
    line([word("flush_all"), exptime, noreply(wording)])
}

/// A value that is too long to be read takes what was there with it.
fn forget(key: Key) -> Vec<u8> {
    let value = vec![b'x'; ITEM_BYTES_MAX + 1];
    let length = number(value.len());
    let head = if key.must_be_packed() {
        line([word("ms"), text(key, true), length, word("b")])
    } else {
        line([word("set"), key.name(), word("0 0"), length])
    };
    [&head[..], &value, b"\r\n"].concat()
}

fn meta_set(key: Key, storing: &Storing, wording: &Wording, to: Listener) -> Vec<u8> {
    let mode = match storing.verb {
        // The mode of a `cas` is a matter of taste.
        Verb::Cas(_) if wording.letters & 2 != 0 => "MR",
        Verb::Cas(_) if wording.letters & 4 != 0 => "",
        Verb::Set | Verb::Cas(_) => "MS",
        Verb::Add => "ME",
        Verb::Replace => "MR",
        Verb::Append => "MA",
        Verb::Prepend => "MP",
    };
    let is_compared = storing.compare.is_some() || matches!(storing.verb, Verb::Cas(_));
    let mut flags = vec![String::from(mode)];
    flags.extend((storing.flags != 0).then(|| format!("F{}", storing.flags)));
    let exptime = storing.exptime.at(to.start_s);
    flags.extend((exptime != 0).then(|| format!("T{exptime}")));
    flags.extend(is_compared.then(|| format!("C{}", to.version)));
    // 1.6.18 appends to nothing.
    let vivify = storing.vivify.filter(|_| to.knowledge == Knowledge::New);
    flags.extend(vivify.map(|exptime| format!("N{}", exptime.at(to.start_s))));
    flags.extend(storing.takes_stale.then(|| String::from("I")));
    flags.extend(newer(to, storing.version));
    // 1.6.18 does not tell the length of what was stored.
    let unasked: &[&str] = if to.knowledge == Knowledge::Old { &["s"] } else { &[] };
    let value = to.modest_value(storing);
    let length = value.len();
    let head = meta(&format!("ms {length}"), key, unasked, flags, wording);
    [&head[..], value, b"\r\n"].concat()
}

fn meta_get(key: Key, reading: &Reading, wording: &Wording, to: Listener) -> Vec<u8> {
    let at = |letter: &str, exptime: Exptime| format!("{letter}{}", exptime.at(to.start_s));
    let mut flags = Vec::new();
    // What `R` looks at depends on whether it stands behind `T`.
    let touch = reading.touch.map(|exptime| at("T", exptime));
    // Dates from before its start are all one to memcached.
    let recache = reading.recache.filter(|exptime| !matches!(exptime, Exptime::Plain(2_592_001..)));
    let recache = recache.map(|exptime| at("R", exptime));
    if reading.after_touch {
        flags.extend(touch.into_iter().chain(recache));
    } else {
        flags.extend(recache.into_iter().chain(touch));
    }
    flags.extend(reading.peeks.then(|| String::from("u")));
    let vivify = reading.vivify.map(|exptime| at("N", exptime));
    flags.splice(wording.place_of_vivify(&flags), vivify);
    if to.knowledge == Knowledge::New {
        flags.extend(reading.known.map(|_| format!("C{}", to.version)));
        flags.extend(newer(to, reading.version));
    }
    meta("mg", key, &[], flags, wording)
}

fn meta_delete(key: Key, deleting: &Deleting, wording: &Wording, to: Listener) -> Vec<u8> {
    let mut flags = Vec::new();
    flags.extend(deleting.compare.map(|_| format!("C{}", to.version)));
    flags.extend(deleting.marks_stale.then(|| String::from("I")));
    flags.extend(deleting.touch.map(|exptime| format!("T{}", exptime.at(to.start_s))));
    flags.extend((deleting.flags != 0).then(|| format!("F{}", deleting.flags)));
    flags.extend((to.knowledge == Knowledge::New && deleting.keeps_key).then(|| String::from("x")));
    flags.extend(newer(to, deleting.version));
    meta("md", key, &[], flags, wording)
}

fn meta_count(key: Key, counting: &Counting, wording: &Wording, to: Listener) -> Vec<u8> {
    let mode = match (counting.verb, wording.letters & 3) {
        (CountVerb::Incr, 0) => "",
        (CountVerb::Incr, 1) => "M+",
        (CountVerb::Incr, _) => "MI",
        (CountVerb::Decr, 0 | 1) => "M-",
        (CountVerb::Decr, _) => "MD",
    };
    let mut flags = vec![String::from(mode)];
    flags.extend((counting.delta != 1).then(|| format!("D{}", to.modest(counting.delta))));
    flags.extend(counting.compare.map(|_| format!("C{}", to.version)));
    // What `T` and `E` give a number that gets longer is lost in memcached.
    let is_kept = counting.verb == CountVerb::Decr;
    let touch = counting.touch.filter(|_| is_kept);
    flags.extend(touch.map(|exptime| format!("T{}", exptime.at(to.start_s))));
    if let Some((first, exptime)) = counting.vivify {
        flags.splice(wording.place_of_vivify(&flags), [format!("N{}", exptime.at(to.start_s))]);
        flags.extend((first != 0).then(|| format!("J{}", to.modest(first))));
    }
    flags.extend(newer(to, counting.version.filter(|_| is_kept)));
    // 1.6.18 tells what a quiet count has created.
    let is_told = to.knowledge == Knowledge::Old && counting.vivify.is_some();
    let wording = &Wording { is_quiet: wording.is_quiet && !is_told, ..wording.clone() };
    meta("ma", key, &[], flags, wording)
}

/// A version that the writer gives, where that is understood.
fn newer(to: Listener, version: Option<u64>) -> Option<String> {
    version.filter(|_| to.knowledge == Knowledge::New).map(|version| format!("E{version}"))
}

/// A meta command with `flags`, and with those that ask to be told something but for `unasked`. Behind the
/// verb may stand a word that belongs behind the key.
fn meta(verb: &str, key: Key, unasked: &[&str], flags: Vec<String>, wording: &Wording) -> Vec<u8> {
    let is_asked =
        |&(at, letter): &(usize, &&str)| wording.letters >> at & 1 != 0 && !unasked.contains(letter);
    let letters = LETTERS.iter().enumerate().filter(is_asked).map(|(_, letter)| String::from(*letter));
    let mut letters: Vec<String> = letters.collect();
    letters.truncate(LETTERS_MAX);
    // Those that do something keep their order, which may mean something; the others stand anywhere.
    let mut all: Vec<String> = flags.into_iter().filter(|flag| !flag.is_empty()).collect();
    all.extend(wording.is_quiet.then(|| String::from("q")));
    all.extend(wording.is_packed.then(|| String::from("b")));
    for (step, letter) in letters.into_iter().enumerate() {
        let at = (usize::from(wording.order) + 5 * step) % (all.len() + 1);
        all.insert(at, letter);
    }
    let (verb, behind) = verb.split_once(' ').unwrap_or((verb, ""));
    let words = [word(verb), text(key, wording.is_packed), word(behind)];
    line(words.into_iter().chain(all.into_iter().map(String::into_bytes)))
}

/// A key as it is written.
fn text(key: Key, is_packed: bool) -> Vec<u8> {
    if is_packed { base64(&key.name()) } else { key.name() }
}

fn word(word: &str) -> Vec<u8> {
    word.as_bytes().to_vec()
}

fn number(number: impl ToString) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn noreply(wording: &Wording) -> Vec<u8> {
    word(if wording.is_quiet { "noreply" } else { "" })
}

fn line(words: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let words: Vec<Vec<u8>> = words.into_iter().filter(|word| !word.is_empty()).collect();
    [words.join(&b' '), b"\r\n".to_vec()].concat()
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for three in bytes.chunks(3) {
        let bits =
            three.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        let digits = [18, 12, 6, 0].map(|shift| DIGITS[(bits >> shift & 63) as usize]);
        text.extend_from_slice(&digits[..=three.len()]);
    }
    text.resize(text.len().next_multiple_of(4), b'=');
    text
}

/// What [`base64`] was made of.
pub(crate) fn unpacked(text: &[u8]) -> Vec<u8> {
    let digits = text.iter().filter_map(|letter| DIGITS.iter().position(|digit| digit == letter));
    let digits: Vec<usize> = digits.collect();
    let four = |four: &[usize]| {
        let bits = four.iter().fold(0, |bits, &digit| bits << 6 | digit as u32) << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    };
    digits.chunks(4).flat_map(four).collect()
}
