//! Replays a trace against a network, read-through: get; on a miss set an object of the trace's size.
//!
//! One thread reads the trace and deals its requests by key to *lanes*; a lane sends one request at a time
//! and waits for its answer (a closed loop), so the requests of one key stay in order. Lanes live on
//! *workers*: threads with a runtime and a set of links each. Queues between reader and lanes are short, so
//! a trace of any length takes the same memory; the price is that a lane held up by a slow peer soon holds
//! up the reader.
//!
//! Of the operations of a trace, `get` and `gets` are read through; `set`, `add`, `replace`, `cas`,
//! `append` and `prepend` are sets of the trace's size; `delete` deletes. `incr` and `decr`, and keys that
//! no cache takes, are skipped and counted, never sent.

mod census;
mod daemons;
mod deal;
mod stop;
mod summary;
mod tally;
mod value;
mod worker;

use crate::progress::{Progress, Snapshot};
use crate::report::Report;
use crate::trace::{Format, Trace, TraceError};
use peercache_client::Client;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::oneshot;

pub use stop::Stop;

/// The most workers: each is a thread and has a connection to every peer.
pub const WORKERS_MAX: usize = 256;

/// The most requests that all workers together keep in flight.
pub const IN_FLIGHT_MAX: usize = 4096;

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What to replay, and how hard.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// The trace's file.
    pub trace: PathBuf,
    /// How it is written; none is told from its name, else from its contents.
    pub format: Option<Format>,
    /// Threads, each with links of its own (default 4); at most [`WORKERS_MAX`].
    pub workers: NonZeroUsize,
    /// Requests that each keeps in flight (default 1), never two of one key.
    pub pipeline: NonZeroUsize,
}

impl ReplayOptions {
    /// `trace` with the defaults.
    #[must_use]
    pub fn new(trace: impl Into<PathBuf>) -> Self {
        let workers = NonZeroUsize::MIN.saturating_add(3);
        Self { trace: trace.into(), format: None, workers, pipeline: NonZeroUsize::MIN }
    }

    fn check(&self) -> Result<(), ReplayError> {
        let (workers, pipeline) = (self.workers.get(), self.pipeline.get());
        if workers > WORKERS_MAX {
            return Err(ReplayError::TooManyWorkers { workers });
        }
        if pipeline.saturating_mul(workers) > IN_FLIGHT_MAX {
            return Err(ReplayError::TooManyInFlight { workers, pipeline });
        }
        Ok(())
    }
}

/// Why there is no report. Only the last two happen after something was sent.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The trace cannot be replayed. Nothing was sent.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// Nothing was sent.
    #[error("{workers} workers are too many: the limit is {WORKERS_MAX}")]
    TooManyWorkers {
        /// As many as were asked for.
        workers: usize,
    },
    /// Nothing was sent.
    #[error(
        "{workers} workers with {pipeline} requests each are too many: \
         at most {IN_FLIGHT_MAX} requests are kept in flight in all"
    )]
    TooManyInFlight {
        /// As many as were asked for.
        workers: usize,
        /// Requests for each.
        pipeline: usize,
    },
    /// Nothing was sent.
    #[error("the network {network} has no peers; add one with `peercache network add {network} ID`")]
    NoPeers {
        /// Its name.
        network: String,
    },
    /// The operating system gave no thread or no runtime; what runs already is stopped.
    #[error("cannot start a worker: {0}; try fewer workers")]
    Thread(#[source] io::Error),
    /// A thread ended without its result, which is a bug; its panic is on standard error. The others are
    /// stopped.
    #[error("a thread of the replay panicked; what it sent is not known")]
    ThreadLost,
}

