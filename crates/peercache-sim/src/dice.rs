//! Everything that a run leaves to chance, from one seed: the same seed throws the same dice in every
//! process and on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::ops::Range;
use std::time::Duration;

/// A seeded source of choices.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number of `range`, which must not be empty. The small bias of the remainder harms nobody here.
    pub(crate) fn number(&mut self, range: Range<u64>) -> u64 {
        range.start + self.0.next_u64() % (range.end - range.start)
    }

    /// An index into something of length `len`, which must not be 0.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.number(0..len as u64) as usize
    }

    /// One of `choices`, of which there must be one.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// True `percent` times of a hundred.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.number(0..100) < percent
    }

    /// A duration of the range, in whole microseconds.
    pub(crate) fn duration(&mut self, range: Range<Duration>) -> Duration {
        Duration::from_micros(self.number(range.start.as_micros() as u64..range.end.as_micros() as u64))
    }

    /// Brings `items` into an order of chance.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}
