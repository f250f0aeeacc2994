//! The words of a line: what stands between spaces. Other white space is part of a word, as in memcached.
//!
//! Every request and most answers are taken apart here, so this is written for short words.

use core::iter;

/// As many words as the longest command of fixed length has, and one more to notice that there are too many.
const WORDS_MAX: usize = 8;

/// The first words of a line, and how many there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    first: [&'a [u8]; WORDS_MAX],
    count: usize,
}

impl<'a> Words<'a> {
    /// Counts up to [`WORDS_MAX`]; a longer line is too long for every command that counts.
    pub(super) fn of(line: &'a [u8]) -> Self {
        let mut words = Self { first: [b""; WORDS_MAX], count: 0 };
        for (place, word) in words.first.iter_mut().zip(split(line)) {
            *place = word;
            words.count += 1;
        }
        words
    }

    /// The word at `index`, or nothing.
    pub(super) fn at(&self, index: usize) -> &'a [u8] {
        self.first.get(index).copied().unwrap_or_default()
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    pub(super) fn last(&self) -> &'a [u8] {
        self.at(self.count.saturating_sub(1))
    }
}

/// All words of `line`.
#[inline]
pub(super) fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line;
    iter::from_fn(move || {
        let (word, behind) = next(rest);
        rest = behind;
        (!word.is_empty()).then_some(word)
    })
}

/// The first word of `line`, and what is behind it; an empty word if there is none.
#[inline]
pub(super) fn next(line: &[u8]) -> (&[u8], &[u8]) {
    let start = line.iter().position(|&byte| byte != b' ').unwrap_or(line.len());
    let word = &line[start..];
    word.split_at(space(word).unwrap_or(word.len()))
}

/// Where the first space is. Words are short, so eight bytes at a time beat a search that is made for more.
#[inline]
pub(super) fn space(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH_BITS: u64 = ONES << 7;
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk() {
        let others = u64::from_le_bytes(*eight) ^ (ONES * b' ' as u64);
        // The lowest bit that is set belongs to the first byte that is zero here: a space there.
        let zeros = others.wrapping_sub(ONES) & !others & HIGH_BITS;
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    bytes[at..].iter().position(|&byte| byte == b' ').map(|further| at + further)
}

/// What is left of a line without its first `skip` words.
pub(super) fn behind(line: &[u8], skip: usize) -> &[u8] {
    (0..skip).fold(line, |rest, _| next(rest).1)
}

#[cfg(test)]
mod tests {
    use super::{Words, space, split};
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::{Just, any, prop, prop_assert_eq, prop_oneof, proptest};

    #[test]
    fn a_space_is_found_wherever_it_is_and_whatever_is_around_it() {
        for around in [0, b'!', b'a', 0x7f, 0x80, 0xa0, 0xff, 0x1f] {
            for len in 0..20 {
                let mut bytes = vec![around; len];
                assert_eq!(space(&bytes), None);
                for at in (0..len).rev() {
                    bytes[at] = b' ';
                    assert_eq!(space(&bytes), Some(at), "{around} {len}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn words_are_what_stands_between_spaces(
            line in prop::collection::vec(
                prop_oneof![3 => Just(b' '), 6 => Just(b'a'), 1 => any::<u8>()],
                0..70,
            ),
        ) {
            let expected: Vec<_> = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect();
            prop_assert_eq!(&split(&line).collect::<Vec<_>>(), &expected);
            let words = Words::of(&line);
            prop_assert_eq!(words.count(), expected.len().min(8));
            for (index, word) in expected.into_iter().enumerate().take(words.count()) {
                prop_assert_eq!(words.at(index), word);
            }
        }
    }
}
