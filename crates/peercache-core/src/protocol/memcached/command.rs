//! What a peer is asked, written for the wire.
//!
//! Commands are written anew from checked parts, never copied from a client, and always ask for an answer: a
//! peer that says nothing cannot confirm anything.

use super::reply::Shape;
use super::request::{CountVerb, MetaVerb, StoreVerb, Versions};
use crate::key::Key;
use alloc::vec::Vec;

/// One command to a peer.
#[derive(Debug, Clone, Copy)]
pub enum Command<'a> {
    /// Reads keys; the answer has those that exist.
    Get(&'a [Key<'a>], Versions),
    /// Reads one key, as a meta command: peers gather the answers to many of these into one packet, which
    /// they do not do for `get`.
    MetaGet(Key<'a>, Versions),
    /// Reads keys and gives them a new expiry.
    GetAndTouch {
        /// Of this.
        key: Key<'a>,
        /// As in [`Command::Store`].
        exptime: i64,
        /// Whether the answer has the version.
        versions: Versions,
    },
    /// Stores a value.
    Store {
        /// On which condition.
        verb: StoreVerb,
        /// Under this key.
        key: Key<'a>,
        /// Opaque to the peer; it comes back with the value.
        flags: u32,
        /// memcached's expiry: 0 is never, up to 30 days relative seconds, beyond that a Unix date, below 0
        /// at once.
        exptime: i64,
        /// The value.
        value: &'a [u8],
    },
    /// Counts.
    Count {
        /// Which way.
        verb: CountVerb,
        /// Which counter.
        key: Key<'a>,
        /// By how much.
        delta: u64,
    },
    /// Gives a new expiry.
    Touch {
        /// To this.
        key: Key<'a>,
        /// As in [`Command::Store`].
        exptime: i64,
    },
    /// Deletes a key.
    Delete(Key<'a>),
    /// A meta command.
    Meta {
        /// Which.
        verb: MetaVerb,
        /// Its key, as text.
        key: Key<'a>,
        /// Its flags, each with a space before it. They must not ask for quiet.
        flags: &'a [u8],
        /// The value of a [`MetaVerb::Set`].
        value: &'a [u8],
        /// What it does, which depends on its flags.
        effect: Effect,
    },
    /// Gives a new expiry, as a meta command.
    MetaTouch {
        /// To this, as text.
        key: Key<'a>,
        /// As in [`Command::Store`].
        exptime: i64,
        /// Whether the text is base64.
        base64: bool,
    },
    /// Asks what is known of an item, without reading or touching it.
    Inspect {
        /// Its key, as text.
        key: Key<'a>,
        /// Whether the text is base64.
        base64: bool,
    },
    /// Empties the peer, after so many seconds.
    FlushAll {
        /// 0 is at once.
        after_s: u32,
    },
    /// Asks for the general statistics.
    Stats,
}

/// How a peer can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Every memcached understands it.
    Classic,
    /// Meta commands too.
    Meta,
}

/// What a command does to a peer's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Serves values: only a readable peer may be asked.
    Reads,
    /// Changes what the peer holds.
    Writes,
    /// Changes what the peer holds, depending on that: only a readable peer may be asked to decide.
    Decides,
    /// Tells about the peer or its items and serves none.
    Looks,
}

impl Effect {
    /// Whether it tells of what the peer holds, so that a peer that may miss writes must not be asked.
    #[must_use]
    pub const fn needs_readable(self) -> bool {
        matches!(self, Self::Reads | Self::Decides)
    }

    /// Whether the peer holds something else after it.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Writes | Self::Decides)
    }
}

