//! What a replay found out, as one value that is written as JSON and read as text.
//!
//! Every request of the trace has exactly one outcome, so that `hits + misses + writes + skipped + errors =
//! requests` always holds ([`Report::check_sum`]; a trace of reads only, such as oracleGeneral, has no
//! `writes`). The outcomes:
//!
//! - **hit**: the read found the object, of the length and content that were written.
//! - **miss**: the read found nothing, and the object was then set, or its set was *refused*: refusals
//!   (too large, out of memory) are the cache's right, counted in [`Refused`] beside the outcome.
//! - **write**: a set or delete of the trace that was answered, with a refusal too.
//! - **skipped**: never sent, because the key is none or the operation is not replayed.
//! - **error**: the read, the set after its miss, the write or the delete failed, or the object is wrong.
//!
//! Fields are added, never renamed. Text rendering is in `text`, writing to disk in `file`.

mod file;
mod text;

use crate::latency::Percentiles;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use file::ReportError;

/// The version of the report's fields; raised when one changes its meaning.
pub const SCHEMA: u32 = 1;

/// What a replay found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`] when it was written.
    pub schema: u32,
    /// What made it: always `replay` here.
    pub kind: String,
    /// The version of peercache that made it.
    pub peercache: String,
    /// When the replay began: RFC 3339, UTC.
    pub started: String,
    /// Why it ended before the trace did, if it did.
    pub stopped: Option<String>,
    /// What was replayed.
    pub trace: TraceSummary,
    /// Where.
    pub network: NetworkSummary,
    /// Threads, each with links of its own.
    pub workers: usize,
    /// Requests that a worker kept in flight.
    pub pipeline: usize,
    /// From the first request sent to the last answer, in seconds.
    pub seconds: f64,
    /// Requests of the trace that got an outcome.
    pub requests: u64,
    /// Reads that found their object.
    pub hits: u64,
    /// Reads that found nothing.
    pub misses: u64,
    /// Sets and deletes of the trace that were answered.
    pub writes: u64,
    /// Requests that were not sent.
    pub skipped: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Hits in hits and misses; nothing where nothing was read.
    pub hit_ratio: Option<f64>,
    /// Sets after a miss that were stored.
    pub fills: u64,
    /// The skipped ones by reason.
    pub skipped_by_reason: BTreeMap<String, u64>,
    /// Sets that were refused, which is no error.
    pub refused: Refused,
    /// The errors by kind.
    pub errors_by_kind: BTreeMap<String, ErrorCount>,
    /// Gets, sets and deletes that were sent; a read-through that misses is two.
    pub operations: u64,
    /// Operations in each second of the measured interval.
    pub ops_per_s: f64,
    /// What each kind of operation took, as the worker saw it; failed ones are in.
    pub latency: Latencies,
    /// Bytes of the values in sets; each counted once, however many copies were made.
    pub value_bytes_sent: u64,
    /// Bytes of the values in hits.
    pub value_bytes_received: u64,
    /// One entry a peer, in the order of their ids.
    pub peers: Vec<PeerReport>,
    /// The sum of the hits that the daemons counted; nothing where one could not be asked.
    pub daemon_hits: Option<u64>,
    /// Whether `daemon_hits` equals `hits`: false too if anybody else read meanwhile.
    pub daemon_hits_equal: Option<bool>,
}

/// What was replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceSummary {
    /// The file's name without its folder.
    pub name: String,
    /// How it is written.
    pub format: String,
    /// Its length.
    pub bytes: u64,
}

/// The network that took the load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSummary {
    /// Its name.
    pub name: String,
    /// Its peers.
    pub peers: usize,
    /// Copies per key.
    pub replication: u8,
    /// Its ring hash.
    pub hash: String,
}

/// Sets that were refused, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The object is larger than the peer or the client takes.
    pub too_large: u64,
    /// The peer had no room and evicted nothing.
    pub out_of_memory: u64,
    /// Any other refusal.
    pub other: u64,
}

impl Refused {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.too_large + self.out_of_memory + self.other
    }
}

/// How often one kind of error happened, and what the first ones said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorCount {
    /// How often.
    pub count: u64,
    /// What the first ones said; at most [`ErrorCount::FIRST_MAX`].
    pub first: Vec<String>,
}

impl ErrorCount {
    /// How many messages of one kind are kept.
    pub const FIRST_MAX: usize = 5;

    /// Counts one more; its text is only made where it is kept.
    pub fn note(&mut self, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < Self::FIRST_MAX {
            self.first.push(text());
        }
    }

    /// Adds another's count and, as far as there is room, its messages.
    pub fn merge(&mut self, other: Self) {
        self.count += other.count;
        let room = Self::FIRST_MAX - self.first.len().min(Self::FIRST_MAX);
        self.first.extend(other.first.into_iter().take(room));
    }
}

/// Latencies by kind of operation; nothing where there was none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latencies {
    /// Reads.
    pub get: Option<Percentiles>,
    /// Sets, after a miss or of the trace.
    pub set: Option<Percentiles>,
    /// Deletes of the trace.
    pub delete: Option<Percentiles>,
}

/// One peer's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerReport {
    /// Its id.
    pub id: String,
    /// Requests that were sent for keys it owns.
    pub requests: u64,
    /// Its part of all requests sent, from 0 to 1.
    pub request_share: f64,
    /// Different keys among them.
    pub keys: u64,
    /// Whether `keys` was estimated from a sample, as it is for many keys.
    pub keys_estimated: bool,
    /// Hits that it served.
    pub hits: u64,
    /// What changed in the daemon's own counters.
    pub daemon: Option<DaemonDelta>,
    /// Why that is not known.
    pub daemon_unknown: Option<String>,
}

/// A daemon's counters after the replay minus before it; less than 0 where it restarted or was reset
/// meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonDelta {
    /// Reads that hit.
    pub get_hits: i64,
    /// Reads that missed.
    pub get_misses: i64,
    /// Sets, refused ones among them.
    pub cmd_set: i64,
    /// Items thrown out for room.
    pub evictions: i64,
    /// Items held.
    pub curr_items: i64,
}

impl Report {
    /// Whether every request has exactly one outcome, and each count its parts.
    #[must_use]
    pub fn check_sum(&self) -> bool {
        let outcomes = self.hits + self.misses + self.writes + self.skipped + self.errors;
        let kinds: u64 = self.errors_by_kind.values().map(|kind| kind.count).sum();
        outcomes == self.requests
            && self.skipped == self.skipped_by_reason.values().sum::<u64>()
            && self.errors == kinds
            && self.fills <= self.misses
    }

    /// The report as one JSON document that ends with a line feed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("a report has text keys and plain numbers");
        json.push('\n');
        json
    }

    /// The report as lines for a person, without colour.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::render(self)
    }
}

#[cfg(test)]
mod tests;
