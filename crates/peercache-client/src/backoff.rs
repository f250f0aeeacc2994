//! How long to leave a peer alone that does not answer (P-26).

use std::time::Duration;

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
    /// The next wait.
    pub fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 3 / 2).min(MAX);
        wait.mul_f64(1.0 + rand::random::<f64>() / 4.0)
    }

    /// The peer answered: the next wait is short again.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_begin_anew() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..20).map(|_| backoff.wait()).collect();
        assert!(waits[0] >= FIRST && waits[0] <= FIRST * 5 / 4);
        assert!(waits[3] > waits[0]);
        assert!(waits.iter().all(|&wait| wait <= MAX * 5 / 4) && waits[19] >= MAX);
        backoff.reset();
        assert!(backoff.wait() <= FIRST * 5 / 4);
    }
}
