//! A place in a session's order of answers: what is being done for it, and what the client will be told.

use super::everywhere::Everywhere;
use super::many::Many;
use super::op::Op;
use super::orders::Place;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::request::Answer as Wanted;
use peercache_core::replication::{Answer, Gather, Outcome, Positions};
use peercache_core::ring::ReplicaSet;
use peercache_core::router::Mode;
use peercache_core::spec::REPLICATION_MAX;
use std::time::Duration;

/// Where an answer of a peer belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// The session, by its place among the worker's.
    pub(crate) session: u32,
    /// The slot, counted over all sessions that have had this place: no two have the same.
    pub(crate) slot: u32,
    /// The replica's position; of a multiget, the part; of a broadcast, the peer.
    pub(crate) part: u16,
}

/// A place in the order of answers.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) work: Work,
    /// What the client is told when it is its turn, as far as it is known.
    pub(crate) answer: Vec<u8>,
    /// Whether the connection ends behind this answer.
    pub(crate) is_last: bool,
    /// When the request was taken in.
    pub(crate) started: Duration,
}

impl Slot {
    /// A slot for `work`, with a buffer for its answer.
    pub(crate) fn new(work: Work, answer: Vec<u8>, started: Duration) -> Self {
        Self { work, answer, is_last: false, started }
    }
}

/// What is being done.
#[derive(Debug)]
pub(crate) enum Work {
    /// Nothing any more: the answer is complete.
    Done,
    /// A request for one key.
    One(One),
    /// A multiget.
    Many(Box<Many>),
    /// A flush, while what is pending is looked at or changed.
    Flush(Wanted),
    /// A request to every peer.
    Everywhere(Box<Everywhere>),
}

/// A request for one key in progress.
#[derive(Debug)]
pub(crate) struct One {
    pub(crate) op: Op,
    /// How that goes about the replicas.
    pub(crate) mode: Mode,
    pub(crate) set: ReplicaSet,
    pub(crate) gather: Gather,
    /// When the whole request is over.
    pub(crate) deadline: Duration,
    pub(crate) wanted: Wanted,
    /// The rank of the replica whose answer is kept in the slot, if any; mostly its position.
    pub(crate) kept: Option<u8>,
    /// What was decided, while the outages of some replicas are not yet on disk (P-11).
    pub(crate) held: Option<Box<(Answer, Positions)>>,
    pub(crate) bytes: RequestBytes,
    /// Its place among the writes of its key, where those need an order.
    pub(crate) place: Option<Place>,
}

impl One {
    /// Whether the answer of a replica, of this [rank], may be what the client is told.
    #[inline]
    pub(crate) fn keeps(&self, rank: u8) -> bool {
        match self.mode {
            Mode::Read | Mode::Fetch => true,
            Mode::LeaderThen(_) => self.kept.is_none(),
            Mode::WriteAll => self.kept.is_none_or(|kept| rank < kept),
        }
    }
}

/// Which of several answers of replicas counts: that of the lowest rank. Whoever had nothing of a key comes
/// behind those who had something.
#[inline]
pub(crate) fn rank(position: u8, outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::NotFound => REPLICATION_MAX + position,
        _ => position,
    }
}

/// The bytes of a request that may be needed again: key, flags of a meta command, value.
#[derive(Debug, Default)]
pub(crate) struct RequestBytes {
    bytes: Vec<u8>,
    key_len: u8,
    flags_len: u16,
}

impl RequestBytes {
    /// Copies them into `buffer`.
    pub(crate) fn keep(mut buffer: Vec<u8>, key: Key<'_>, flags: &[u8], value: &[u8]) -> Self {
        buffer.clear();
        buffer.extend_from_slice(key.as_bytes());
        if !(flags.is_empty() && value.is_empty()) {
            buffer.extend_from_slice(flags);
            buffer.extend_from_slice(value);
        }
        Self { bytes: buffer, key_len: key.as_bytes().len() as u8, flags_len: flags.len() as u16 }
    }

    /// The key as it was sent.
    pub(crate) fn key(&self) -> &[u8] {
        &self.bytes[..usize::from(self.key_len)]
    }

    /// The flags of a meta command.
    pub(crate) fn flags(&self) -> &[u8] {
        &self.bytes[usize::from(self.key_len)..self.value_at()]
    }

    /// The value, where it is kept.
    pub(crate) fn value(&self) -> &[u8] {
        &self.bytes[self.value_at()..]
    }

    /// The buffer, for reuse.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    fn value_at(&self) -> usize {
        usize::from(self.key_len) + usize::from(self.flags_len)
    }
}
