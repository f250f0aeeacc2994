//! The keys of a multiget, left where they came in.

use super::words;
use crate::key::{Key, KeyError};

/// Keys that stand in a line, separated by spaces. All of them were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys<'a> {
    text: &'a [u8],
    count: usize,
}

impl<'a> Keys<'a> {
    /// The words of `text`.
    ///
    /// # Errors
    /// One of them is not a key.
    pub(super) fn of(text: &'a [u8]) -> Result<Self, KeyError> {
        let text = text.strip_prefix(b" ").unwrap_or(text);
        // Most lines have one key and nothing around it, and then it is looked at once.
        if Key::new(text).is_ok() {
            return Ok(Self { text, count: 1 });
        }
        let count = words::split(text).try_fold(0, |count, word| Key::new(word).map(|_| count + 1))?;
        Ok(Self { text, count })
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> usize {
        self.count
    }

    /// The keys, in the client's order, as often as it named them.
    pub fn iter(self) -> impl Iterator<Item = Key<'a>> {
        words::split(self.text).map(Key::known)
    }

    /// The one key, if there is one and no other.
    #[must_use]
    #[inline]
    pub fn single(self) -> Option<Key<'a>> {
        if self.count == 1 { Some(Key::known(words::next(self.text).0)) } else { None }
    }
}
