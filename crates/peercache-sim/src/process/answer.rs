//! One attempt's answer on its way from a link to the request that waits: the counterpart of the client
//! crate's `answer`.

use peercache_core::protocol::memcached::reply::{self, Reply};
use peercache_core::replication::{Lost, Outcome};

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// A value, and its version where that was asked for.
    Value(Vec<u8>, Option<u64>),
    /// A read found nothing.
    Nothing,
    Line(Vec<u8>),
    Refused(Vec<u8>),
    Lost(Lost),
}

impl Answer {
    /// From a piece of an answer that is not the last.
    pub(super) fn part(reply: &Reply<'_>) -> Option<Self> {
        match reply {
            Reply::Value { data, cas, .. } => Some(Self::Value(data.to_vec(), *cas)),
            _ => None,
        }
    }

    /// From the last piece of an answer, and what came before it.
    pub(super) fn last(reply: &Reply<'_>, found: Option<Self>) -> Self {
        match *reply {
            Reply::Refused(line) => Self::Refused(line.to_vec()),
            Reply::Line(b"EN") => Self::Nothing,
            Reply::Line(line) => Self::Line(line.to_vec()),
            Reply::MetaValue { data, .. } => Self::Value(data.to_vec(), None),
            _ => found.unwrap_or(Self::Nothing),
        }
    }

    /// What the gather needs to know.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Value(..) => Outcome::Hit,
            Self::Nothing => Outcome::Miss,
            Self::Line(line) => match &line[..] {
                b"STORED" | b"DELETED" | b"OK" => Outcome::Done,
                b"NOT_FOUND" => Outcome::NotFound,
                b"NOT_STORED" => Outcome::NotStored,
                b"EXISTS" => Outcome::Exists,
                other => match reply::number(other) {
                    Some(number) => Outcome::Number(number),
                    None => Outcome::Refused(reply::refusal(other)),
                },
            },
            Self::Refused(line) => Outcome::Refused(reply::refusal(line)),
            Self::Lost(lost) => Outcome::Lost(*lost),
        }
    }
}
