//! What a peer answers, read off the wire without copying.
//!
//! A link knows the *shape* of the answer it waits for, not the command. Replies are taken whole: a value is
//! handed on when all of it has come. Anything that does not fit its shape is [`Decoded::Malformed`], after
//! which the order of answers can no longer be trusted and the link must go.

use super::number::{leading, unsigned};
use super::words;
use crate::protocol::Refusal;
use alloc::string::String;
use memchr::memchr;

/// The longest line a peer may answer, in bytes; memcached's own are far shorter.
pub const LINE_BYTES_MAX: usize = 8192;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Any number of values, then `END`.
    Values,
    /// One line.
    Line,
    /// One line, or one value with its flags as they were asked for.
    Meta,
    /// Any number of statistics, then `END`.
    Stats,
}

/// One piece of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// A value; more may follow.
    Value {
        /// Of this key.
        key: &'a [u8],
        /// The flags it was stored with.
        flags: u32,
        /// The value.
        data: &'a [u8],
        /// Its version, where it was asked for.
        cas: Option<u64>,
        /// All of it as it came, from `VALUE` to the end of the value's line.
        text: &'a [u8],
    },
    /// The value of a [`Shape::Meta`]; it is the whole answer.
    MetaValue {
        /// What was asked for besides the value: words of a letter and what it stands for.
        flags: &'a [u8],
        /// The value.
        data: &'a [u8],
    },
    /// A statistic; more may follow.
    Stat {
        /// Its name.
        name: &'a [u8],
        /// Its value, which may be empty.
        value: &'a [u8],
    },
    /// Nothing more follows.
    End,
    /// The one line of a [`Shape::Line`] or [`Shape::Meta`], whatever it says.
    Line(&'a [u8]),
    /// The peer refuses: an error line where something else was due. It ends the answer.
    Refused(&'a [u8]),
}

impl Reply<'_> {
    /// Whether the answer is complete with this piece.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        !matches!(self, Self::Value { .. } | Self::Stat { .. })
    }
}

/// What the bytes at hand amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// Not a whole piece yet. It is at least this many bytes long, counted from the start of the piece.
    Incomplete(usize),
    /// A piece, and how many bytes it took.
    Reply(Reply<'a>, usize),
    /// Not an answer of this shape.
    Malformed,
}

/// Decodes the next piece of an answer of `shape` from the start of `input`. Values over `value_bytes_max`
/// are malformed: no such value was ever sent.
#[must_use]
pub fn decode(shape: Shape, input: &[u8], value_bytes_max: usize) -> Decoded<'_> {
    // Looking no further than a line may reach, so that packets do not matter.
    let Some(end) = memchr(b'\n', &input[..input.len().min(LINE_BYTES_MAX + 1)]) else {
        let over = input.len() > LINE_BYTES_MAX;
        return if over { Decoded::Malformed } else { Decoded::Incomplete(input.len() + 1) };
    };
    let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
    let taken = end + 1;
    match shape {
        // What there is most of is looked at first; no refusal begins like that.
        Shape::Values if line.starts_with(b"VALUE ") => value(line, input, taken, value_bytes_max),
        _ if is_refusal(line) => Decoded::Reply(Reply::Refused(line), taken),
        Shape::Meta if line.starts_with(b"VA ") => meta_value(line, input, taken, value_bytes_max),
        Shape::Line | Shape::Meta => Decoded::Reply(Reply::Line(line), taken),
        _ if line == b"END" => Decoded::Reply(Reply::End, taken),
        Shape::Stats => stat(line).map_or(Decoded::Malformed, |stat| Decoded::Reply(stat, taken)),
        Shape::Values => Decoded::Malformed,
    }
}

fn is_refusal(line: &[u8]) -> bool {
    // `END`, `EN` and `STORED` are what is answered most: they fail at the first look.
    matches!(line, [b'C' | b'S', _, b'I' | b'R', ..] | [b'E', b'R', ..]) && says_error(line)
}

fn says_error(line: &[u8]) -> bool {
    line == b"ERROR"
        || line.starts_with(b"CLIENT_ERROR")
        || line.starts_with(b"SERVER_ERROR")
        || line.starts_with(b"ERROR ")
}

fn stat(line: &[u8]) -> Option<Reply<'_>> {
    let rest = line.strip_prefix(b"STAT ")?;
    let split = memchr(b' ', rest).unwrap_or(rest.len());
    Some(Reply::Stat { name: &rest[..split], value: rest.get(split + 1..).unwrap_or(b"") })
}

