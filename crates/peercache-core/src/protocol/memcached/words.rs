//! The words of a line: what stands between spaces. Other white space is part of a word, as in memcached.
//!
//! Every request and most answers are taken apart here, so this is written for short words.

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
        let mut first: [&[u8]; WORDS_MAX] = [b""; WORDS_MAX];
        let (mut count, mut rest) = (0, line);
        while count < WORDS_MAX {
            let (word, behind) = next(rest);
            if word.is_empty() {
                break;
            }
            (first[count], rest) = (word, behind);
            count += 1;
        }
        Self { first, count }
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
pub(super) fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b' ').filter(|word| !word.is_empty())
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
fn space(bytes: &[u8]) -> Option<usize> {
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
    use super::space;
    use alloc::vec;

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
}
