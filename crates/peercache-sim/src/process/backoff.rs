//! How long to leave a peer alone that does not answer: the client crate's `Backoff`, with dice instead of
//! chance.

use crate::dice::Dice;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The next wait: half as long again each time, and up to a quarter more by chance.
    pub(super) fn wait(&mut self, dice: &mut Dice) -> Duration {
        let wait = self.next;
        self.next = (wait * 3 / 2).min(MAX);
        wait.mul_f64(1.0 + dice.number(0..250) as f64 / 1000.0)
    }

    /// The peer answered: the next wait is short again.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }
}
