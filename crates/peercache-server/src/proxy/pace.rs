//! How much is asked of peers at once for one client, by the size of what was answered before.
//!
//! A thousand small answers in flight cost nothing and save round trips. A thousand of a megabyte would cost
//! a gigabyte before the client has taken the first, because peers answer faster than clients read.

/// Bytes of answers that may be on their way at once, as far as sizes can be foretold.
const BYTES_AT_ONCE: usize = 4 << 20;

/// However large answers are, so many are asked at once: a peer must not wait for the client.
const AT_ONCE_MIN: usize = 2;

/// An estimate of the next answer's size, and what follows from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    answer_bytes: usize,
    at_once: usize,
    at_once_max: usize,
}

impl Pace {
    /// A pace that begins with `at_once`, while nothing is known, and goes up to `at_once_max`.
    pub(crate) fn new(at_once: usize, at_once_max: usize) -> Self {
        Self { answer_bytes: BYTES_AT_ONCE / at_once, at_once, at_once_max }
    }

    /// This pace, for somebody who may meet the same answers where `newcomer` knows of none: as careful as
    /// either.
    pub(crate) fn beside(&self, newcomer: Self) -> Self {
        if self.answer_bytes > newcomer.answer_bytes { *self } else { newcomer }
    }

    /// How many answers may be on their way.
    #[inline]
    pub(crate) fn at_once(&self) -> usize {
        self.at_once
    }

    /// An answer had so many bytes. A large one counts at once, small ones by and by: an eighth of the way.
    #[inline]
    pub(crate) fn note(&mut self, bytes: usize) {
        if self.at_once == self.at_once_max && bytes <= self.answer_bytes {
            return;
        }
        let shrunk = self.answer_bytes - self.answer_bytes.saturating_sub(bytes).div_ceil(8);
        self.answer_bytes = shrunk.max(bytes).max(1);
        self.at_once = (BYTES_AT_ONCE / self.answer_bytes).clamp(AT_ONCE_MIN, self.at_once_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_answers_slow_it_down_at_once_and_small_ones_let_it_go_by_and_by() {
        let mut pace = Pace::new(16, 1024);
        assert_eq!(pace.at_once(), 16);
        pace.note(1 << 20);
        assert_eq!(pace.at_once(), 4);
        pace.note(100);
        assert_eq!(pace.at_once(), 4);
        (0..100).for_each(|_| pace.note(100));
        assert_eq!(pace.at_once(), 1024);
        pace.note(100 << 20);
        assert_eq!(pace.at_once(), AT_ONCE_MIN);
    }

    #[test]
    fn a_newcomer_is_as_careful_as_the_others_and_no_faster() {
        let newcomer = Pace::new(16, 1024);
        let mut known = newcomer;
        (0..100).for_each(|_| known.note(100));
        assert_eq!(known.beside(newcomer).at_once(), 16);
        known.note(1 << 20);
        assert_eq!(known.beside(newcomer).at_once(), 4);
    }

    #[test]
    fn once_it_is_fast_answers_that_fit_leave_it_so() {
        let mut pace = Pace::new(64, 256);
        (0..100).for_each(|_| pace.note(0));
        assert_eq!(pace.at_once(), 256);
        pace.note(16 << 10);
        assert_eq!(pace.at_once(), 256);
        pace.note(17 << 10);
        assert!(pace.at_once() < 256);
    }
}
