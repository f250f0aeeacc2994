//! How long to leave a peer alone that does not answer (P-26).

use core::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const MAX: Duration = Duration::from_secs(10);

/// Waits that grow by half each time, from 200 ms to 10 s, each with up to a quarter more by chance, so that
/// many who lost a peer together do not knock together.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The next wait; `chance` is from 0 to 1.
    pub fn wait(&mut self, chance: f64) -> Duration {
        let wait = self.next;
        self.next = (wait * 3 / 2).min(MAX);
        wait.mul_f64(1.0 + chance.clamp(0.0, 1.0) / 4.0)
    }

    /// The peer answered: the next wait is short again.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn p26_waits_grow_to_a_bound_and_begin_anew() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..20).map(|_| backoff.wait(0.0)).collect();
        assert_eq!((waits[0], waits[1], waits[19]), (FIRST, FIRST * 3 / 2, MAX));
        assert_eq!(backoff.wait(1.0), MAX * 5 / 4, "by chance it is up to a quarter longer");
        backoff.reset();
        assert_eq!(backoff.wait(0.0), FIRST);
    }
}
