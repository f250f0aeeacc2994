//! The words of a line: what stands between spaces. Other white space is part of a word, as in memcached.

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
        let mut count = 0;
        for (place, word) in first.iter_mut().zip(split(line)) {
            *place = word;
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

/// What is left of a line without its first `skip` words.
pub(super) fn behind(line: &[u8], skip: usize) -> &[u8] {
    (0..skip).fold(line, |rest, _| {
        let start = rest.iter().position(|&byte| byte != b' ').unwrap_or(rest.len());
        let word = &rest[start..];
        let end = word.iter().position(|&byte| byte == b' ').unwrap_or(word.len());
        &word[end..]
    })
}
