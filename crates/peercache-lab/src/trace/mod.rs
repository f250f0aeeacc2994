//! Request traces: who asked for what, read one request at a time.
//!
//! A trace can be many gigabytes, so a [`Trace`] is an iterator over a small buffer and never holds more
//! than one request. Everything that can be known before the first request (that the file is there, is not
//! empty, is not torn, is what its name says) is an error of [`Trace::open`], so nothing is sent because of
//! a bad file; a bad line further on ends the iterator with one error that names file and line.
//!
//! Formats: [`oracle_general`] (libCacheSim's) and [`twitter`] (Twitter's cache-trace CSV). A reader
//! refuses to guess: a value that does not fit its column is an error, never a default.

mod error;
mod format;
mod open;
pub mod oracle_general;
pub mod twitter;

pub use error::TraceError;
pub use format::{Format, FormatError};
pub use open::Trace;

/// One request of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// When it was made, in seconds from an origin that only the trace knows.
    pub time_s: u64,
    /// The key, as the trace has it: not checked, so it may be no key that a cache takes.
    pub key: Box<[u8]>,
    /// The size of the object in bytes.
    pub value_bytes: u32,
    /// What was asked.
    pub operation: Operation,
    /// For writes, how long the object may live, in seconds; 0 is for ever.
    pub ttl_s: u32,
}

/// What a request of a trace asks: memcached's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the variants are memcached's own words")]
pub enum Operation {
    Get,
    Gets,
    Set,
    Add,
    Replace,
    Cas,
    Append,
    Prepend,
    Delete,
    Incr,
    Decr,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 11] = [
        Self::Get,
        Self::Gets,
        Self::Set,
        Self::Add,
        Self::Replace,
        Self::Cas,
        Self::Append,
        Self::Prepend,
        Self::Delete,
        Self::Incr,
        Self::Decr,
    ];

    /// The command's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Gets => "gets",
            Self::Set => "set",
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Cas => "cas",
            Self::Append => "append",
            Self::Prepend => "prepend",
            Self::Delete => "delete",
            Self::Incr => "incr",
            Self::Decr => "decr",
        }
    }

    /// The operation that `word` names, in lower case.
    #[must_use]
    pub fn from_word(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str().as_bytes() == word)
    }
}
