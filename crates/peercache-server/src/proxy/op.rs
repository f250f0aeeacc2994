//! One request for one key, without its bytes: what replicas are asked, and what their answers mean.
//!
//! The key and, where a second send is possible, the value stay with the slot; an [`Op`] is what else has to
//! be remembered to write the command anew.

use peercache_core::key::Key;
use peercache_core::protocol::memcached::command::{Command, Dialect, Effect};
use peercache_core::protocol::memcached::reply::{self, Reply};
use peercache_core::protocol::memcached::request::{CountVerb, MetaVerb, StoreVerb, Versions};
use peercache_core::replication::Follow;
use peercache_core::replication::{Ask, Outcome};
use peercache_core::router::Mode;

/// What is asked of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// `get`, `gets` of one key.
    Get(Versions),
    /// One key of a `gat` or `gats`.
    GetAndTouch {
        exptime: i64,
        versions: Versions,
        /// Whether this is the last key, behind which comes `END`.
        last: bool,
    },
    /// `set` and its like. A version to compare is the daemon's own.
    Store { verb: StoreVerb, flags: u32, exptime: i64 },
    /// `incr`, `decr`.
    Count { verb: CountVerb, delta: u64 },
    /// `touch`.
    Touch { exptime: i64 },
    /// `delete`.
    Delete,
    /// A write that was refused here takes the old value away, as memcached does; the answer is this line.
    Forget(&'static str),
    /// `me`.
    Inspect,
    /// A meta command.
    Meta(MetaOp),
}

/// What of a meta command decides about its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MetaOp {
    pub(crate) verb: MetaVerb,
    pub(crate) mode: Mode,
    pub(crate) effect: Effect,
    /// Whether the usual answer is not wanted.
    pub(crate) quiet: bool,
    /// Whether the client, too, wants the value of a counter.
    pub(crate) shows_value: bool,
    /// The new expiry that followers of a touching read get.
    pub(crate) touch: Option<i64>,
}

impl Op {
    /// How it goes about the replicas of its key.
    pub(crate) fn mode(&self) -> Mode {
        match self {
            Self::Get(Versions::Hidden) | Self::Inspect => Mode::Read,
            Self::Get(Versions::Shown) => Mode::Fetch,
            Self::Store { verb: StoreVerb::Set, .. }
            | Self::Touch { .. }
            | Self::Delete
            | Self::Forget(_) => Mode::WriteAll,
            Self::Store { .. } => Mode::LeaderThen(Follow::Invalidate),
            Self::Count { .. } => Mode::LeaderThen(Follow::Same),
            Self::GetAndTouch { .. } => Mode::LeaderThen(Follow::Touch),
            Self::Meta(meta) => meta.mode,
        }
    }

    /// Whether the answer to its line goes on with other keys of the same `gat`.
    pub(crate) fn has_more_behind(&self) -> bool {
        matches!(self, Self::GetAndTouch { last: false, .. })
    }

    /// Whether every replica is asked for it with the same bytes.
    pub(crate) fn is_same_for_all(&self) -> bool {
        matches!(self, Self::Store { verb: StoreVerb::Set, .. } | Self::Touch { .. } | Self::Delete)
    }

    /// Whether only a peer that knows meta commands can be asked for it.
    pub(crate) fn asks_meta(&self, ask: Ask, flags: &[u8]) -> bool {
        match self {
            Self::Meta(_) if ask != Ask::Invalidate => true,
            Self::Meta(_) | Self::Forget(_) => is_base64(flags),
            _ => false,
        }
    }

    /// The command that asks a peer for it. `flags` are the words of a meta command.
    pub(crate) fn command<'a>(
        &self,
        ask: Ask,
        dialect: Dialect,
        key: Key<'a>,
        keys: &'a [Key<'a>; 1],
        flags: &'a [u8],
        value: &'a [u8],
    ) -> Command<'a> {
        if ask == Ask::Invalidate {
            return delete(key, flags);
        }
        match *self {
            Self::Get(versions) if dialect == Dialect::Meta => Command::MetaGet(key, versions),
            Self::Get(versions) => Command::Get(keys, versions),
            Self::GetAndTouch { exptime, .. } if ask == Ask::Follow => Command::Touch { key, exptime },
            Self::GetAndTouch { exptime, versions, .. } => Command::GetAndTouch { key, exptime, versions },
            Self::Store { verb, flags, exptime } => Command::Store { verb, key, flags, exptime, value },
            Self::Count { verb, delta } => Command::Count { verb, key, delta },
            Self::Touch { exptime } => Command::Touch { key, exptime },
            Self::Delete | Self::Forget(_) => delete(key, flags),
            Self::Inspect => Command::Inspect { key, base64: is_base64(flags) },
            Self::Meta(MetaOp { touch: Some(exptime), .. }) if ask == Ask::Follow => {
                // A touching read makes followers touch; what they hold is not asked for.
                Command::MetaTouch { key, exptime, base64: is_base64(flags) }
            }
            Self::Meta(MetaOp { verb, effect, .. }) => Command::Meta { verb, key, flags, value, effect },
        }
    }

    /// What a replica's answer means.
    pub(crate) fn outcome(&self, reply: &Reply<'_>) -> Outcome {
        match *reply {
            Reply::Refused(line) => Outcome::Refused(reply::refusal(line)),
            Reply::Value { .. } => Outcome::Hit,
            Reply::MetaValue { data, .. } => match self {
                Self::Meta(MetaOp { verb: MetaVerb::Arithmetic, .. }) => counted(data),
                _ => Outcome::Hit,
            },
            Reply::End => Outcome::Miss,
            Reply::Stat { .. } => Outcome::Done,
            Reply::Line(line) => self.line_outcome(line),
        }
    }

    fn line_outcome(&self, line: &[u8]) -> Outcome {
        // Most lines by far.
        if line == b"STORED" {
            return Outcome::Done;
        }
        let word = line.split(|&byte| byte == b' ').next().unwrap_or_default();
        match (self, word) {
            (Self::Inspect, b"ME") => Outcome::Hit,
            (Self::Count { .. }, digits) if digits.first().is_some_and(u8::is_ascii_digit) => counted(digits),
            (Self::Meta(MetaOp { verb: MetaVerb::Get, .. }), b"HD") => Outcome::Hit,
            (_, b"STORED" | b"DELETED" | b"TOUCHED" | b"OK" | b"HD") => Outcome::Done,
            (_, b"NOT_FOUND" | b"NF") => Outcome::NotFound,
            (_, b"NOT_STORED" | b"NS") => Outcome::NotStored,
            (_, b"EXISTS" | b"EX") => Outcome::Exists,
            (_, b"EN") => Outcome::Miss,
            _ => Outcome::Refused(reply::refusal(line)),
        }
    }
}

fn counted(digits: &[u8]) -> Outcome {
    reply::number(digits.trim_ascii_end()).map_or(Outcome::Done, Outcome::Number)
}

/// Deletes what `key` stands for.
fn delete<'a>(key: Key<'a>, flags: &[u8]) -> Command<'a> {
    if !is_base64(flags) {
        return Command::Delete(key);
    }
    let (verb, effect) = (MetaVerb::Delete, Effect::Writes);
    Command::Meta { verb, key, flags: b" b", value: b"", effect }
}

/// Whether the words of a meta command say that its key is base64.
fn is_base64(flags: &[u8]) -> bool {
    flags.split(|&byte| byte == b' ').any(|word| word == b"b")
}
