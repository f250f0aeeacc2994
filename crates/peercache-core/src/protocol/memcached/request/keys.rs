//! The keys of a multiget, left where they came in.

use super::words;
use crate::key::{Key, KeyError};

/// Keys that stand in a line, separated by spaces. All of them were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys<'a>(&'a [u8]);

impl<'a> Keys<'a> {
    /// The words of `line` behind its first `skip` ones.
    ///
    /// # Errors
    /// One of them is not a key.
    pub(super) fn behind(line: &'a [u8], skip: usize) -> Result<Self, KeyError> {
        let rest = words::behind(line, skip);
        words::split(rest).try_for_each(|word| Key::new(word).map(drop))?;
        Ok(Self(rest))
    }

    /// The keys, in the client's order, as often as it named them.
    pub fn iter(self) -> impl Iterator<Item = Key<'a>> {
        words::split(self.0).filter_map(|word| Key::new(word).ok())
    }
}