fn value<'a>(line: &'a [u8], input: &'a [u8], taken: usize, value_bytes_max: usize) -> Decoded<'a> {
    let Some(Header { key, flags, bytes, cas }) = value_header(line) else {
        return Decoded::Malformed;
    };
    // Clients may be told this line as it is.
    if line.len() + 2 != taken {
        return Decoded::Malformed;
    }
    body(input, taken, bytes, value_bytes_max, |data, text| Reply::Value { key, flags, data, cas, text })
}

fn meta_value<'a>(line: &'a [u8], input: &'a [u8], taken: usize, value_bytes_max: usize) -> Decoded<'a> {
    let rest = &line["VA ".len()..];
    let (bytes, flags) = rest.split_at(memchr(b' ', rest).unwrap_or(rest.len()));
    let Some(bytes) = number(bytes).and_then(|bytes| usize::try_from(bytes).ok()) else {
        return Decoded::Malformed;
    };
    body(input, taken, bytes, value_bytes_max, |data, _| Reply::MetaValue { flags, data })
}

/// The value of so many `bytes` behind a line that took `taken`; `reply` is given it, and all of both.
fn body<'a>(
    input: &'a [u8],
    taken: usize,
    bytes: usize,
    value_bytes_max: usize,
    reply: impl FnOnce(&'a [u8], &'a [u8]) -> Reply<'a>,
) -> Decoded<'a> {
    if bytes > value_bytes_max {
        return Decoded::Malformed;
    }
    let whole = taken + bytes + 2;
    match input.get(..whole) {
        None => Decoded::Incomplete(whole),
        Some(text) if text.ends_with(b"\r\n") => {
            Decoded::Reply(reply(&text[taken..taken + bytes], text), whole)
        }
        Some(_) => Decoded::Malformed,
    }
}

/// What a `VALUE` line says.
struct Header<'a> {
    key: &'a [u8],
    flags: u32,
    bytes: usize,
    cas: Option<u64>,
}

/// `VALUE <key> <flags> <bytes> [<cas>]`, with one space between two words.
fn value_header(line: &[u8]) -> Option<Header<'_>> {
    let rest = line.strip_prefix(b"VALUE ")?;
    let (key, rest) = rest.split_at(words::space(rest).filter(|&end| end > 0)?);
    let (flags, rest) = leading(rest.strip_prefix(b" ")?)?;
    let (bytes, rest) = leading(rest.strip_prefix(b" ")?)?;
    let cas = match rest {
        [] => None,
        [b' ', cas @ ..] => Some(number(cas)?),
        _ => return None,
    };
    Some(Header { key, flags: flags.try_into().ok()?, bytes: bytes.try_into().ok()?, cas })
}

/// The word of `flags`, as a [`Reply::MetaValue`] or a meta line has them, that begins with `letter`.
#[must_use]
pub fn flag(flags: &[u8], letter: u8) -> Option<&[u8]> {
    flags.split(|&byte| byte == b' ').find_map(|word| match word {
        [first, rest @ ..] if *first == letter => Some(rest),
        _ => None,
    })
}

/// Reads an unsigned decimal number.
#[must_use]
pub fn number(digits: &[u8]) -> Option<u64> {
    unsigned(digits)
}