impl Command<'_> {
    /// The form of the answer.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        match self {
            Self::Get(..) | Self::GetAndTouch { .. } => Shape::Values,
            Self::MetaGet(..) | Self::Meta { .. } | Self::MetaTouch { .. } => Shape::Meta,
            Self::Store { .. }
            | Self::Count { .. }
            | Self::Touch { .. }
            | Self::Delete(_)
            | Self::Inspect { .. }
            | Self::FlushAll { .. } => Shape::Line,
            Self::Stats => Shape::Stats,
        }
    }

    /// What it does to the peer's items.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        match self {
            Self::Meta { effect, .. } => *effect,
            Self::Get(..) | Self::MetaGet(..) => Effect::Reads,
            Self::Store { verb: StoreVerb::Set, .. }
            | Self::Touch { .. }
            | Self::MetaTouch { .. }
            | Self::Delete(_)
            | Self::FlushAll { .. } => Effect::Writes,
            Self::Store { .. } | Self::Count { .. } | Self::GetAndTouch { .. } => Effect::Decides,
            Self::Inspect { .. } | Self::Stats => Effect::Looks,
        }
    }

    /// Appends it to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Get(keys, versions) => {
                out.extend_from_slice(if versions == Versions::Shown { b"gets" } else { b"get" });
                keys.iter().for_each(|key| word(out, key.as_bytes()));
            }
            Self::MetaGet(key, versions) => {
                out.extend_from_slice(b"mg ");
                out.extend_from_slice(key.as_bytes());
                let flags: &[u8] = if versions == Versions::Shown { b" f v c" } else { b" f v" };
                out.extend_from_slice(flags);
            }
            Self::GetAndTouch { key, exptime, versions } => {
                out.extend_from_slice(if versions == Versions::Shown { b"gats" } else { b"gat" });
                signed(out, exptime);
                word(out, key.as_bytes());
            }
            Self::Store { verb, key, flags, exptime, value } => {
                let words = [u64::from(flags), value.len() as u64];
                store(out, (verb, key, value), words, exptime);
            }
            Self::Count { verb, key, delta } => {
                out.extend_from_slice(if verb == CountVerb::Incr { b"incr" } else { b"decr" });
                word(out, key.as_bytes());
                number(out, delta);
            }
            Self::Touch { key, exptime } => {
                out.extend_from_slice(b"touch");
                word(out, key.as_bytes());
                signed(out, exptime);
            }
            Self::Delete(key) => {
                out.extend_from_slice(b"delete");
                word(out, key.as_bytes());
            }
            Self::Meta { verb, key, flags, value, .. } => meta(out, verb, key, flags, value),
            Self::MetaTouch { key, exptime, base64 } => {
                out.extend_from_slice(b"mg");
                word(out, key.as_bytes());
                out.extend_from_slice(if base64 { b" b T" } else { b" T" });
                out.extend_from_slice(itoa::Buffer::new().format(exptime).as_bytes());
            }
            Self::Inspect { key, base64 } => {
                out.extend_from_slice(b"me");
                word(out, key.as_bytes());
                out.extend_from_slice(if base64 { b" b" } else { b"" });
            }
            Self::FlushAll { after_s: 0 } => out.extend_from_slice(b"flush_all"),
            Self::FlushAll { after_s } => {
                out.extend_from_slice(b"flush_all");
                number(out, u64::from(after_s));
            }
            Self::Stats => out.extend_from_slice(b"stats"),
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// The most that the words and numbers of a storage command take, with their spaces and line ends.
const STORE_WORDS_BYTES: usize = 96;

/// Each word is copied in its own arm, where its length is known: that is a move and no call.
#[inline]
fn name(out: &mut Vec<u8>, verb: StoreVerb) {
    match verb {
        StoreVerb::Set => out.extend_from_slice(b"set"),
        StoreVerb::Add => out.extend_from_slice(b"add"),
        StoreVerb::Replace => out.extend_from_slice(b"replace"),
        StoreVerb::Append => out.extend_from_slice(b"append"),
        StoreVerb::Prepend => out.extend_from_slice(b"prepend"),
        StoreVerb::Cas(_) => out.extend_from_slice(b"cas"),
    }
}

