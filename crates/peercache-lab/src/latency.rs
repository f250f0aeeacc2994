//! How long operations took, as histograms that can be merged.
//!
//! Each lane of a replay records into its own [`Latency`], and the report reads one that all of them were
//! added to: a percentile of a whole run is never an average of averages. Values keep three significant
//! figures from 1 ns to [`LATENCY_NS_MAX`]; what took longer counts as that.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest latency that is told apart: one minute, 60 times the deadline of a request.
pub const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// The latencies of one kind of operation.
#[derive(Debug, Clone)]
pub struct Latency(Histogram<u64>);

impl Latency {
    /// No latency yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Histogram::new_with_max(LATENCY_NS_MAX, 3).expect("the bounds are hdrhistogram's own"))
    }

    /// Notes that one operation took `took`.
    pub fn record(&mut self, took: Duration) {
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(LATENCY_NS_MAX);
        self.0.saturating_record(took_ns);
    }

    /// Adds what another lane recorded.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("every latency has the same bounds");
    }

    /// The percentiles, or nothing where nothing was recorded.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        let count = self.0.len();
        let at = |quantile| to_us(self.0.value_at_quantile(quantile));
        (count > 0).then(|| Percentiles {
            count,
            p50_us: at(0.50),
            p95_us: at(0.95),
            p99_us: at(0.99),
            p99_9_us: at(0.999),
            max_us: to_us(self.0.max()),
        })
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

fn to_us(ns: u64) -> f64 {
    // Tenths are more than three significant figures need, and keep the JSON readable.
    (ns as f64 / 100.0).round() / 10.0
}

/// What an operation took, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many operations were measured, failed ones among them.
    pub count: u64,
    /// Half of them took at most this.
    pub p50_us: f64,
    /// 95 % took at most this.
    pub p95_us: f64,
    /// 99 % took at most this.
    pub p99_us: f64,
    /// 99.9 % took at most this.
    pub p99_9_us: f64,
    /// The longest.
    pub max_us: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_lanes_are_those_of_all_their_operations() {
        // One lane is fast, one slow: an average of their medians would be 2,525 µs.
        let (mut fast, mut slow) = (Latency::new(), Latency::new());
        for us in 1..=9_900 {
            fast.record(Duration::from_micros(us % 100 + 1));
        }
        for _ in 0..100 {
            slow.record(Duration::from_millis(5));
        }
        fast.merge(&slow);
        let read = fast.percentiles().unwrap();
        assert_eq!(read.count, 10_000);
        assert!((50.0..=52.0).contains(&read.p50_us), "{read:?}");
        assert!(read.p99_us <= 101.0 && (4_990.0..=5_010.0).contains(&read.p99_9_us), "{read:?}");
        assert!((4_990.0..=5_010.0).contains(&read.max_us), "{read:?}");
    }

    #[test]
    fn nothing_recorded_has_no_percentiles_and_nothing_is_too_long_to_record() {
        let mut latency = Latency::new();
        assert_eq!(latency.percentiles(), None);
        latency.record(Duration::MAX);
        let read = latency.percentiles().unwrap();
        assert!((59_900_000.0..=60_100_000.0).contains(&read.max_us), "{read:?}");
    }
}
