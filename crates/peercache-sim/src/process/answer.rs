//! One attempt's answer on its way from a link to the request that waits: the counterpart of the client
//! crate's `answer`.

use peercache_core::protocol::memcached::reply::{self, Reply};
use peercache_core::replication::{Lost, Outcome};

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Value(Vec<u8>),
    /// A read found nothing.
    Nothing,
    Line(Vec<u8>),
    Refused(Vec<u8>),
    Lost(Lost),
}

impl Answer {
    /// From the last piece of an answer, and the value that came before it.
    pub(super) fn of(reply: Reply<'_>, value: Option<Vec<u8>>) -> Self {
        match reply {
            Reply::Refused(line) => Self::Refused(line.to_vec()),
            Reply::Line(line) => Self::Line(line.to_vec()),
            _ => value.map_or(Self::Nothing, Self::Value),
        }
    }

    /// What the gather needs to know.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Value(_) => Outcome::Hit,
            Self::Nothing => Outcome::Miss,
            Self::Line(line) => match &line[..] {
                b"STORED" | b"DELETED" | b"OK" => Outcome::Done,
                b"NOT_FOUND" => Outcome::NotFound,
                other => Outcome::Refused(reply::refusal(other)),
            },
            Self::Refused(line) => Outcome::Refused(reply::refusal(line)),
            Self::Lost(lost) => Outcome::Lost(*lost),
        }
    }
}
