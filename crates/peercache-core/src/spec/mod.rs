//! What users name and choose: peers, networks, engines, hashes, and the limits on them.
//!
//! Every type here is checked when it is made, so a value that exists is valid. Nothing here knows what is
//! running: that is [`crate::topology`].

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::num::{NonZeroU8, NonZeroU32};
use core::str::FromStr;
use core::time::Duration;
use thiserror::Error;

/// The longest name of a peer or a network, in bytes: with `.json` behind it, it is a safe file name
/// everywhere.
pub const NAME_BYTES_MAX: usize = 64;

/// The most copies a network can keep. A replica set is a small array on the stack; nobody has asked for
/// more.
pub const REPLICATION_MAX: u8 = 8;

/// The most points a ring gives to one unit of weight.
pub const VNODES_MAX: u32 = 10_000;

/// The largest weight of a peer: more than twemproxy's example file has, which gives one of them 100,000.
pub const WEIGHT_MAX: u32 = 1_000_000;

/// Declares a checked name; peers and networks share the rules but never the type.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text: a safe file name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check_name($noun, text)?;
                Ok(Self(text.to_string()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

name_type!(
    /// The id of a peer. Ring points come from it, never from the address, so a peer can move.
    PeerId,
    "peer id"
);
name_type!(
    /// The name of a network.
    NetworkName,
    "network name"
);

/// Why some text cannot be the name of a peer or a network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{text:?} cannot be a {noun}: use 1 to {NAME_BYTES_MAX} letters, digits, '.', '_' or '-', \
     beginning with a letter or a digit"
)]
pub struct NameError {
    noun: &'static str,
    text: String,
}

fn check_name(noun: &'static str, text: &str) -> Result<(), NameError> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if first && text.len() <= NAME_BYTES_MAX && text.bytes().all(inner) {
        Ok(())
    } else {
        Err(NameError { noun, text: text.to_string() })
    }
}

/// Declares an enum whose variants are chosen by a fixed word.
macro_rules! word_type {
    ($(#[$doc:meta])* $name:ident, $noun:literal {
        $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every choice, in the order it is listed to users.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word users type and read.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = WordError;

            fn from_str(text: &str) -> Result<Self, WordError> {
                let found = Self::ALL.iter().copied().find(|choice| choice.as_str() == text);
                found.ok_or_else(|| WordError {
                    noun: $noun,
                    text: text.to_string(),
                    choices: &[$($word),+],
                })
            }
        }
    };
}

mod auth_file;
mod hash;

pub use auth_file::{AUTH_FILE_BYTES_MAX, AuthFile, AuthFileError};
pub use hash::{
    HashKind, HashTag, HashTagError, KETAMA_PORT, Ketama, KetamaProgram, KeyHash, RING_NAME_BYTES_MAX,
    RingName, RingNameError,
};

/// A word that is none of the choices.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not a known {noun}; the choices are {}", .choices.join(", "))]
pub struct WordError {
    noun: &'static str,
    text: String,
    choices: &'static [&'static str],
}

word_type!(
    /// The program inside a peer.
    EngineKind, "engine" {
        /// The real memcached.
        Memcached = "memcached",
        /// The engine built into peercache, run as a process of its own.
        Embedded = "embedded",
    }
);

word_type!(
    /// What a read answers when no replica of its key may serve it (P-21).
    OnDown, "on-down policy" {
        /// An error that names the peers and why each cannot serve.
        Error = "error",
        /// A plain miss.
        Miss = "miss",
    }
);

word_type!(
    /// Which copy a read asks first (P-20).
    ReadPolicy, "read policy" {
        /// The owner's, else the next.
        OwnerFirst = "owner-first",
        /// Each in turn.
        Spread = "spread",
    }
);

/// Declares a checked number; each has its own range and noun.
macro_rules! number_type {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $plain:ty, $max:expr, $noun:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// Checks that `number` is in range.
            ///
            /// # Errors
            /// [`RangeError`] names the range.
            pub fn new(number: $plain) -> Result<Self, RangeError> {
                let range = RangeError { noun: $noun, max: $max.into() };
                <$inner>::new(number).filter(|_| number <= $max).map(Self).ok_or(range)
            }

            /// The number itself.
            #[must_use]
            pub const fn get(self) -> $plain {
                self.0.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = RangeError;

            fn from_str(text: &str) -> Result<Self, RangeError> {
                Self::new(text.parse().unwrap_or(0))
            }
        }
    };
}

