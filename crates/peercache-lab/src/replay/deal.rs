//! The reader: deals the requests of a trace to lanes, by key.
//!
//! Requests travel in batches, because handing over one costs more than reading it.

use super::stop::Stop;
use crate::trace::{Request, Trace, TraceError};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Requests that are handed over at once.
const BATCH_REQUESTS: usize = 128;

/// Batches that wait in front of a lane; with one being filled and one being sent, four are alive.
const QUEUE_BATCHES: usize = 2;

/// Keeps the dealing independent of the ring, which hashes keys without a seed: else a lane would have
/// the keys of few peers.
const SEED: u64 = 0x7065_6572_6361_6368;

/// A request and its key's hash, which places it on a lane, in the census and in its value.
pub(super) struct Card {
    pub(super) hash: u64,
    pub(super) request: Request,
}

/// A lane's end of its queue.
pub(super) type FromReader = mpsc::Receiver<Vec<Card>>;

/// The reader's end of a lane's queue.
pub(super) type ToLane = mpsc::Sender<Vec<Card>>;

/// A lane's queue.
pub(super) fn queue() -> (ToLane, FromReader) {
    mpsc::channel(QUEUE_BATCHES)
}

/// How the reading ended.
pub(super) struct Dealt {
    /// Requests that were handed over.
    pub(super) requests: u64,
    /// Whether they were all that the trace has.
    pub(super) is_whole: bool,
    /// What is wrong with the trace, if that ended it.
    pub(super) error: Option<TraceError>,
}

/// Deals `trace` to `lanes` on a thread of its own.
pub(super) fn start(
    trace: Trace,
    lanes: Vec<ToLane>,
    stop: Stop,
    bytes_read: Arc<AtomicU64>,
) -> io::Result<oneshot::Receiver<Dealt>> {
    let (done, dealt) = oneshot::channel();
    let deal = move || {
        // Nobody waits where the replay was dropped.
        let _ = done.send(deal(trace, &lanes, &stop, &bytes_read));
    };
    std::thread::Builder::new().name("lab-reader".to_owned()).spawn(deal)?;
    Ok(dealt)
}

fn deal(mut trace: Trace, lanes: &[ToLane], stop: &Stop, bytes_read: &AtomicU64) -> Dealt {
    let mut hands: Vec<Vec<Card>> = lanes.iter().map(|_| Vec::new()).collect();
    let mut dealt = Dealt { requests: 0, is_whole: false, error: None };
    while let Some(next) = trace.next() {
        let request = match next {
            Ok(request) => request,
            Err(error) => {
                dealt.error = Some(error);
                break;
            }
        };
        let hash = xxh3_64_with_seed(&request.key, SEED);
        let lane = (hash % lanes.len() as u64) as usize;
        hands[lane].push(Card { hash, request });
        if hands[lane].len() == BATCH_REQUESTS {
            bytes_read.store(trace.bytes_read(), Ordering::Relaxed);
            let full = std::mem::replace(&mut hands[lane], Vec::with_capacity(BATCH_REQUESTS));
            dealt.requests += full.len() as u64;
            if stop.is_stopped() || lanes[lane].blocking_send(full).is_err() {
                // A lane that is gone has stopped or panicked; which, its worker's end tells.
                return dealt;
            }
        }
    }
    bytes_read.store(trace.bytes_read(), Ordering::Relaxed);
    for (lane, rest) in lanes.iter().zip(hands) {
        dealt.requests += rest.len() as u64;
        if lane.blocking_send(rest).is_err() {
            return dealt;
        }
    }
    dealt.is_whole = dealt.error.is_none();
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::path::Path;

    fn trace(lines: usize, dir: &Path) -> Trace {
        let line = |number: usize| format!("{number},key{},4,10,1,get,0\n", number % 37);
        let path = dir.join("t.csv");
        std::fs::write(&path, (0..lines).map(line).collect::<String>()).unwrap();
        Trace::open(&path, None).unwrap()
    }

    #[test]
    fn requests_of_one_key_reach_one_lane_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let (lanes, mut queues): (Vec<_>, Vec<_>) = (0..3).map(|_| queue()).unzip();
        let dealt = start(trace(5_000, dir.path()), lanes, Stop::new(), Arc::default()).unwrap();
        let mut last_seen: HashMap<Box<[u8]>, (usize, u64)> = HashMap::new();
        let mut cards = 0;
        // All queues are read in turn, because each holds only a few batches.
        while !queues.iter().all(|queue| queue.is_closed() && queue.is_empty()) {
            for (lane, queue) in queues.iter_mut().enumerate() {
                while let Ok(batch) = queue.try_recv() {
                    for Card { request, .. } in batch {
                        cards += 1;
                        let before = last_seen.insert(request.key, (lane, request.time_s));
                        assert!(before.is_none_or(|(was, time_s)| was == lane && time_s < request.time_s));
                    }
                }
            }
            std::thread::yield_now();
        }
        let dealt = dealt.blocking_recv().unwrap();
        assert_eq!((dealt.requests, cards, last_seen.len()), (5_000, 5_000, 37));
        assert!(dealt.is_whole && dealt.error.is_none());
    }

    #[test]
    fn the_reader_ends_when_a_lane_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (lane, queue) = queue();
        let dealt = start(trace(5_000, dir.path()), vec![lane], Stop::new(), Arc::default()).unwrap();
        drop(queue);
        let dealt = dealt.blocking_recv().unwrap();
        assert!(dealt.requests < 5_000 && !dealt.is_whole);
    }
}
