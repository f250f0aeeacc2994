//! The flags of a meta command.
//!
//! A flag is a letter and, behind some letters, an argument. The set that is accepted, and the words for what
//! is not, are memcached 1.6.18's; it takes every flag with every command and ignores those that mean nothing
//! there. What a flag *does* is not decided here.

use super::super::{BAD_FORMAT, Edition, words};
use super::MetaKey;
use crate::key::Key;
use crate::protocol::memcached::number::{self, unsigned};

/// The most words a meta command's line may have, its verb and key included: memcached's limit of tokens.
const fn words_max(edition: Edition) -> usize {
    match edition {
        Edition::Common => 19,
        Edition::Current => 20,
    }
}

/// The longest `O` with its argument, in bytes.
const OPAQUE_BYTES_MAX: usize = 32;

/// memcached's answer to an argument that is not a number.
const BAD_TOKEN: &str = "CLIENT_ERROR bad token in command line format";

/// Flags that stand in a line, separated by spaces. All of them were checked, and no letter is there twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetaFlags<'a> {
    text: &'a [u8],
    seen: Letters,
}

/// What is wrong with flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    /// There are more than a line may have.
    TooMany,
    /// One of them; the answer to it.
    Flag(&'static str),
}

impl<'a> MetaFlags<'a> {
    /// The flags in `text`, which follows `words_before` other words in its line, `key` among them.
    pub(super) fn check(
        text: &'a [u8],
        words_before: usize,
        key: Key<'_>,
        edition: Edition,
    ) -> Result<Self, Bad> {
        let (mut seen, mut wrong) = (Letters::default(), None);
        let (mut words, mut refused) = (words_before, None);
        for word in words::split(text) {
            words += 1;
            if words > words_max(edition) {
                return Err(Bad::TooMany);
            }
            if refused.is_some() {
                continue;
            }
            // Like memcached: a wrong letter ends it, of several wrong arguments the last one is told.
            match check_word(word, seen, key, edition) {
                Checked::Fine => {}
                Checked::Wrong(words) => wrong = Some(words),
                Checked::WrongWithoutWords => wrong = wrong.or(Some(BAD_FORMAT)),
                Checked::Refused(words) => refused = Some(words),
            }
            seen.add(word[0]);
        }
        let wrong = refused.or(wrong);
        wrong.map_or(Ok(Self { text, seen }), |words| Err(Bad::Flag(words)))
    }

    /// The letters with their arguments, which may be empty, in the client's order.
    pub fn iter(self) -> impl Iterator<Item = (u8, &'a [u8])> {
        words::split(self.text).map(|word| (word[0], &word[1..]))
    }

    /// Whether `letter` is among them.
    #[must_use]
    pub const fn has(self, letter: u8) -> bool {
        self.seen.has(letter)
    }

    /// The argument of `letter`, if it is among them.
    #[must_use]
    pub fn argument(self, letter: u8) -> Option<&'a [u8]> {
        if !self.has(letter) {
            return None;
        }
        self.iter().find_map(|(other, argument)| (other == letter).then_some(argument))
    }

    /// `q`: the usual answer is not wanted. Which one that is depends on the command.
    #[must_use]
    pub const fn is_quiet(self) -> bool {
        self.has(b'q')
    }

    /// `O`: what comes back with the answer, at most 31 bytes and possibly none.
    #[must_use]
    pub fn opaque(self) -> Option<&'a [u8]> {
        self.argument(b'O')
    }

    /// `C`: the version that the item must have.
    #[must_use]
    pub fn cas_compare(self) -> Option<u64> {
        unsigned(self.argument(b'C')?)
    }

    /// `E`: the version that the item gets.
    #[must_use]
    pub fn version(self) -> Option<u64> {
        unsigned(self.argument(b'E')?)
    }

    /// `M`: the mode; one byte, checked for commands that have modes.
    #[must_use]
    pub fn mode(self) -> Option<u8> {
        self.argument(b'M')?.first().copied()
    }

    /// `T`: the expiry to give, as in [`Request::Store`](super::Request::Store).
    #[must_use]
    pub fn exptime(self) -> Option<i64> {
        number::exptime(self.argument(b'T')?)
    }

    /// `N`: create what is missing, with this expiry.
    #[must_use]
    pub fn autoviv_exptime(self) -> Option<i64> {
        number::exptime(self.argument(b'N')?)
    }

    /// `R`: let one client renew what expires before this.
    #[must_use]
    pub fn recache_exptime(self) -> Option<i64> {
        number::exptime(self.argument(b'R')?)
    }

    /// `F`: the flags to store with the value.
    #[must_use]
    pub fn client_flags(self) -> Option<u32> {
        u32::try_from(unsigned(self.argument(b'F')?)?).ok()
    }

    /// `D`: by how much to count; 1 where it is not said.
    #[must_use]
    pub fn delta(self) -> Option<u64> {
        unsigned(self.argument(b'D')?)
    }

    /// `J`: what a created counter begins with; 0 where it is not said.
    #[must_use]
    pub fn initial(self) -> Option<u64> {
        unsigned(self.argument(b'J')?)
    }

    /// Whether `O` and its argument are short enough. memcached looks at it later than at all others.
    pub(super) fn opaque_fits(self) -> bool {
        self.opaque().is_none_or(|opaque| opaque.len() < OPAQUE_BYTES_MAX)
    }
}

