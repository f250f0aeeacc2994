//! A worker: one thread with one set of links, and the lanes that send over them.

use super::ReplayOptions;
use super::deal::{Card, FromReader, ToLane, queue};
use super::stop::Stop;
use super::tally::{Counters, Outcome, Skip, Tally, kind_of};
use super::value::Values;
use crate::trace::{Operation, Request};
use futures_util::future::join_all;
use peercache_client::{Client, SetOptions, Ttl, WriteError};
use peercache_core::key::Key;
use peercache_core::protocol::Refusal;
use peercache_core::spec::Replication;
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// What all workers have in common.
pub(super) struct Setting {
    client: Client,
    lanes: usize,
    values: Arc<Values>,
    stop: Stop,
}

impl Setting {
    pub(super) fn new(client: &Client, options: &ReplayOptions, stop: &Stop) -> Self {
        let (client, stop) = (client.clone(), stop.clone());
        Self { client, lanes: options.pipeline.get(), values: Arc::new(Values::new()), stop }
    }
}

/// A worker that runs until its lanes' queues end.
pub(super) struct Started {
    pub(super) to_lanes: Vec<ToLane>,
    pub(super) tally: oneshot::Receiver<io::Result<Tally>>,
    pub(super) counters: Arc<Counters>,
}

/// Starts the worker with this number.
pub(super) fn start(setting: &Setting, number: usize) -> io::Result<Started> {
    let (to_lanes, queues): (Vec<_>, Vec<_>) = (0..setting.lanes).map(|_| queue()).unzip();
    let (done, tally) = oneshot::channel();
    let counters = Arc::new(Counters::default());
    let worker = Worker {
        client: setting.client.worker(),
        values: Arc::clone(&setting.values),
        stop: setting.stop.clone(),
        counters: Arc::clone(&counters),
        tally: RefCell::new(Tally::new(setting.client.topology().peers().len())),
    };
    let run = move || {
        // Nobody waits where the replay was dropped.
        let _ = done.send(worker.run(queues));
    };
    std::thread::Builder::new().name(format!("lab-worker-{number}")).spawn(run)?;
    Ok(Started { to_lanes, tally, counters })
}

struct Worker {
    client: Client,
    values: Arc<Values>,
    stop: Stop,
    counters: Arc<Counters>,
    /// Borrowed by one lane at a time and never over an await.
    tally: RefCell<Tally>,
}

/// How a set ended.
enum Stored {
    Done,
    Refused,
    Failed(WriteError),
}

