//! Commands with a body.
//!
//! The length of the body decides where the next command begins. So when anything in the line is wrong, the
//! first question is whether that length can still be trusted.

use super::words::{self, Words};
use super::{
    Answer, BAD_FORMAT, Decoded, ERROR, Limits, Line, MetaKey, Reason, Refused, Request, StoreVerb, VALUE_END,
};
use crate::key::Key;
use crate::protocol::memcached::number::{exptime, kept_exptime, leading, signed, unsigned};

/// The longest body that a client can announce, in bytes; memcached's limit, from its 32-bit length.
const BODY_BYTES_MAX: u64 = i32::MAX as u64 - 2;

/// memcached's answer to a value that does not end where it was to end.
pub const BAD_CHUNK: &str = "CLIENT_ERROR bad data chunk";

/// The form of the command's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `<verb> <key> <flags> <exptime> <bytes> [noreply]`.
    Plain(StoreVerb),
    /// `cas <key> <flags> <exptime> <bytes> <version> [noreply]`.
    Cas,
}

/// A storage command's line whose body has a known length.
#[derive(Debug, PartialEq, Eq)]
struct Header<'a> {
    key: Key<'a>,
    verb: StoreVerb,
    flags: u32,
    exptime: i64,
    body_bytes: u64,
    answer: Answer,
}

/// Decodes a storage command: `arguments` are what is behind its verb, `behind` is what has come behind its
/// line.
pub(super) fn decode<'a>(
    line: &Line<'a>,
    form: Form,
    arguments: &'a [u8],
    behind: &'a [u8],
    limits: &Limits,
) -> Decoded<'a> {
    let header = match usual_header(form, arguments) {
        Some(header) => header,
        None => match any_header(line, form) {
            Ok(header) => header,
            Err(decoded) => return decoded,
        },
    };
    let Header { key, verb, flags, exptime, body_bytes, answer } = header;
    let forget = matches!(verb, StoreVerb::Set).then_some(MetaKey::plain(key));
    let request = |value| Request::Store { verb, key, flags, exptime, value, answer };
    body(line, &Announced { body_bytes, answer, forget }, behind, limits, request)
}

/// What nearly every line says, read in one go: there is one space between two words, and nothing is wrong.
#[inline]
fn usual_header(form: Form, arguments: &[u8]) -> Option<Header<'_>> {
    let Form::Plain(verb) = form else { return None };
    let (key, rest) = words::next(arguments);
    let (flags, rest) = leading(rest.strip_prefix(b" ")?)?;
    let (exptime, rest) = leading(rest.strip_prefix(b" ")?)?;
    let (body_bytes, rest) = leading(rest.strip_prefix(b" ")?)?;
    if !rest.is_empty() || body_bytes > BODY_BYTES_MAX {
        return None;
    }
    let (flags, exptime) = (flags.try_into().ok()?, kept_exptime(exptime.try_into().ok()?)?);
    Some(Header { key: Key::new(key).ok()?, verb, flags, exptime, body_bytes, answer: Answer::Wanted })
}

fn any_header<'a>(line: &Line<'a>, form: Form) -> Result<Header<'a>, Decoded<'a>> {
    let words = line.words();
    let answer = match trusted_shape(&words, form) {
        Shape::Whole(answer) => answer,
        Shape::Bare => return Err(line.refused(ERROR)),
        Shape::Odd(_) if lacks_its_version(line, form, &words) => match body_length(words.at(4)) {
            Length::Known(bytes) => return Err(refused(line, Answer::Wanted, BAD_FORMAT, bytes)),
            Length::Negative | Length::Unknown => return Err(unknown_length(BAD_FORMAT)),
        },
        Shape::Odd(words) => return Err(unknown_length(words)),
    };
    let body_bytes = match body_length(words.at(4)) {
        Length::Known(bytes) => bytes,
        Length::Negative => return Err(line.refused_to(answer, BAD_FORMAT)),
        Length::Unknown => return Err(unknown_length(BAD_FORMAT)),
    };
    let header = || {
        let verb = match form {
            Form::Plain(verb) => verb,
            Form::Cas => StoreVerb::Cas(unsigned(words.at(5))?),
        };
        let key = Key::new(words.at(1)).ok()?;
        let flags = u32::try_from(unsigned(words.at(2))?).ok()?;
        Some(Header { key, verb, flags, exptime: exptime(words.at(3))?, body_bytes, answer })
    };
    header().ok_or_else(|| refused(line, answer, BAD_FORMAT, body_bytes))
}

/// A body whose length is known.
pub(super) struct Announced<'a> {
    /// How long it is, without its line end.
    pub(super) body_bytes: u64,
    /// Whether to answer if it is refused.
    pub(super) answer: Answer,
    /// Whose old value must not be served any more if it is too large.
    pub(super) forget: Option<MetaKey<'a>>,
}