number_type!(
    /// How many copies a network keeps, owner included; cut to the number of peers (P-01).
    Replication, NonZeroU8, u8, REPLICATION_MAX, "replication"
);
number_type!(
    /// Ring points per unit of weight.
    Vnodes, NonZeroU32, u32, VNODES_MAX, "vnodes"
);
number_type!(
    /// A peer's share of the ring in proportion to the others'.
    Weight, NonZeroU32, u32, WEIGHT_MAX, "weight"
);

/// A number outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{noun} must be a whole number from 1 to {max}")]
pub struct RangeError {
    noun: &'static str,
    max: u32,
}

impl Default for Replication {
    /// 1: a bare network keeps one copy.
    fn default() -> Self {
        Self(NonZeroU8::MIN)
    }
}

impl Default for Vnodes {
    /// 100 (P-01).
    fn default() -> Self {
        Self(NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN))
    }
}

impl Default for Weight {
    /// 1.
    fn default() -> Self {
        Self(NonZeroU32::MIN)
    }
}

/// One peer as a network sees it: who it is, where it listens, how much of the ring it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSpec {
    /// Its identity, from which its ring points come.
    pub id: PeerId,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its share of the ring.
    pub weight: Weight,
    /// What runs there.
    pub engine: EngineKind,
    /// What its points on a ketama ring are made of, where that is not its id.
    pub ring_name: Option<RingName>,
    /// Who to be, where it asks who its clients are.
    pub auth_file: Option<AuthFile>,
}

/// A network: a named set of peers and how keys are placed on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its name.
    pub name: NetworkName,
    /// Its peers; their order means nothing, except where points collide on libmemcached's ring.
    pub peers: Vec<PeerSpec>,
    /// Copies per key.
    pub replication: Replication,
    /// Points per unit of weight; see [`HashKind::vnodes`].
    pub vnodes: Vnodes,
    /// The hash of points and keys.
    pub hash: HashKind,
    /// How requests to it behave.
    pub policy: Policy,
}

/// How requests behave: time-outs and what a read without a readable replica answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long one peer may take for one attempt [200 ms].
    pub attempt: Duration,
    /// How long a connection may take to open [200 ms].
    pub connect: Duration,
    /// How long a whole request may take, all attempts together [1000 ms].
    pub request: Duration,
    /// How long a link that owes answers may be silent before its peer counts as down [300 ms].
    pub silence: Duration,
    /// The largest value that is sent, in bytes [1 MiB]; an engine may refuse smaller ones.
    pub value_bytes_max: usize,
    /// What a read answers when no replica may serve it [`OnDown::Error`].
    pub on_down: OnDown,
    /// Which copy a read asks first [`ReadPolicy::OwnerFirst`].
    pub read: ReadPolicy,
}

impl Default for Policy {
    /// The values of P-25 and P-21.
    fn default() -> Self {
        Self {
            attempt: Duration::from_millis(200),
            connect: Duration::from_millis(200),
            request: Duration::from_millis(1000),
            silence: Duration::from_millis(300),
            value_bytes_max: 1024 * 1024,
            on_down: OnDown::Error,
            read: ReadPolicy::OwnerFirst,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_file_names() {
        for good in ["p0", "cache-1.eu_west", "A", "0"] {
            assert_eq!(good.parse::<PeerId>().unwrap().as_str(), good);
        }
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for bad in ["", ".", "..", "../p0", "a/b", "-p", "_p", "a b", "ä", "a\0", "a\n", long.as_str()] {
            assert!(bad.parse::<PeerId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_unknown_word_lists_the_choices() {
        let error = "memcache".parse::<EngineKind>().unwrap_err().to_string();
        assert!(error.contains("memcached, embedded"), "{error}");
    }

    #[test]
    fn numbers_out_of_range_name_the_range() {
        assert_eq!("8".parse::<Replication>().unwrap().get(), 8);
        for bad in ["0", "9", "-1", "two", "300"] {
            let error = bad.parse::<Replication>().unwrap_err().to_string();
            assert_eq!(error, "replication must be a whole number from 1 to 8");
        }
    }
}