/// Replays `options.trace` through `client`'s network and reports what happened.
///
/// The load runs on threads of its own, each with links of its own; the caller's tokio runtime (time and IO
/// enabled) asks the daemons for their counters before and after, and tells `progress`. A trace that turns
/// out bad half-way, and `stop`, end the load early: the report then says why in [`Report::stopped`].
/// Dropping the future ends the load too.
///
/// # Errors
/// [`ReplayError`].
pub async fn run(
    client: Client,
    options: &ReplayOptions,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Report, ReplayError> {
    options.check()?;
    let trace = Trace::open(&options.trace, options.format)?;
    let topology = client.topology();
    if topology.peers().is_empty() {
        return Err(ReplayError::NoPeers { network: topology.name().to_string() });
    }
    let started = jiff::Timestamp::now();
    let frame = summary::Frame::new(options, &trace, topology, started);
    // By clients of their own, whose connections are gone while the load runs and when it has.
    let before = daemons::read(&client.worker()).await;
    let (dealt, tally) = load(&client, options, trace, progress, &stop.child()).await?;
    let after = daemons::read(&client.worker()).await;
    let is_done = dealt.is_whole && dealt.requests == tally.requests;
    assert!(is_done || dealt.error.is_some() || stop.is_stopped(), "every request dealt has an outcome");
    let stopped = match dealt.error {
        Some(error) => Some(error.to_string()),
        None => (!is_done).then(|| "stopped before the end of the trace".to_owned()),
    };
    Ok(summary::build(frame, stopped, tally, daemons::deltas(before, after)))
}

/// Runs the whole load and waits for its end.
async fn load(
    client: &Client,
    options: &ReplayOptions,
    trace: Trace,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<(deal::Dealt, tally::Tally), ReplayError> {
    // Whatever ends this function, a dropped future among them, ends the threads.
    let _end = stop.on_drop();
    let setting = worker::Setting::new(client, options, stop);
    let (mut to_lanes, mut tallies, mut counters) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..options.workers.get() {
        let started = worker::start(&setting, number).map_err(ReplayError::Thread)?;
        to_lanes.extend(started.to_lanes);
        tallies.push(started.tally);
        counters.push(started.counters);
    }
    let bytes_read = Arc::new(AtomicU64::new(0));
    let watch = Watch {
        counters,
        bytes_read: Arc::clone(&bytes_read),
        requests_total: trace.requests_total(),
        bytes_total: trace.bytes_total(),
        started: Instant::now(),
    };
    let dealt = deal::start(trace, to_lanes, stop.clone(), bytes_read).map_err(ReplayError::Thread)?;
    let result = watch.until(progress, finish(dealt, tallies)).await;
    progress.update(&watch.snapshot());
    result
}

async fn finish(
    dealt: oneshot::Receiver<deal::Dealt>,
    tallies: Vec<oneshot::Receiver<io::Result<tally::Tally>>>,
) -> Result<(deal::Dealt, tally::Tally), ReplayError> {
    let mut total = None::<tally::Tally>;
    for tally in tallies {
        let tally = tally.await.map_err(|_| ReplayError::ThreadLost)?.map_err(ReplayError::Thread)?;
        match &mut total {
            Some(total) => total.merge(tally),
            None => total = Some(tally),
        }
    }
    let dealt = dealt.await.map_err(|_| ReplayError::ThreadLost)?;
    Ok((dealt, total.expect("there is at least one worker")))
}

/// What progress is read from.
struct Watch {
    counters: Vec<Arc<tally::Counters>>,
    bytes_read: Arc<AtomicU64>,
    requests_total: Option<u64>,
    bytes_total: u64,
    started: Instant,
}

impl Watch {
    /// Waits for `work` and tells `progress` meanwhile.
    async fn until<T>(&self, progress: &dyn Progress, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut tick = tokio::time::interval(PROGRESS_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                result = &mut work => return result,
                _ = tick.tick() => progress.update(&self.snapshot()),
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let sum = |of: fn(&tally::Counters) -> &AtomicU64| {
            self.counters.iter().map(|counters| of(counters).load(Ordering::Relaxed)).sum()
        };
        Snapshot {
            requests: sum(|counters| &counters.requests),
            requests_total: self.requests_total,
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            bytes_total: self.bytes_total,
            hits: sum(|counters| &counters.hits),
            misses: sum(|counters| &counters.misses),
            errors: sum(|counters| &counters.errors),
            elapsed: self.started.elapsed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(workers: usize, pipeline: usize) -> ReplayOptions {
        let number = |number| NonZeroUsize::new(number).unwrap();
        ReplayOptions { workers: number(workers), pipeline: number(pipeline), ..ReplayOptions::new("t") }
    }

    #[test]
    fn numbers_over_the_limits_are_refused_by_name() {
        assert!(options(256, 16).check().is_ok());
        let error = options(257, 1).check().unwrap_err().to_string();
        assert!(error.contains("257 workers") && error.contains("256"), "{error}");
        let error = options(256, 17).check().unwrap_err().to_string();
        assert!(error.contains("17 requests") && error.contains("4096"), "{error}");
        assert!(options(2, usize::MAX).check().is_err());
    }

    #[test]
    fn the_defaults_are_four_workers_with_one_request_each() {
        let options = ReplayOptions::new("t");
        assert_eq!((options.workers.get(), options.pipeline.get(), options.format), (4, 1, None));
    }
}
