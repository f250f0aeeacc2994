//! Commands of one line.

use super::words::{self, Words};
use super::{AdminVerb, Answer, BAD_EXPTIME, BAD_FORMAT, CountVerb, Decoded, ERROR};
use super::{Keys, Line, MetaKey, Request, Versions};
use crate::key::Key;
use crate::protocol::memcached::number::{self, signed, unsigned};
use core::ops::RangeInclusive;

/// `<verb> <key>+`.
pub(super) fn get<'a>(line: &Line<'a>, arguments: &'a [u8], versions: Versions) -> Decoded<'a> {
    match Keys::of(arguments) {
        Ok(keys) if keys.count() == 0 => line.refused(ERROR),
        Ok(keys) => line.request(Request::Get { keys, versions }),
        Err(_) => line.refused(BAD_FORMAT),
    }
}

/// `<verb> <exptime> <key>*`.
pub(super) fn get_and_touch<'a>(line: &Line<'a>, arguments: &'a [u8], versions: Versions) -> Decoded<'a> {
    let (exptime, keys) = words::next(arguments);
    if exptime.is_empty() {
        return line.refused(ERROR);
    }
    let Some(exptime) = number::exptime(exptime) else {
        return line.refused(BAD_EXPTIME);
    };
    match Keys::of(keys) {
        Ok(keys) => line.request(Request::GetAndTouch { keys, exptime, versions }),
        Err(_) => line.refused(BAD_FORMAT),
    }
}

/// `<verb> <key> <delta> [noreply]`.
pub(super) fn count<'a>(line: &Line<'a>, verb: CountVerb) -> Decoded<'a> {
    let words = line.words();
    let Some(answer) = arguments(&words, 2..=3) else {
        return line.refused(ERROR);
    };
    let Ok(key) = Key::new(words.at(1)) else {
        return line.refused_to(answer, BAD_FORMAT);
    };
    match unsigned(words.at(2)) {
        Some(delta) => line.request(Request::Count { verb, key, delta, answer }),
        None => line.refused_to(answer, "CLIENT_ERROR invalid numeric delta argument"),
    }
}

/// `touch <key> <exptime> [noreply]`.
pub(super) fn touch<'a>(line: &Line<'a>) -> Decoded<'a> {
    let words = line.words();
    let Some(answer) = arguments(&words, 2..=3) else {
        return line.refused(ERROR);
    };
    let Ok(key) = Key::new(words.at(1)) else {
        return line.refused_to(answer, BAD_FORMAT);
    };
    match number::exptime(words.at(2)) {
        Some(exptime) => line.request(Request::Touch { key, exptime, answer }),
        None => line.refused_to(answer, BAD_EXPTIME),
    }
}

/// `delete <key> [0] [noreply]`; the 0 is what is left of a delay that old clients sent.
pub(super) fn delete<'a>(line: &Line<'a>) -> Decoded<'a> {
    let words = line.words();
    let Some(answer) = arguments(&words, 1..=3) else {
        return line.refused(ERROR);
    };
    let zero = words.at(2) == b"0";
    let valid = match (words.count(), answer) {
        (2, _) | (3, Answer::Unwanted) => true,
        (3, Answer::Wanted) | (4, Answer::Unwanted) => zero,
        _ => false,
    };
    if !valid {
        let usage = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]";
        return line.refused_to(answer, usage);
    }
    match Key::new(words.at(1)) {
        Ok(key) => line.request(Request::Delete { key, answer }),
        Err(_) => line.refused_to(answer, BAD_FORMAT),
    }
}

/// `flush_all [exptime] [noreply]`.
pub(super) fn flush_all<'a>(line: &Line<'a>) -> Decoded<'a> {
    let words = line.words();
    let Some(answer) = arguments(&words, 0..=2) else {
        return line.refused(ERROR);
    };
    let bare = if answer == Answer::Unwanted { 2 } else { 1 };
    if words.count() == bare {
        return line.request(Request::FlushAll { exptime: 0, answer });
    }
    match signed(words.at(1)) {
        Some(exptime) => line.request(Request::FlushAll { exptime, answer }),
        None => line.refused_to(answer, BAD_EXPTIME),
    }
}

/// `verbosity <level> [noreply]`.
pub(super) fn verbosity<'a>(line: &Line<'a>) -> Decoded<'a> {
    let words = line.words();
    let Some(answer) = arguments(&words, 1..=2) else {
        return line.refused(ERROR);
    };
    match unsigned(words.at(1)).and_then(|level| u32::try_from(level).ok()) {
        Some(level) => line.request(Request::Verbosity { level, answer }),
        None => line.refused_to(answer, BAD_FORMAT),
    }
}

/// `me <key> [b]`; what else follows the key is for debugging and changes nothing.
pub(super) fn inspect<'a>(line: &Line<'a>) -> Decoded<'a> {
    let words = line.words();
    let Ok(text) = Key::new(words.at(1)) else {
        return line.refused(BAD_FORMAT);
    };
    let key = match words.at(2) {
        b"b" => MetaKey::base64(text),
        _ => Some(MetaKey::plain(text)),
    };
    key.map_or(line.refused(BAD_FORMAT), |key| line.request(Request::Inspect(key)))
}

/// A word for whoever runs the daemon. Whether such words are heard is not decided here, so neither is what
/// has to follow them.
pub(super) fn admin<'a>(line: &Line<'a>, arguments: &'a [u8], verb: AdminVerb) -> Decoded<'a> {
    let silent = words::split(arguments).last() == Some(b"noreply");
    let answer = if silent { Answer::Unwanted } else { Answer::Wanted };
    line.request(Request::Admin { verb, arguments: arguments.trim_ascii_start(), answer })
}

/// If the line has as many arguments as it may, whether the last of them asks for silence.
fn arguments(words: &Words<'_>, allowed: RangeInclusive<usize>) -> Option<Answer> {
    let count = words.count() - 1;
    let silent = count > 0 && words.last() == b"noreply";
    allowed.contains(&count).then_some(if silent { Answer::Unwanted } else { Answer::Wanted })
}
