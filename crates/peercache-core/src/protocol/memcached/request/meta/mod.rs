//! Meta commands: `mg`, `ms`, `md`, `ma`.
//!
//! A meta command names one key and says by flags what it wants done and told. It is checked as strictly as
//! memcached 1.6.18 checks it and refused in the same words, whether or not it asks for quiet: errors are
//! always told. Which answers `q` hides depends on what is found, and is not known here.
//!
//! Unlike memcached, a body behind a refused line is never executed, see [`super`].

use super::store::{self, Announced, Length};
use super::{
    Answer, BAD_FORMAT, CountVerb, Decoded, ERROR, Edition, Limits, Line, Request, StoreVerb, words,
};
use crate::key::Key;

mod flags;
mod key;

#[cfg(test)]
mod tests;

pub use flags::MetaFlags;
pub use key::{MetaKey, Placement};

use flags::Bad;

/// What a meta command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaVerb {
    /// `mg`: reads, touches, creates what is missing.
    Get,
    /// `ms`: stores.
    Set,
    /// `md`: deletes or makes stale.
    Delete,
    /// `ma`: counts.
    Arithmetic,
}

/// A meta command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetaRequest<'a> {
    /// What to do.
    pub verb: MetaVerb,
    /// Where.
    pub key: MetaKey<'a>,
    /// How, and what to tell.
    pub flags: MetaFlags<'a>,
    /// The value of a [`MetaVerb::Set`]; empty for others.
    pub value: &'a [u8],
}

impl MetaRequest<'_> {
    /// How an `ms` stores: what its mode says, and for a mode without conditions of its own and a version to
    /// compare (`C`), [`StoreVerb::Cas`]. `A` and `P` compare as well if there is a `C`; `E` never does.
    #[must_use]
    pub fn store_verb(&self) -> StoreVerb {
        match (self.flags.mode(), self.flags.cas_compare()) {
            (Some(b'E'), _) => StoreVerb::Add,
            (Some(b'A'), _) => StoreVerb::Append,
            (Some(b'P'), _) => StoreVerb::Prepend,
            (_, Some(cas)) => StoreVerb::Cas(cas),
            (Some(b'R'), None) => StoreVerb::Replace,
            (_, None) => StoreVerb::Set,
        }
    }

    /// Which way an `ma` counts.
    #[must_use]
    pub fn count_verb(&self) -> CountVerb {
        match self.flags.mode() {
            Some(b'D' | b'-') => CountVerb::Decr,
            _ => CountVerb::Incr,
        }
    }
}

impl MetaVerb {
    /// memcached's answer to too many flags, which it words in two ways.
    const fn too_many(self) -> &'static str {
        match self {
            Self::Get => "CLIENT_ERROR options flags are too long",
            Self::Set | Self::Delete | Self::Arithmetic => "CLIENT_ERROR options flags too long",
        }
    }

    /// memcached's answer to a wrong flag, where `said` is its more exact one.
    const fn wrong_flag(self, said: &'static str) -> &'static str {
        match self {
            Self::Get | Self::Set => said,
            Self::Delete | Self::Arithmetic => "CLIENT_ERROR invalid or duplicate flag",
        }
    }

    /// What is wrong with a mode, if anything. Commands without modes ignore it.
    const fn wrong_mode(self, mode: Option<u8>) -> Option<&'static str> {
        match (self, mode) {
            (Self::Set, Some(b'E' | b'A' | b'P' | b'R' | b'S')) => None,
            (Self::Set, Some(_)) => Some("CLIENT_ERROR invalid mode for ms M token"),
            (Self::Arithmetic, Some(b'I' | b'+' | b'D' | b'-')) => None,
            (Self::Arithmetic, Some(_)) => Some("CLIENT_ERROR invalid mode for ma M token"),
            _ => None,
        }
    }
}

/// `<verb> <key> <flag>*`.
pub(super) fn decode<'a>(line: &Line<'a>, verb: MetaVerb, limits: &Limits) -> Decoded<'a> {
    let words = line.words();
    if words.count() == 1 {
        return line.refused(ERROR);
    }
    match parts(line, words.at(1), verb, limits.edition) {
        Ok((key, flags)) => line.request(Request::Meta(MetaRequest { verb, key, flags, value: b"" })),
        Err(answer) => line.refused(answer),
    }
}

/// `ms <key> <bytes> <flag>*`; `behind` is what has come behind its line.
pub(super) fn decode_set<'a>(line: &Line<'a>, behind: &'a [u8], limits: &Limits) -> Decoded<'a> {
    let words = line.words();
    if words.count() == 1 {
        return line.refused(ERROR);
    }
    let verb = MetaVerb::Set;
    let parts = parts(line, words.at(1), verb, limits.edition);
    let body_bytes = match store::body_length(words.at(2)) {
        Length::Known(bytes) => bytes,
        Length::Negative => return line.refused(BAD_FORMAT),
        Length::Unknown => return store::unknown_length(BAD_FORMAT),
    };
    let (key, flags) = match parts {
        Ok(parts) => parts,
        Err(answer) => return store::refused(line, Answer::Wanted, answer, body_bytes),
    };
    let announced = Announced { body_bytes, answer: Answer::Wanted, forget: Some(key) };
    let request = |value| Request::Meta(MetaRequest { verb, key, flags, value });
    store::body(line, &announced, behind, limits, request)
}

/// The key and the flags of a line, or the answer to them.
fn parts<'a>(
    line: &Line<'a>,
    key: &'a [u8],
    verb: MetaVerb,
    edition: Edition,
) -> Result<(MetaKey<'a>, MetaFlags<'a>), &'static str> {
    let text = Key::new(key).map_err(|_| BAD_FORMAT)?;
    let words_before = if verb == MetaVerb::Set { 3 } else { 2 };
    let behind = words::behind(line.text, words_before);
    let flags = match MetaFlags::check(behind, words_before, text, edition) {
        Ok(flags) => flags,
        Err(Bad::TooMany) => return Err(verb.too_many()),
        Err(Bad::Flag(said)) => return Err(verb.wrong_flag(said)),
    };
    if let Some(said) = verb.wrong_mode(flags.mode()) {
        return Err(said);
    }
    if !flags.opaque_fits() {
        return Err("CLIENT_ERROR opaque token too long");
    }
    let packed = if flags.has(b'b') { MetaKey::base64(text) } else { None };
    Ok((packed.unwrap_or(MetaKey::plain(text)), flags))
}
