//! The words of a line: what stands between spaces. Other white space is part of a word, as in memcached.
//!
//! Every request and most answers are taken apart here, so this is written for short lines and short words.

use core::iter;

/// As many words as the longest command of fixed length has, and one more to notice that there are too many.
const WORDS_MAX: usize = 8;

/// A line of fewer bytes is short: each has a bit, and one is left for the end.
const SHORT_BYTES_END: usize = u64::BITS as usize;

/// The first words of a line, and how many there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    line: &'a [u8],
    /// Where each begins and ends.
    bounds: [(u32, u32); WORDS_MAX],
    count: usize,
}

impl<'a> Words<'a> {
    /// Counts up to [`WORDS_MAX`]; a longer line is too long for every command that counts.
    #[inline]
    pub(super) fn of(line: &'a [u8]) -> Self {
        let mut words = Self { line, bounds: [(0, 0); WORDS_MAX], count: 0 };
        match Spaces::of(line) {
            Some(spaces) => words.take(spaces),
            None => words.take(bounds(line)),
        }
        words
    }

    #[inline]
    fn take(&mut self, bounds: impl Iterator<Item = (u32, u32)>) {
        for (place, found) in self.bounds.iter_mut().zip(bounds) {
            *place = found;
            self.count += 1;
        }
    }

    /// The word at `index`, or nothing.
    #[inline]
    pub(super) fn at(&self, index: usize) -> &'a [u8] {
        let (start, end) = self.bounds.get(index).copied().unwrap_or_default();
        self.line.get(start as usize..end as usize).unwrap_or_default()
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    pub(super) fn last(&self) -> &'a [u8] {
        self.at(self.count.saturating_sub(1))
    }
}

/// Where the words of a line begin and end.
fn bounds(line: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    let mut rest = line;
    iter::from_fn(move || {
        let (word, behind) = next(rest);
        rest = behind;
        let end = (line.len() - rest.len()) as u32;
        (!word.is_empty()).then_some((end - word.len() as u32, end))
    })
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

/// The spaces of a line that is so short that they are the bits of one number; gives the words between them.
struct Spaces {
    /// A bit for each byte that is a space or behind the end of the line.
    bits: u64,
    /// How many bytes the line has, and how many were looked at.
    len: u32,
    at: u32,
}

impl Spaces {
    #[inline]
    fn of(line: &[u8]) -> Option<Self> {
        if line.len() >= SHORT_BYTES_END {
            return None;
        }
        let mut bits = u64::MAX << line.len();
        let (eights, rest) = line.as_chunks();
        for (index, eight) in eights.iter().enumerate() {
            bits |= spaces_in(*eight) << (8 * index);
        }
        match line.last_chunk() {
            // Some of these were looked at before, which costs less than to look at the others one by one.
            Some(last) => bits |= spaces_in(*last) << (line.len() - last.len()),
            None => rest.iter().enumerate().for_each(|(at, &byte)| bits |= u64::from(byte == b' ') << at),
        }
        Some(Self { bits, len: line.len() as u32, at: 0 })
    }
}

impl Iterator for Spaces {
    type Item = (u32, u32);

    #[inline]
    fn next(&mut self) -> Option<(u32, u32)> {
        // The highest bit is always set, so what is shifted is never nothing.
        let start = self.at + (!self.bits >> self.at).trailing_zeros();
        if start >= self.len {
            return None;
        }
        self.at = start + (self.bits >> start).trailing_zeros();
        Some((start, self.at))
    }
}

/// Which of eight bytes are spaces: the lowest bit is for the first of them.
#[inline]
fn spaces_in(eight: [u8; 8]) -> u64 {
    const LOW_BITS: u64 = u64::MAX / 255 * 0x7f;
    /// Moves the highest bit of each byte to its place among the upper eight bits.
    const GATHER: u64 = 0x0002_0408_1020_4081;
    let others = u64::from_le_bytes(eight) ^ (u64::MAX / 255 * b' ' as u64);
    // The highest bit of a byte is set where any bit of it is; no byte adds to the next one.
    let is_other = ((others & LOW_BITS) + LOW_BITS) | others;
    (!is_other & !LOW_BITS).wrapping_mul(GATHER) >> 56
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
    use super::{SHORT_BYTES_END, Words, space, split};
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
                0..SHORT_BYTES_END + 9,
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
