//! Why a peer that is alive does not do what it was asked.

use alloc::string::String;
use core::fmt;

/// Why a live peer refuses a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The value is over the engine's item limit.
    TooLarge,
    /// The engine has no memory for it.
    OutOfMemory,
    /// Anything else, in the engine's words.
    Other(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the value is larger than its item limit"),
            Self::OutOfMemory => f.write_str("it is out of memory"),
            Self::Other(words) => write!(f, "it answered {words:?}"),
        }
    }
}
