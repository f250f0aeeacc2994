//! What one worker counts, and what all of them add up to.

use super::census::Census;
use crate::latency::Latency;
use crate::report::{ErrorCount, Refused};
use crate::trace::Operation;
use peercache_client::WriteError;
use peercache_core::key::KeyError;
use peercache_core::protocol::Refusal;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How a request of the trace ended: each in exactly one way. The report's head says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Hit,
    Miss,
    Written,
    Skipped(Skip),
    /// Already noted under its kind.
    Failed,
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    Key(KeyError),
    Operation(Operation),
}

impl Skip {
    fn reason(self) -> &'static str {
        match self {
            Self::Key(KeyError::Empty) => "key_empty",
            Self::Key(KeyError::TooLong { .. }) => "key_too_long",
            Self::Key(KeyError::Forbidden { .. }) => "key_with_space_or_control_byte",
            Self::Operation(Operation::Incr) => "operation_incr",
            Self::Operation(Operation::Decr) => "operation_decr",
            Self::Operation(_) => "operation_other",
        }
    }
}

/// One worker's counts, read by whoever shows progress. Only its worker writes them.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Counters {
    pub(super) requests: AtomicU64,
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) errors: AtomicU64,
}

impl Counters {
    /// Shows where `tally` stands.
    pub(super) fn show(&self, tally: &Tally) {
        self.requests.store(tally.requests, Ordering::Relaxed);
        self.hits.store(tally.hits, Ordering::Relaxed);
        self.misses.store(tally.misses, Ordering::Relaxed);
        self.errors.store(tally.errors, Ordering::Relaxed);
    }
}

/// Everything that a worker counts.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) writes: u64,
    pub(super) errors: u64,
    pub(super) fills: u64,
    pub(super) skipped: BTreeMap<&'static str, u64>,
    pub(super) refused: Refused,
    pub(super) errors_by_kind: BTreeMap<&'static str, ErrorCount>,
    pub(super) get: Latency,
    pub(super) set: Latency,
    pub(super) delete: Latency,
    pub(super) value_bytes_sent: u64,
    pub(super) value_bytes_received: u64,
    /// By the peer's place in the network.
    pub(super) peers: Vec<PeerTally>,
    /// One for each worker that was merged: workers have different keys.
    pub(super) censuses: Vec<Census>,
    /// The beginning of the first operation and the end of the last.
    pub(super) measured: Option<(Instant, Instant)>,
}

/// One peer's part in a tally.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct PeerTally {
    /// Requests for keys it owns.
    pub(super) requests: u64,
    /// Hits that it served.
    pub(super) hits: u64,
}

impl Tally {
    /// Nothing yet, for a network of `peers` peers.
    pub(super) fn new(peers: usize) -> Self {
        Self {
            requests: 0,
            hits: 0,
            misses: 0,
            writes: 0,
            errors: 0,
            fills: 0,
            skipped: BTreeMap::new(),
            refused: Refused::default(),
            errors_by_kind: BTreeMap::new(),
            get: Latency::new(),
            set: Latency::new(),
            delete: Latency::new(),
            value_bytes_sent: 0,
            value_bytes_received: 0,
            peers: vec![PeerTally::default(); peers],
            censuses: vec![Census::default()],
            measured: None,
        }
    }

    /// Notes how a request ended.
    pub(super) fn note(&mut self, outcome: Outcome) {
        self.requests += 1;
        match outcome {
            Outcome::Hit => self.hits += 1,
            Outcome::Miss => self.misses += 1,
            Outcome::Written => self.writes += 1,
            Outcome::Skipped(skip) => *self.skipped.entry(skip.reason()).or_default() += 1,
            Outcome::Failed => self.errors += 1,
        }
    }

    /// Notes that a request is sent for a key that the peer at `owner` owns.
    pub(super) fn note_owner(&mut self, hash: u64, owner: usize) {
        self.peers[owner].requests += 1;
        self.censuses[0].note(hash, owner);
    }

    /// Notes what went wrong with a request that ends as [`Outcome::Failed`].
    pub(super) fn note_error(&mut self, kind: &'static str, text: impl FnOnce() -> String) -> Outcome {
        self.errors_by_kind.entry(kind).or_default().note(text);
        Outcome::Failed
    }

    /// Notes a set that was refused, which is no error.
    pub(super) fn note_refusal(&mut self, refusal: &Refusal) {
        match refusal {
            Refusal::TooLarge => self.refused.too_large += 1,
            Refusal::OutOfMemory => self.refused.out_of_memory += 1,
            Refusal::Other(_) => self.refused.other += 1,
        }
    }

    /// Notes that an operation ran from `from` until `to`.
    pub(super) fn note_measured(&mut self, from: Instant, to: Instant) {
        let (first, last) = self.measured.unwrap_or((from, to));
        self.measured = Some((first.min(from), last.max(to)));
    }

    /// Adds another worker's counts.
    pub(super) fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.hits += other.hits;
        self.misses += other.misses;
        self.writes += other.writes;
        self.errors += other.errors;
        self.fills += other.fills;
        for (reason, count) in other.skipped {
            *self.skipped.entry(reason).or_default() += count;
        }
        self.refused.too_large += other.refused.too_large;
        self.refused.out_of_memory += other.refused.out_of_memory;
        self.refused.other += other.refused.other;
        for (kind, errors) in other.errors_by_kind {
            self.errors_by_kind.entry(kind).or_default().merge(errors);
        }
        self.get.merge(&other.get);
        self.set.merge(&other.set);
        self.delete.merge(&other.delete);
        self.value_bytes_sent += other.value_bytes_sent;
        self.value_bytes_received += other.value_bytes_received;
        for (mine, others) in self.peers.iter_mut().zip(other.peers) {
            mine.requests += others.requests;
            mine.hits += others.hits;
        }
        self.censuses.extend(other.censuses);
        if let Some((from, to)) = other.measured {
            self.note_measured(from, to);
        }
    }
}

/// The kind under which a failed write is counted; `names` are for: unavailable, ambiguous, anything else.
pub(super) fn kind_of(error: &WriteError, names: [&'static str; 3]) -> &'static str {
    match error {
        WriteError::NoPeers | WriteError::Unavailable { .. } => names[0],
        // Who asks another process may get either value.
        WriteError::Ambiguous { .. } | WriteError::Unrecorded { .. } => names[1],
        WriteError::Key(_) | WriteError::ValueTooLarge { .. } | WriteError::Refused { .. } => names[2],
    }
}