impl Worker {
    fn run(self, queues: Vec<FromReader>) -> io::Result<Tally> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(join_all(queues.into_iter().map(|queue| self.lane(queue))));
        Ok(self.tally.into_inner())
    }

    /// One request after the other, each when the one before is answered.
    async fn lane(&self, mut queue: FromReader) {
        while let Some(batch) = queue.recv().await {
            for card in batch {
                if self.stop.is_stopped() {
                    return;
                }
                let outcome = self.handle(&card).await;
                let mut tally = self.tally.borrow_mut();
                tally.note(outcome);
                self.counters.show(&tally);
            }
        }
    }

    async fn handle(&self, &Card { hash, ref request }: &Card) -> Outcome {
        let key = match Key::new(&request.key) {
            Ok(key) => key,
            Err(error) => return Outcome::Skipped(Skip::Key(error)),
        };
        match request.operation {
            Operation::Get | Operation::Gets => {
                self.note_owner(hash, key);
                self.read_through(hash, request).await
            }
            Operation::Set
            | Operation::Add
            | Operation::Replace
            | Operation::Cas
            | Operation::Append
            | Operation::Prepend => {
                self.note_owner(hash, key);
                self.write(hash, request).await
            }
            Operation::Delete => {
                self.note_owner(hash, key);
                self.delete(request).await
            }
            skipped @ (Operation::Incr | Operation::Decr) => Outcome::Skipped(Skip::Operation(skipped)),
        }
    }

    fn note_owner(&self, hash: u64, key: Key<'_>) {
        if let Some(ring) = self.client.topology().ring() {
            let owner = ring.replicas(key, Replication::default()).owner();
            self.tally.borrow_mut().note_owner(hash, owner.get());
        }
    }

    async fn read_through(&self, hash: u64, request: &Request) -> Outcome {
        let from = Instant::now();
        let answer = self.client.get(&request.key).await;
        let to = Instant::now();
        {
            let mut tally = self.tally.borrow_mut();
            tally.get.record(to - from);
            tally.note_measured(from, to);
        }
        let value = match answer {
            Ok(Some(value)) => value,
            Ok(None) => return self.fill(hash, request).await,
            Err(error) => return self.tally.borrow_mut().note_error("get_unavailable", || error.to_string()),
        };
        let mut tally = self.tally.borrow_mut();
        if !self.values.is_right(hash, &value.data, value.flags) {
            let wrong = || {
                let (key, bytes) = (request.key.escape_ascii(), value.data.len());
                format!("wrong value: the {bytes} bytes that {} has of {key} were not written so", value.from)
            };
            return tally.note_error("wrong_value", wrong);
        }
        tally.value_bytes_received += value.data.len() as u64;
        if let Some(position) = self.client.topology().position(&value.from) {
            tally.peers[position].hits += 1;
        }
        Outcome::Hit
    }

    /// Sets what a read missed.
    async fn fill(&self, hash: u64, request: &Request) -> Outcome {
        let stored = self.set(hash, request).await;
        let mut tally = self.tally.borrow_mut();
        match stored {
            Stored::Done => {
                tally.fills += 1;
                Outcome::Miss
            }
            Stored::Refused => Outcome::Miss,
            Stored::Failed(error) => {
                let kind = kind_of(&error, ["fill_unavailable", "fill_ambiguous", "fill_other"]);
                tally.note_error(kind, || error.to_string())
            }
        }
    }

    /// Carries out a set of the trace.
    async fn write(&self, hash: u64, request: &Request) -> Outcome {
        match self.set(hash, request).await {
            Stored::Done | Stored::Refused => Outcome::Written,
            Stored::Failed(error) => {
                let kind = kind_of(&error, ["set_unavailable", "set_ambiguous", "set_other"]);
                self.tally.borrow_mut().note_error(kind, || error.to_string())
            }
        }
    }

    async fn set(&self, hash: u64, request: &Request) -> Stored {
        let bytes = request.value_bytes as usize;
        if bytes > self.client.topology().policy().value_bytes_max {
            // The client would say so too, but only once the value is made, and a trace may ask for 4 GB.
            self.tally.borrow_mut().note_refusal(&Refusal::TooLarge);
            return Stored::Refused;
        }
        let value = self.values.make(hash, bytes);
        let ttl = if request.ttl_s == 0 { Ttl::Never } else { Ttl::Seconds(request.ttl_s) };
        let options = SetOptions { flags: request.value_bytes, ttl };
        let from = Instant::now();
        let answer = self.client.set(&request.key, &value, options).await;
        let to = Instant::now();
        let mut tally = self.tally.borrow_mut();
        tally.set.record(to - from);
        tally.note_measured(from, to);
        tally.value_bytes_sent += u64::from(request.value_bytes);
        match answer {
            Ok(_) => Stored::Done,
            Err(WriteError::Refused { refusal, .. }) => {
                tally.note_refusal(&refusal);
                Stored::Refused
            }
            Err(error) => Stored::Failed(error),
        }
    }

    async fn delete(&self, request: &Request) -> Outcome {
        let from = Instant::now();
        let answer = self.client.delete(&request.key).await;
        let to = Instant::now();
        let mut tally = self.tally.borrow_mut();
        tally.delete.record(to - from);
        tally.note_measured(from, to);
        match answer {
            Ok(_) => Outcome::Written,
            Err(error) => {
                let kind = kind_of(&error, ["delete_unavailable", "delete_ambiguous", "delete_refused"]);
                tally.note_error(kind, || error.to_string())
            }
        }
    }
}
