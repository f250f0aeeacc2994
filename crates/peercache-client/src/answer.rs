//! One attempt's answer, collected from its pieces, on its way from a link's driver to the request that
//! waits.

use bytes::Bytes;
use peercache_core::protocol::Refusal;
use peercache_core::protocol::memcached::reply::{self, Reply};
use peercache_core::replication::{Lost, Outcome};
use tokio::sync::oneshot;

/// What came back, as owned bytes.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The values that exist, in the order the peer sent them.
    Values(Vec<Found>),
    /// Name and value of each statistic.
    Stats(Vec<(String, String)>),
    /// One line.
    Line(Bytes),
    /// The peer is alive and will not.
    Refused(Refusal),
    /// No answer, and what is known of the attempt.
    Lost(Lost),
}

/// A value off the wire.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) key: Bytes,
    pub(crate) flags: u32,
    pub(crate) data: Bytes,
}

impl Answer {
    /// What the gather of a read or write needs to know.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Values(found) if found.is_empty() => Outcome::Miss,
            Self::Values(_) => Outcome::Hit,
            Self::Line(line) => line_outcome(line),
            Self::Stats(_) => Outcome::Done,
            Self::Refused(refusal) => Outcome::Refused(refusal.clone()),
            Self::Lost(lost) => Outcome::Lost(*lost),
        }
    }
}

fn line_outcome(line: &[u8]) -> Outcome {
    match line {
        b"STORED" | b"DELETED" | b"TOUCHED" | b"OK" => Outcome::Done,
        b"NOT_FOUND" => Outcome::NotFound,
        other => Outcome::Refused(reply::refusal(other)),
    }
}

/// A waiting request's end of the line: collects pieces, then delivers.
#[derive(Debug)]
pub(crate) struct Collector {
    found: Vec<Found>,
    stats: Vec<(String, String)>,
    to: oneshot::Sender<Answer>,
}

impl Collector {
    pub(crate) fn new() -> (Self, oneshot::Receiver<Answer>) {
        let (to, answer) = oneshot::channel();
        (Self { found: Vec::new(), stats: Vec::new(), to }, answer)
    }

    pub(crate) fn part(&mut self, reply: Reply<'_>) {
        match reply {
            Reply::Value { key, flags, data, .. } => {
                let (key, data) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(data));
                self.found.push(Found { key, flags, data });
            }
            Reply::Stat { name, value } => self.stats.push((text(name), text(value))),
            Reply::End | Reply::Line(_) | Reply::MetaValue { .. } | Reply::Refused(_) => {}
        }
    }

    pub(crate) fn last(self, reply: Reply<'_>) {
        let answer = match reply {
            Reply::Refused(line) => Answer::Refused(reply::refusal(line)),
            Reply::Line(line) => Answer::Line(Bytes::copy_from_slice(line)),
            _ if self.stats.is_empty() => Answer::Values(self.found),
            _ => Answer::Stats(self.stats),
        };
        // Nobody waits any more where the request was dropped; its answer is of no use then.
        let _ = self.to.send(answer);
    }

    pub(crate) fn lost(self, lost: Lost) {
        let _ = self.to.send(Answer::Lost(lost));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
