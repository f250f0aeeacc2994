//! Sequences of operations, made of any bytes: what stores and engines are tried with.
//!
//! A line of the stream is an operation, so whatever a fuzzer cuts out or puts in changes one and leaves the
//! others alone, and whoever makes lines by chance makes operations.
//!
//! An operation names times and versions by what they are to be ("the version it has now"), because whoever
//! does it knows the numbers, and another one may have others.

mod bytes;

use bytes::Bytes;
use peercache_core::protocol::memcached::request::CountVerb;

/// The largest item that is to be allowed: the least that memcached takes without other options.
pub(crate) const ITEM_BYTES_MAX: usize = 512 * 1024;

/// The longest key in base64 stands for so many bytes.
const PACKED_BYTES_MAX: usize = 186;

/// Something that is done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operation {
    pub(crate) key: Key,
    pub(crate) deed: Deed,
    pub(crate) wording: Wording,
}

/// A key, by its number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Key(u8);

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Deed {
    Store(Storing),
    /// `get` and its like, of this key and so many that follow it.
    Get {
        more: u8,
        touch: Option<Exptime>,
    },
    /// `mg`.
    Read(Reading),
    Touch(Exptime),
    Delete(Deleting),
    Count(Counting),
    /// `me`.
    Inspect,
    Flush(Exptime),
    /// A `set` of a value that is not even read.
    Forget,
    /// Seconds pass.
    Wait(u64),
    /// Expired items give back their memory.
    Reclaim,
    /// Everything is listed.
    List,
    /// The memory becomes another, in KiB.
    Limit(u64),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Storing {
    pub(crate) verb: Verb,
    pub(crate) flags: u32,
    pub(crate) exptime: Exptime,
    pub(crate) value: Vec<u8>,
    /// For an append or prepend.
    pub(crate) compare: Option<Version>,
    /// For an append or prepend.
    pub(crate) vivify: Option<Exptime>,
    pub(crate) takes_stale: bool,
    pub(crate) version: Option<u64>,
    /// The value comes in two pieces; so many operations come between them.
    pub(crate) pause: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verb {
    Set,
    Add,
    Replace,
    Append,
    Prepend,
    Cas(Version),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    pub(crate) touch: Option<Exptime>,
    pub(crate) peeks: bool,
    pub(crate) vivify: Option<Exptime>,
    pub(crate) recache: Option<Exptime>,
    /// Whether what [`Reading::recache`] looks at is the expiry that [`Reading::touch`] gives.
    pub(crate) after_touch: bool,
    pub(crate) version: Option<u64>,
    /// The version that the reader has; for the wording alone.
    pub(crate) known: Option<Version>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Deleting {
    pub(crate) compare: Option<Version>,
    pub(crate) marks_stale: bool,
    pub(crate) keeps_key: bool,
    pub(crate) touch: Option<Exptime>,
    pub(crate) flags: u32,
    pub(crate) version: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counting {
    pub(crate) verb: CountVerb,
    pub(crate) delta: u64,
    pub(crate) compare: Option<Version>,
    pub(crate) vivify: Option<(u64, Exptime)>,
    pub(crate) touch: Option<Exptime>,
    pub(crate) version: Option<u64>,
}

/// A version that is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Version {
    /// The one that the item has.
    Current,
    /// One that was current when a version was last asked for under this key.
    Earlier,
    Below,
    Above,
    Number(u64),
}

/// memcached's expiry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Exptime {
    /// As it is.
    Plain(i64),
    /// A date, in seconds from the start.
    At(i64),
}

/// How an operation is put into words.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wording {
    pub(crate) is_meta: bool,
    /// `noreply`, or `q`.
    pub(crate) is_quiet: bool,
    /// Whether the key is written as base64.
    pub(crate) is_packed: bool,
    /// Which flags ask to be told something, a bit for each.
    pub(crate) letters: u16,
    /// In which order flags stand.
    pub(crate) order: u8,
}

/// The operations of a stream.
pub(crate) fn operations(stream: &[u8]) -> impl Iterator<Item = Operation> + '_ {
    stream.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(|line| Bytes(line).operation())
}

impl Key {
    /// Few keys, so that operations meet; some of them may be any bytes.
    pub(crate) fn name(self) -> Vec<u8> {
        match self.0 {
            0 => b"a".to_vec(),
            1 => b"foo".to_vec(),
            2 => vec![b'l'; 250],
            3 => "schlüssel".as_bytes().to_vec(),
            4 => b"\0\x01\xff".to_vec(),
            5 => vec![0xee; PACKED_BYTES_MAX],
            other => format!("key-{other}").into_bytes(),
        }
    }

    /// Whether only base64 can say it.
    pub(crate) fn must_be_packed(self) -> bool {
        matches!(self.0, 4 | 5)
    }

    /// This key and so many others.
    pub(crate) fn and(self, more: u8) -> impl Iterator<Item = Self> {
        std::iter::once(self).chain((1..=more).map(move |next| Self(self.0.wrapping_add(next) % 8)))
    }
}

impl Exptime {
    pub(crate) fn at(self, start_s: u64) -> i64 {
        match self {
            Self::Plain(exptime) => exptime,
            Self::At(offset_s) => start_s as i64 + offset_s,
        }
    }
}

impl Version {
    /// The number, for an item with the version `current` that once had the version `earlier`.
    pub(crate) fn number(self, current: u64, earlier: u64) -> u64 {
        match self {
            Self::Current => current,
            Self::Earlier => earlier,
            Self::Below => current.wrapping_sub(1),
            Self::Above => current.wrapping_add(1),
            Self::Number(number) => number,
        }
    }
}

impl Operation {
    /// The version that it asks for, if it does.
    pub(crate) fn asks_for(&self) -> Option<Version> {
        match &self.deed {
            Deed::Store(Storing { verb: Verb::Cas(version), .. }) => Some(*version),
            Deed::Store(storing) => storing.compare,
            Deed::Read(reading) => reading.known,
            Deed::Delete(deleting) => deleting.compare,
            Deed::Count(counting) => counting.compare,
            _ => None,
        }
    }
}
