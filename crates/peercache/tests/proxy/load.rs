//! Clients that read, write and delete at once, one request after the other, and write down what they saw.

use crate::checker::{Fault, History, Span};
use crate::network::Proxy;
use crate::wire::{Conn, set_command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// How many clients there are.
const CLIENTS: usize = 8;

/// How many of the requests write: one of so many.
const WRITES: u64 = 5;

/// A load that runs until it is [ended](Load::end).
pub(crate) struct Load {
    keys: Vec<String>,
    start: Instant,
    shared: std::sync::Arc<Shared>,
    clients: Vec<JoinHandle<Vec<Event>>>,
    initial: Span,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    requests: AtomicUsize,
}

/// One request as a client saw it.
struct Event {
    key: usize,
    span: Span,
    what: What,
}

enum What {
    Read(Option<String>),
    Wrote(Option<String>),
    /// What was answered instead, and to what.
    Failed(String, Option<String>),
}

/// What a load came to.
pub(crate) struct Outcome {
    pub(crate) errors: Vec<String>,
    pub(crate) faults: Vec<(String, Fault)>,
    pub(crate) reads: usize,
    history: History,
    keys: Vec<String>,
    now: u64,
}

impl Load {
    /// Stores a first value of each of `keys` keys, and lets the clients begin.
    pub(crate) fn start(proxy: &Proxy, keys: usize) -> Self {
        let keys: Vec<_> = (0..keys).map(|number| format!("key{number}")).collect();
        let start = Instant::now();
        let sets: Vec<_> = keys.iter().map(|key| set_command(key, &first_value(key))).collect();
        let answers = proxy.connect().pipeline(&sets);
        assert!(answers.iter().all(|answer| answer == "STORED"));
        let initial = Span { began: 1, ended: nanos(start) };
        let shared = std::sync::Arc::<Shared>::default();
        let clients = (0..CLIENTS).map(|number| {
            let (conn, shared, keys) = (proxy.connect(), std::sync::Arc::clone(&shared), keys.clone());
            thread::spawn(move || Client { conn, number, start, keys }.run(&shared))
        });
        let clients = clients.collect();
        Self { keys, start, shared, clients, initial }
    }

    /// How many requests were answered until now.
    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Ends the load and judges every read.
    pub(crate) fn end(self) -> Outcome {
        self.shared.stop.store(true, Ordering::Relaxed);
        let events: Vec<_> = self.clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        let (mut history, mut errors) = (History::default(), Vec::new());
        for key in &self.keys {
            history.acknowledged(key, Some(first_value(key)), self.initial);
        }
        for Event { key, span, what } in &events {
            match what {
                What::Read(_) => {}
                What::Wrote(value) => history.acknowledged(&self.keys[*key], value.clone(), *span),
                What::Failed(answer, value) => {
                    errors.push(answer.clone());
                    history.unknown(&self.keys[*key], value.clone(), span.began);
                }
            }
        }
        let (mut faults, mut reads) = (Vec::new(), 0);
        for Event { key, span, what } in &events {
            if let What::Read(value) = what {
                reads += 1;
                let judged = history.judge(&self.keys[*key], value.as_deref(), *span);
                faults.extend(judged.err().map(|fault| (self.keys[*key].clone(), fault)));
            }
        }
        let now = nanos(self.start);
        Outcome { errors, faults, reads, history, keys: self.keys, now }
    }
}

impl Outcome {
    /// Judges what a connection reads now of every key.
    pub(crate) fn judge_all(&self, conn: &mut Conn) -> Vec<(String, Fault)> {
        let found = conn.get_all(&self.keys);
        // The reads begin after everything that was written.
        let span = Span { began: self.now, ended: self.now };
        let judge = |key: &String| {
            let judged = self.history.judge(key, found.get(key).map(String::as_str), span);
            judged.err().map(|fault| (key.clone(), fault))
        };
        self.keys.iter().filter_map(judge).collect()
    }
}

/// One client.
struct Client {
    conn: Conn,
    number: usize,
    start: Instant,
    keys: Vec<String>,
}

impl Client {
    fn run(mut self, shared: &Shared) -> Vec<Event> {
        let mut events = Vec::new();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(self.number as u64 + 1);
        let mut sequence = 0;
        while !shared.stop.load(Ordering::Relaxed) {
            random = next(random);
            let key = (random >> 20) as usize % self.keys.len();
            sequence += 1;
            let began = nanos(self.start);
            let what = if random.is_multiple_of(WRITES) {
                self.write(key, sequence, random)
            } else {
                // Some reads give the expiry that the item has anyway.
                self.read(key, if random >> 40 & 7 == 0 { "gat 0" } else { "get" })
            };
            events.push(Event { key, span: Span { began, ended: nanos(self.start) }, what });
            shared.requests.fetch_add(1, Ordering::Relaxed);
        }
        events
    }

    fn read(&mut self, key: usize, how: &str) -> What {
        match self.conn.read(&format!("{how} {}", self.keys[key])) {
            Ok(mut items) => What::Read(items.pop().map(|item| item.data)),
            // A read that failed changes nothing; it is noted as a write of what nobody reads.
            Err(line) => What::Failed(line, Some("a read that failed".to_owned())),
        }
    }

    fn write(&mut self, key: usize, sequence: u64, random: u64) -> What {
        let value = (random >> 10 & 1 == 0).then(|| format!("{}:{key}:{sequence}", self.number));
        let answer = match &value {
            Some(value) => self.conn.set(&self.keys[key], value),
            None => self.conn.ask(&format!("delete {}", self.keys[key])),
        };
        match (&value, answer.as_str()) {
            (Some(_), "STORED") | (None, "DELETED" | "NOT_FOUND") => What::Wrote(value),
            _ => What::Failed(answer, value),
        }
    }
}

fn first_value(key: &str) -> String {
    format!("first:{key}:0")
}

fn nanos(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap() + 2
}

/// Xorshift: a sequence that is the same in every run.
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ state << 17
}