/// What memcached has learnt since: `E`, a version to give, and `x`, to drop the value only.
const fn is_newer(letter: u8) -> bool {
    matches!(letter, b'E' | b'x')
}

const fn is_known(letter: u8) -> bool {
    matches!(
        letter,
        b'b' | b'c'
            | b'f'
            | b'h'
            | b'k'
            | b'l'
            | b'q'
            | b's'
            | b't'
            | b'u'
            | b'v'
            | b'C'
            | b'D'
            | b'F'
            | b'I'
            | b'J'
            | b'L'
            | b'M'
            | b'N'
            | b'O'
            | b'P'
            | b'R'
            | b'T'
    )
}

enum Checked {
    Fine,
    /// The argument is wrong, which may still be told in the words of another one.
    Wrong(&'static str),
    /// memcached notes that the argument is wrong and has no words for it.
    WrongWithoutWords,
    /// Nothing behind this is looked at.
    Refused(&'static str),
}

fn check_word(word: &[u8], seen: Letters, key: Key<'_>, edition: Edition) -> Checked {
    let (letter, argument) = (word[0], &word[1..]);
    if letter >= 127 || seen.has(letter) {
        return Checked::Refused("CLIENT_ERROR duplicate flag");
    }
    let is_known = is_known(letter) || (edition == Edition::Current && is_newer(letter));
    if !is_known {
        return Checked::Refused("CLIENT_ERROR invalid flag");
    }
    if argument.iter().any(u8::is_ascii_control) {
        // memcached ends the line at a zero byte, so it and a proxy would read different flags.
        return Checked::Refused(BAD_FORMAT);
    }
    let (fits, words) = match letter {
        b'b' => (MetaKey::base64(key).is_some(), "CLIENT_ERROR error decoding key"),
        b'N' | b'T' | b'R' => (number::exptime(argument).is_some(), BAD_TOKEN),
        b'C' | b'E' => (unsigned(argument).is_some(), BAD_TOKEN),
        b'M' => (argument.len() == 1, "CLIENT_ERROR incorrect length for M token"),
        b'J' => (unsigned(argument).is_some(), "CLIENT_ERROR invalid numeric initial value"),
        b'D' => (unsigned(argument).is_some(), "CLIENT_ERROR invalid numeric delta value"),
        b'F' if unsigned(argument).is_none_or(|flags| u32::try_from(flags).is_err()) => {
            return Checked::WrongWithoutWords;
        }
        _ => return Checked::Fine,
    };
    if fits { Checked::Fine } else { Checked::Wrong(words) }
}

/// A set of ASCII letters: a bit for each byte from `@` to the end of ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Letters(u64);

impl Letters {
    const fn has(self, letter: u8) -> bool {
        letter & 0xc0 == 0x40 && self.0 & (1 << (letter & 0x3f)) != 0
    }

    /// Means something only for a letter that [`is_known`]: behind any other nothing is looked at.
    const fn add(&mut self, letter: u8) {
        self.0 |= 1 << (letter & 0x3f);
    }
}