/// `<verb> <key> <flags> <exptime> <bytes> [<version>]` and the value.
#[inline]
fn store(
    out: &mut Vec<u8>,
    (verb, key, value): (StoreVerb, Key<'_>, &[u8]),
    [flags, bytes]: [u64; 2],
    exptime: i64,
) {
    out.reserve(key.as_bytes().len() + value.len() + STORE_WORDS_BYTES);
    name(out, verb);
    word(out, key.as_bytes());
    match (flags, exptime) {
        // What most are stored with.
        (0, 0) => out.extend_from_slice(b" 0 0"),
        _ => {
            number(out, flags);
            signed(out, exptime);
        }
    }
    number(out, bytes);
    if let StoreVerb::Cas(version) = verb {
        number(out, version);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(value);
}

/// `<verb> <key> [<bytes>] <flag>*`, and the value of an `ms`.
fn meta(out: &mut Vec<u8>, verb: MetaVerb, key: Key<'_>, flags: &[u8], value: &[u8]) {
    out.extend_from_slice(meta_name(verb));
    word(out, key.as_bytes());
    if verb == MetaVerb::Set {
        number(out, value.len() as u64);
        out.extend_from_slice(flags);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(value);
    } else {
        out.extend_from_slice(flags);
    }
}

const fn meta_name(verb: MetaVerb) -> &'static [u8] {
    match verb {
        MetaVerb::Get => b"mg",
        MetaVerb::Set => b"ms",
        MetaVerb::Delete => b"md",
        MetaVerb::Arithmetic => b"ma",
    }
}

fn word(out: &mut Vec<u8>, word: &[u8]) {
    out.push(b' ');
    out.extend_from_slice(word);
}

#[inline]
fn number(out: &mut Vec<u8>, number: u64) {
    // Most flags and expiries are 0, and many lengths have two digits.
    match u8::try_from(number) {
        Ok(digit @ 0..=9) => out.extend_from_slice(&[b' ', b'0' + digit]),
        Ok(two @ 10..=99) => out.extend_from_slice(&[b' ', b'0' + two / 10, b'0' + two % 10]),
        _ => word(out, itoa::Buffer::new().format(number).as_bytes()),
    }
}

#[inline]
fn signed(out: &mut Vec<u8>, signed: i64) {
    match u64::try_from(signed) {
        Ok(unsigned) => number(out, unsigned),
        Err(_) => word(out, itoa::Buffer::new().format(signed).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(command: Command<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        command.encode(&mut out);
        out
    }

    #[test]
    fn commands_read_as_memcached_wants_them() {
        let key = |text: &'static str| Key::new(text.as_bytes()).unwrap();
        assert_eq!(encoded(Command::Get(&[key("a"), key("b")], Versions::Hidden)), b"get a b\r\n");
        assert_eq!(encoded(Command::Get(&[key("a")], Versions::Shown)), b"gets a\r\n");
        assert_eq!(encoded(Command::MetaGet(key("a"), Versions::Hidden)), b"mg a f v\r\n");
        assert_eq!(encoded(Command::MetaGet(key("a"), Versions::Shown)), b"mg a f v c\r\n");
        let store = |verb, exptime| {
            encoded(Command::Store { verb, key: key("a"), flags: 7, exptime, value: b"x\r\ny" })
        };
        assert_eq!(store(StoreVerb::Set, 60), b"set a 7 60 4\r\nx\r\ny\r\n");
        assert_eq!(store(StoreVerb::Cas(9), -1), b"cas a 7 -1 4 9\r\nx\r\ny\r\n");
        let (verb, versions) = (CountVerb::Decr, Versions::Shown);
        assert_eq!(encoded(Command::Count { verb, key: key("a"), delta: 5 }), b"decr a 5\r\n");
        assert_eq!(encoded(Command::Touch { key: key("a"), exptime: 9 }), b"touch a 9\r\n");
        assert_eq!(encoded(Command::GetAndTouch { key: key("a"), exptime: 9, versions }), b"gats 9 a\r\n");
        let effect = Effect::Writes;
        let meta =
            |verb, value| encoded(Command::Meta { verb, key: key("a"), flags: b" T0 c", value, effect });
        assert_eq!(meta(MetaVerb::Set, b"xy"), b"ms a 2 T0 c\r\nxy\r\n");
        assert_eq!(meta(MetaVerb::Get, b""), b"mg a T0 c\r\n");
        let touch = Command::MetaTouch { key: key("YQ=="), exptime: -1, base64: true };
        assert_eq!(encoded(touch), b"mg YQ== b T-1\r\n");
        assert_eq!(encoded(Command::Delete(key("a"))), b"delete a\r\n");
        assert_eq!(encoded(Command::Inspect { key: key("a"), base64: false }), b"me a\r\n");
        assert_eq!(encoded(Command::FlushAll { after_s: 0 }), b"flush_all\r\n");
        assert_eq!(encoded(Command::FlushAll { after_s: 9 }), b"flush_all 9\r\n");
        assert_eq!(encoded(Command::Stats), b"stats\r\n");
    }
}
