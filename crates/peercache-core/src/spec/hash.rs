//! How a network places keys: its own two hashes, or the ring of another program (P-02).
//!
//! twemproxy's ring and that of libmemcached's `KETAMA_WEIGHTED` have the same points. They differ in how a
//! key is hashed when nobody says how, in whether a part of it can be chosen (`hash_tag`), and in who wins
//! where two points collide. [`Ketama`] holds what differs.

use super::{Vnodes, WordError};
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use thiserror::Error;

/// The longest name of a peer on a ketama ring, in bytes. twemproxy cuts `<name>-<number>` at 272 bytes: a
/// name of 255 is never cut.
pub const RING_NAME_BYTES_MAX: usize = 255;

/// The port that ketama leaves out of a name made of an address.
pub const KETAMA_PORT: u16 = 11211;

/// How ring points and keys are hashed (P-02).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashKind {
    /// XXH3-64, of which the first 32 bits are taken.
    Xxh3,
    /// MD5, of which the first 32 bits are taken.
    Md5,
    /// The ring of twemproxy and of libmemcached's `KETAMA_WEIGHTED`.
    Ketama(Ketama),
}

impl HashKind {
    /// The word users type and read.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Xxh3 => "xxh3",
            Self::Md5 => "md5",
            Self::Ketama(Ketama { program: KetamaProgram::Twemproxy, .. }) => "ketama",
            Self::Ketama(Ketama { program: KetamaProgram::Libmemcached, .. }) => "ketama-libmemcached",
        }
    }

    /// Points per unit of weight: as `chosen`, or the 160 of a ketama ring, which leaves no choice.
    #[must_use]
    pub fn vnodes(self, chosen: Vnodes) -> Vnodes {
        match self {
            Self::Xxh3 | Self::Md5 => chosen,
            Self::Ketama(_) => Vnodes::new(160).unwrap_or(chosen),
        }
    }
}

impl fmt::Display for HashKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for HashKind {
    type Err = WordError;

    /// A ketama word alone stands for what its program does when it is told no more.
    fn from_str(text: &str) -> Result<Self, WordError> {
        match text {
            "xxh3" => Ok(Self::Xxh3),
            "md5" => Ok(Self::Md5),
            "ketama" => Ok(Self::Ketama(Ketama::TWEMPROXY)),
            "ketama-libmemcached" => Ok(Self::Ketama(Ketama::LIBMEMCACHED)),
            _ => {
                let choices = &["xxh3", "md5", "ketama", "ketama-libmemcached"];
                Err(WordError { noun: "hash", text: text.to_string(), choices })
            }
        }
    }
}

/// The program whose ketama ring is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KetamaProgram {
    /// Points that collide stand in the order of their peers' names, shorter ones first.
    Twemproxy,
    /// Points that collide stand in the order in which the peers were given.
    Libmemcached,
}

/// A ketama ring's program, and what its users choose there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ketama {
    /// Whose ring it is.
    pub program: KetamaProgram,
    /// How keys are hashed. Points are always MD5.
    pub key_hash: KeyHash,
    /// Which part of a key is hashed; all of it where there is none.
    pub hash_tag: Option<HashTag>,
}

impl fmt::Display for Ketama {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys by {}", self.key_hash)?;
        self.hash_tag.map_or(Ok(()), |tag| write!(f, ", hash tag {tag}"))
    }
}

impl Ketama {
    /// What twemproxy does when its configuration says no more.
    pub const TWEMPROXY: Self =
        Self { program: KetamaProgram::Twemproxy, key_hash: KeyHash::Fnv1aWith64, hash_tag: None };
    /// What libmemcached's `KETAMA_WEIGHTED` sets.
    pub const LIBMEMCACHED: Self =
        Self { program: KetamaProgram::Libmemcached, key_hash: KeyHash::Md5, hash_tag: None };
}

word_type!(
    /// How a ketama ring hashes keys: twemproxy's names for twemproxy's functions. Those that libmemcached
    /// has too give the same numbers there; it calls `crc32` CRC.
    KeyHash, "key hash" {
        /// Bob Jenkins's one-at-a-time; libmemcached's `DEFAULT`.
        OneAtATime = "one_at_a_time",
        /// The first four bytes of MD5, read little-endian; what libmemcached's `KETAMA_WEIGHTED` sets.
        Md5 = "md5",
        /// CRC-16 (CCITT), whose high bits are not cut off.
        Crc16 = "crc16",
        /// Bits 16 to 30 of CRC-32, as libmemcached has it.
        Crc32 = "crc32",
        /// CRC-32 as it is published.
        Crc32a = "crc32a",
        /// FNV-1 of 64 bits, of which the low 32 are taken.
        Fnv1With64 = "fnv1_64",
        /// FNV-1a with the low 32 bits of the 64-bit constants; twemproxy's default.
        Fnv1aWith64 = "fnv1a_64",
        /// FNV-1 of 32 bits.
        Fnv1With32 = "fnv1_32",
        /// FNV-1a of 32 bits.
        Fnv1aWith32 = "fnv1a_32",
        /// Paul Hsieh's SuperFastHash, begun at zero.
        Hsieh = "hsieh",
        /// MurmurHash2, seeded by the length.
        Murmur = "murmur",
        /// Bob Jenkins's lookup3, begun at 13.
        Jenkins = "jenkins",
    }
);