/// What a refusal means.
#[must_use]
pub fn refusal(line: &[u8]) -> Refusal {
    if line.starts_with(b"SERVER_ERROR object too large") {
        Refusal::TooLarge
    } else if line.starts_with(b"SERVER_ERROR out of memory") {
        Refusal::OutOfMemory
    } else {
        Refusal::Other(String::from_utf8_lossy(line).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    const LIMIT: usize = 1 << 20;

    #[test]
    fn values_come_whole_and_end() {
        let input = b"VALUE k 7 3\r\na\r\n\r\nEND\r\n";
        let text = &input[..18];
        let value = Reply::Value { key: b"k", flags: 7, data: b"a\r\n", cas: None, text };
        assert_eq!(decode(Shape::Values, input, LIMIT), Decoded::Reply(value, 18));
        assert_eq!(decode(Shape::Values, &input[18..], LIMIT), Decoded::Reply(Reply::End, 5));
    }

    #[test]
    fn a_meta_value_is_a_whole_answer() {
        let input = b"VA 3 kfoo f7 c12\r\na\r\n\r\nEN\r\n";
        let Decoded::Reply(Reply::MetaValue { flags, data }, 23) = decode(Shape::Meta, input, LIMIT) else {
            panic!("it is a value");
        };
        assert_eq!((flag(flags, b'k'), flag(flags, b'f')), (Some(&b"foo"[..]), Some(&b"7"[..])));
        assert_eq!((flag(flags, b'c'), flag(flags, b't')), (Some(&b"12"[..]), None));
        assert_eq!(data, b"a\r\n");
        assert_eq!(decode(Shape::Meta, &input[23..], LIMIT), Decoded::Reply(Reply::Line(b"EN"), 4));
        assert_eq!(decode(Shape::Meta, b"VA x\r\n", LIMIT), Decoded::Malformed);
        assert_eq!(decode(Shape::Meta, b"VA 4\r\nab", LIMIT), Decoded::Incomplete(12));
    }

    #[test]
    fn an_incomplete_value_tells_how_long_it_will_be() {
        assert_eq!(decode(Shape::Values, b"VALUE k 0 100\r\nabc", LIMIT), Decoded::Incomplete(117));
    }

    #[test]
    fn rubbish_is_malformed_and_refusals_are_not() {
        for rubbish in [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"VALUE k 0\r\n", b"VALUE k x 1\r\n", b"\r\n"] {
            assert_eq!(decode(Shape::Values, rubbish, LIMIT), Decoded::Malformed);
        }
        assert_eq!(decode(Shape::Values, b"VALUE k 0 1\r\nabc", LIMIT), Decoded::Malformed);
        assert_eq!(decode(Shape::Values, b"VALUE k 0 9999999\r\n", LIMIT), Decoded::Malformed);
        let refused = decode(Shape::Values, b"SERVER_ERROR out of memory writing get response\r\n", LIMIT);
        assert!(matches!(refused, Decoded::Reply(Reply::Refused(_), 49)), "{refused:?}");
    }

    #[test]
    fn a_line_that_never_ends_is_malformed() {
        let mut line = [b'x'; LINE_BYTES_MAX + 2];
        assert_eq!(decode(Shape::Line, &line[1..], LIMIT), Decoded::Malformed);
        line[LINE_BYTES_MAX + 1] = b'\n';
        assert_eq!(decode(Shape::Line, &line, LIMIT), Decoded::Malformed, "with or without its end");
    }

    #[test]
    fn statistics_may_have_spaces_or_nothing_in_their_value() {
        let stat = |line: &'static [u8]| decode(Shape::Stats, line, LIMIT);
        let reply = Reply::Stat { name: b"libevent", value: b"2.1 stable" };
        assert_eq!(stat(b"STAT libevent 2.1 stable\r\n"), Decoded::Reply(reply, 26));
        assert_eq!(stat(b"STAT empty\r\n"), Decoded::Reply(Reply::Stat { name: b"empty", value: b"" }, 12));
    }

    #[test]
    fn refusals_are_told_apart() {
        assert_eq!(refusal(b"SERVER_ERROR object too large for cache"), Refusal::TooLarge);
        assert_eq!(refusal(b"SERVER_ERROR out of memory storing object"), Refusal::OutOfMemory);
        assert_eq!(refusal(b"ERROR"), Refusal::Other("ERROR".into()));
    }

    proptest! {
        #[test]
        fn a_value_decodes_the_same_at_every_split(data in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut wire: Vec<u8> = alloc::format!("VALUE key 1 {}\r\n", data.len()).into_bytes();
            wire.extend_from_slice(&data);
            wire.extend_from_slice(b"\r\n");
            for split in 0..wire.len() {
                match decode(Shape::Values, &wire[..split], LIMIT) {
                    Decoded::Incomplete(needed) => assert!(needed > split && needed <= wire.len()),
                    other => panic!("{other:?} at {split}"),
                }
            }
            let reply = Reply::Value { key: b"key", flags: 1, data: &data, cas: None, text: &wire };
            prop_assert_eq!(decode(Shape::Values, &wire, LIMIT), Decoded::Reply(reply, wire.len()));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            for shape in [Shape::Values, Shape::Line, Shape::Meta, Shape::Stats] {
                let _ = decode(shape, &bytes, LIMIT);
            }
        }
    }
}
