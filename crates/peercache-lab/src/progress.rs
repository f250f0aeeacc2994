//! How far a run is, told to whoever draws it. Nothing here knows a terminal.

use std::time::Duration;

/// Told how far a run is, about ten times a second and once at its end.
pub trait Progress: Send + Sync {
    /// Shows `at`; should return at once.
    fn update(&self, at: &Snapshot);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn update(&self, _at: &Snapshot) {}
}

/// How far a run is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Requests of the trace that are done, skipped ones among them.
    pub requests: u64,
    /// Requests that the trace has, where its format tells.
    pub requests_total: Option<u64>,
    /// Bytes of the trace that were read; a little ahead of what is done.
    pub bytes_read: u64,
    /// Bytes that the trace has.
    pub bytes_total: u64,
    /// Hits so far.
    pub hits: u64,
    /// Misses so far.
    pub misses: u64,
    /// Errors so far.
    pub errors: u64,
    /// Time since the start.
    pub elapsed: Duration,
}

impl Snapshot {
    /// The part that is done, from 0 to 1.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        let (done, total) = match self.requests_total {
            Some(total) => (self.requests, total),
            None => (self.bytes_read, self.bytes_total),
        };
        if total == 0 { 1.0 } else { (done as f64 / total as f64).min(1.0) }
    }

    /// Requests a second since the start.
    #[must_use]
    pub fn requests_per_s(&self) -> f64 {
        if self.elapsed.is_zero() { 0.0 } else { self.requests as f64 / self.elapsed.as_secs_f64() }
    }

    /// The time left at the speed so far; nothing is known before the first request is done.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        let fraction = self.fraction();
        let left_s = self.elapsed.as_secs_f64() * (1.0 - fraction) / fraction;
        Duration::try_from_secs_f64(left_s).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(requests: u64, requests_total: Option<u64>) -> Snapshot {
        let elapsed = Duration::from_secs(10);
        let (bytes_read, bytes_total) = (300, 400);
        Snapshot { requests, requests_total, bytes_read, bytes_total, hits: 0, misses: 0, errors: 0, elapsed }
    }

    #[test]
    fn requests_tell_how_far_it_is_where_their_total_is_known_and_bytes_otherwise() {
        assert_eq!(at(25, Some(100)).fraction(), 0.25);
        assert_eq!(at(25, Some(100)).left(), Some(Duration::from_secs(30)));
        assert_eq!(at(25, None).fraction(), 0.75);
        assert_eq!(at(25, None).requests_per_s(), 2.5);
    }

    #[test]
    fn the_ends_are_no_special_case_for_who_draws() {
        assert_eq!(at(0, Some(100)).left(), None);
        assert_eq!(at(0, Some(0)).fraction(), 1.0);
        assert_eq!(at(100, Some(100)).left(), Some(Duration::ZERO));
        assert_eq!(Snapshot { elapsed: Duration::ZERO, ..at(0, None) }.requests_per_s(), 0.0);
    }
}