/// The two bytes around the part of a key that alone is hashed, as in `{user42}:name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashTag {
    open: u8,
    close: u8,
}

impl HashTag {
    /// The part of `key` that is hashed: what stands between the first opening byte and the next closing one,
    /// unless there is nothing, or no such pair.
    #[must_use]
    pub fn part(self, key: &[u8]) -> &[u8] {
        let find = |byte: u8, from: usize| Some(from + memchr::memchr(byte, &key[from..])?);
        let between = || {
            let start = find(self.open, 0)? + 1;
            Some(&key[start..find(self.close, start)?])
        };
        between().filter(|part| !part.is_empty()).unwrap_or(key)
    }
}

impl FromStr for HashTag {
    type Err = HashTagError;

    fn from_str(text: &str) -> Result<Self, HashTagError> {
        match text.as_bytes() {
            &[open, close] if open.is_ascii_graphic() && close.is_ascii_graphic() => Ok(Self { open, close }),
            _ => Err(HashTagError { text: text.to_string() }),
        }
    }
}

impl fmt::Display for HashTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.open), char::from(self.close))
    }
}

/// Why some text is no hash tag.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not a hash tag: give the two characters around the part that is hashed, as in {{}}")]
pub struct HashTagError {
    text: String,
}

/// The name from which a peer's points on a ketama ring are made: whatever its fleet calls it there, so it
/// may hold characters that an id may not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingName(String);

impl RingName {
    /// The name that twemproxy and libmemcached give to a daemon that was given none: `host:port` as it was
    /// written, without the port if that is 11211.
    ///
    /// # Errors
    /// As [`FromStr`]: for a host that is empty, too long, or has spaces.
    pub fn of_address(host: &str, port: u16) -> Result<Self, RingNameError> {
        if port == KETAMA_PORT { host.parse() } else { alloc::format!("{host}:{port}").parse() }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RingName {
    type Err = RingNameError;

    fn from_str(text: &str) -> Result<Self, RingNameError> {
        let is_strange = |c: char| c.is_whitespace() || c.is_control();
        if text.is_empty() || text.len() > RING_NAME_BYTES_MAX || text.contains(is_strange) {
            return Err(RingNameError { text: text.to_string() });
        }
        Ok(Self(text.to_string()))
    }
}

impl fmt::Display for RingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why some text cannot be a name on a ketama ring.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} cannot be a name on a ring: use 1 to {RING_NAME_BYTES_MAX} bytes without spaces")]
pub struct RingNameError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tag_chooses_what_stands_between_its_first_pair() {
        let tag: HashTag = "{}".parse().unwrap();
        let part = |key: &'static str| core::str::from_utf8(tag.part(key.as_bytes())).unwrap();
        assert_eq!(part("{user}:name"), "user");
        assert_eq!(part("a}{user}{b}"), "user");
        assert_eq!(part("{a{b}c}"), "a{b");
        for whole in ["plain", "{}rest", "{open", "close}", "}{"] {
            assert_eq!(part(whole), whole);
        }
        let same: HashTag = "$$".parse().unwrap();
        assert_eq!(same.part(b"a$b$c$"), b"b");
    }

    #[test]
    fn a_hash_tag_is_two_visible_characters() {
        for bad in ["", "{", "{}}", "{ ", "é"] {
            assert!(bad.parse::<HashTag>().is_err(), "{bad:?}");
        }
        assert_eq!("{}".parse::<HashTag>().unwrap().to_string(), "{}");
    }

    #[test]
    fn a_name_made_of_an_address_leaves_out_the_usual_port() {
        assert_eq!(RingName::of_address("cache1.example", 11211).unwrap().as_str(), "cache1.example");
        assert_eq!(RingName::of_address("10.0.0.1", 11212).unwrap().as_str(), "10.0.0.1:11212");
        assert!(RingName::of_address("a b", 1).is_err());
    }
}