/// Takes the body of `line` from what has come `behind` it, and makes a `request` with it.
pub(super) fn body<'a>(
    line: &Line<'a>,
    announced: &Announced<'a>,
    behind: &'a [u8],
    limits: &Limits,
    request: impl FnOnce(&'a [u8]) -> Request<'a>,
) -> Decoded<'a> {
    let &Announced { body_bytes, answer, forget } = announced;
    let Some(value_bytes) = usize::try_from(body_bytes).ok().filter(|&n| n <= limits.value_bytes_max) else {
        return too_large(line, answer, body_bytes, forget);
    };
    let Some(body) = behind.get(..value_bytes + VALUE_END.len()) else {
        return Decoded::Announced { request: request(b""), bytes: line.bytes, value_bytes };
    };
    let (value, end) = body.split_at(value_bytes);
    let bytes = line.bytes + body.len();
    if end == VALUE_END {
        Decoded::Request { request: request(value), bytes }
    } else {
        bad_chunk(answer, bytes)
    }
}

/// What the number of words says about the length of the body.
enum Shape {
    /// Every word is where it belongs.
    Whole(Answer),
    /// The command alone: there is nothing that could have a body.
    Bare,
    /// Words are missing, or there are too many, as from a key with a space in it; the answer to that.
    Odd(&'static str),
}

fn trusted_shape(words: &Words<'_>, form: Form) -> Shape {
    let whole = match form {
        Form::Plain(_) => 5,
        Form::Cas => 6,
    };
    let silent = words.last() == b"noreply";
    match words.count() {
        1 => Shape::Bare,
        count if count == whole && !silent => Shape::Whole(Answer::Wanted),
        count if count == whole + 1 && silent => Shape::Whole(Answer::Unwanted),
        count if count == whole || count == whole + 1 => Shape::Odd(BAD_FORMAT),
        _ => Shape::Odd(ERROR),
    }
}

/// Whether it is the last word of a `cas` that is missing, and not an empty one before the length: then there
/// would be two spaces in a row.
fn lacks_its_version(line: &Line<'_>, form: Form, words: &Words<'_>) -> bool {
    let text = line.text.trim_ascii_end();
    matches!(form, Form::Cas) && words.count() == 5 && !text.windows(2).any(|two| two == b"  ")
}

/// What a client says about the length of a body.
pub(super) enum Length {
    /// So many bytes.
    Known(u64),
    /// A number, but of no body: none was sent.
    Negative,
    /// No number, or none that a body can have.
    Unknown,
}

pub(super) fn body_length(word: &[u8]) -> Length {
    match unsigned(word) {
        Some(bytes) if bytes <= BODY_BYTES_MAX => Length::Known(bytes),
        None if signed(word).is_some_and(i64::is_negative) => Length::Negative,
        _ => Length::Unknown,
    }
}

pub(super) const fn unknown_length<'a>(answer: &'static str) -> Decoded<'a> {
    Decoded::Close { answer: Some(answer), reason: Reason::BodyLengthUnknown }
}

pub(super) fn refused<'a>(
    line: &Line<'_>,
    answer: Answer,
    words: &'static str,
    body_bytes: u64,
) -> Decoded<'a> {
    let answer = (answer == Answer::Wanted).then_some(words);
    Decoded::Refused(Refused { answer, bytes: line.bytes, swallow: body_bytes + 2, forget: None })
}

fn too_large<'a>(
    line: &Line<'a>,
    answer: Answer,
    body_bytes: u64,
    forget: Option<MetaKey<'a>>,
) -> Decoded<'a> {
    let answer = (answer == Answer::Wanted).then_some("SERVER_ERROR object too large for cache");
    Decoded::Refused(Refused { answer, bytes: line.bytes, swallow: body_bytes + 2, forget })
}

fn bad_chunk<'a>(answer: Answer, bytes: usize) -> Decoded<'a> {
    let answer = (answer == Answer::Wanted).then_some(BAD_CHUNK);
    Decoded::Refused(Refused { answer, bytes, swallow: 0, forget: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::{Just, prop, prop_assert_eq, prop_oneof, proptest};

    /// What stands between the spaces of a line, and what might.
    const WORDS: [&str; 14] = [
        "k",
        "a_longer_key",
        "0",
        "7",
        "-1",
        "4294967295",
        "4294967296",
        "2147483647",
        "99999999999",
        "x",
        "",
        "noreply",
        "2147483645",
        "2147483646",
    ];

    proptest! {
        #[test]
        fn a_usual_line_says_the_same_as_any_other(words in prop::collection::vec(
            prop_oneof![2 => 0..WORDS.len(), 3 => Just(2usize)], 0..7)) {
            let text = words.iter().map(|&word| WORDS[word]).collect::<Vec<_>>().join(" ");
            let text = alloc::format!("set {text}");
            let form = Form::Plain(StoreVerb::Set);
            let line = Line { text: text.as_bytes(), bytes: text.len() + 2 };
            if let Some(usual) = usual_header(form, &line.text[3..]) {
                let Ok(any) = any_header(&line, form) else { panic!("{text} is refused") };
                prop_assert_eq!(usual, any);
            }
        }
    }
}
