//! What one run of the generator came to.

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::time::Duration;

/// The longest latency that is told apart, which is far above any time-out.
const LATENCY_NANOS_MAX: u64 = 60_000_000_000;

/// Counts and latencies.
#[derive(Debug)]
pub(super) struct Tally {
    requests: u64,
    misses: u64,
    errors: u64,
    latencies: Histogram<u64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        let latencies = Histogram::new_with_bounds(1, LATENCY_NANOS_MAX, 3);
        Self { requests: 0, misses: 0, errors: 0, latencies: latencies.expect("the bounds are in order") }
    }

    /// One answer came.
    pub(super) fn answered(&mut self, latency: Duration, missing: usize, right: bool) {
        self.requests += 1;
        self.misses += missing as u64;
        self.errors += u64::from(!right);
        self.latencies.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Requests that were never answered, and connections that broke.
    pub(super) fn failed(&mut self, count: usize) {
        self.errors += count as u64;
    }

    /// One document for whoever started the run.
    pub(super) fn to_json(&self, took: Duration, busy: Duration) -> Value {
        let micros = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1000.0;
        json!({
            "requests": self.requests,
            "misses": self.misses,
            "errors": self.errors,
            "seconds": took.as_secs_f64(),
            "busy_seconds": busy.as_secs_f64(),
            "p50_us": micros(0.5),
            "p99_us": micros(0.99),
        })
    }
}
