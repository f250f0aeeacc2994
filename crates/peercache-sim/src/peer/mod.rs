//! One simulated daemon: it runs, hangs, crashes and comes back, and executes what its host has received, one
//! command at a time, in an order of chance between connections.

mod store;

pub(crate) use store::VALUE_BYTES_MAX;

use crate::faults::Memory;
use crate::history::{Executed, Execution};
use crate::stage::{Event, Stage};
use crate::wire::ConnectionId;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Command, Store};

/// Unix time at the beginning of every run, in seconds; any will do.
const EPOCH_S: u64 = 1_790_000_000;

/// After so many writes a daemon dumps its memory.
const WRITES_PER_DUMP: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Running,
    /// Stopped by a signal: its host still accepts and receives for it.
    Hung,
    Crashed,
}

/// What the host has received on one connection.
#[derive(Debug, Default)]
struct Inbox {
    bytes: Vec<u8>,
    /// The thread that serves it does not get to it before.
    ready_at: Duration,
}

/// One peer of the run.
#[derive(Debug)]
pub(crate) struct Peer {
    number: usize,
    life: Life,
    /// Counts its starts, from 1: the truth about its incarnation.
    run: u32,
    pid: u32,
    started: Duration,
    store: Store,
    /// A copy of the store, as a dump on disk, and how many writes it is behind.
    dump: Store,
    undumped: u32,
    inboxes: BTreeMap<ConnectionId, Inbox>,
    /// Whether an `Execute` is on its way.
    is_busy: bool,
    /// Of a hundred values, how many it refuses for want of memory.
    refusals_percent: u64,
}

impl Peer {
    pub(crate) fn new(number: usize, refusals_percent: u64) -> Self {
        Self {
            number,
            life: Life::Running,
            run: 1,
            pid: 1000 * (number as u32 + 1),
            started: Duration::ZERO,
            store: Store::default(),
            dump: Store::default(),
            undumped: 0,
            inboxes: BTreeMap::new(),
            is_busy: false,
            refusals_percent,
        }
    }

    /// Somebody connects. A hung daemon's host accepts for it.
    pub(crate) fn knock(&mut self, id: ConnectionId, stage: &mut Stage) {
        let listens = self.life != Life::Crashed;
        if listens {
            self.inboxes.insert(id, Inbox::default());
        }
        stage.open_door(id, listens);
    }

    pub(crate) fn receive(&mut self, id: ConnectionId, bytes: &[u8], stage: &mut Stage) {
        if !stage.arrives(id) {
            return;
        }
        // A daemon that has crashed since knows nothing of this connection.
        if let Some(inbox) = self.inboxes.get_mut(&id) {
            inbox.bytes.extend_from_slice(bytes);
            self.wake(stage);
        }
    }

    pub(crate) fn crash(&mut self, stage: &mut Stage) {
        self.life = Life::Crashed;
        self.inboxes.clear();
        self.is_busy = false;
        for id in stage.wire.of_peer(self.number) {
            stage.hang_up(id);
        }
    }

    pub(crate) fn start(&mut self, memory: Memory, stage: &mut Stage) {
        self.life = Life::Running;
        self.run += 1;
        self.pid += 1;
        self.started = stage.now;
        match memory {
            Memory::Lost => self.store.clear(),
            Memory::Kept => {}
            Memory::Dumped => self.store = self.dump.clone(),
        }
        self.store.restart();
    }

    pub(crate) fn hang(&mut self) {
        if self.life == Life::Running {
            self.life = Life::Hung;
        }
    }

    /// Goes on. Its threads do not all wake at once, so connections are served in any order.
    pub(crate) fn go_on(&mut self, stage: &mut Stage) {
        if self.life != Life::Hung {
            return;
        }
        self.life = Life::Running;
        for inbox in self.inboxes.values_mut() {
            inbox.ready_at = stage.now + Duration::from_micros(stage.dice.number(0..50_000));
        }
        self.wake(stage);
    }

    /// Makes sure that it gets to the next command, if there is one.
    fn wake(&mut self, stage: &mut Stage) {
        if self.life != Life::Running || self.is_busy {
            return;
        }
        let waiting = self.inboxes.values().filter(|inbox| Command::parse(&inbox.bytes).is_some());
        if let Some(ready_at) = waiting.map(|inbox| inbox.ready_at).min() {
            self.is_busy = true;
            let at = ready_at.max(stage.now) + Duration::from_micros(stage.dice.number(5..100));
            stage.queue.push(at, Event::Execute { peer: self.number, run: self.run });
        }
    }

    /// Executes one command of one connection.
    pub(crate) fn execute(&mut self, run: u32, stage: &mut Stage) {
        if run != self.run || self.life == Life::Crashed {
            return;
        }
        self.is_busy = false;
        if self.life == Life::Hung {
            return;
        }
        let is_ready = |inbox: &Inbox| inbox.ready_at <= stage.now && Command::parse(&inbox.bytes).is_some();
        let ready: Vec<_> =
            self.inboxes.iter().filter(|(_, inbox)| is_ready(inbox)).map(|(&id, _)| id).collect();
        if !ready.is_empty() {
            let id = stage.dice.pick(&ready);
            self.execute_next(id, stage);
        }
        self.wake(stage);
    }

    fn execute_next(&mut self, id: ConnectionId, stage: &mut Stage) {
        let inbox = self.inboxes.get_mut(&id);
        let parsed = inbox.and_then(|inbox| {
            let (command, taken) = Command::parse(&inbox.bytes)?;
            inbox.bytes.drain(..taken);
            Some((command, taken))
        });
        let Some((command, taken)) = parsed else { return };
        stage.took(id, taken);
        let (reply, executed) = self.answer(command, stage);
        if let Some(what) = executed {
            self.dump_now_and_then(&what);
            let endpoint = stage.wire.endpoint(id);
            let (peer, run, at) = (self.number, self.run, stage.now);
            stage.history.executed(Execution { at, peer, run, endpoint, what });
        }
        stage.send_to_client(id, &reply);
    }

    fn dump_now_and_then(&mut self, executed: &Executed) {
        self.undumped += u32::from(!matches!(executed, Executed::Get { .. }));
        if self.undumped == WRITES_PER_DUMP {
            self.dump = self.store.clone();
            self.undumped = 0;
        }
    }

    fn answer(&mut self, command: Command, stage: &mut Stage) -> (Vec<u8>, Option<Executed>) {
        match command {
            Command::Get(key) => (self.store.get(&key, false), Some(self.got(key))),
            Command::Gets(key) => (self.store.get(&key, true), Some(self.got(key))),
            Command::MetaGet(key) => (self.store.meta_get(&key), Some(self.got(key))),
            Command::Store { key, value, only } => {
                let has_memory = !stage.dice.chance(self.refusals_percent);
                let replaced = self.store.item(&key).map(|item| item.value.clone());
                let reply = self.store.store(key.clone(), value.clone(), only, self.run, has_memory);
                let executed = Executed::Set { key, value, replaced };
                (reply.to_vec(), (reply == b"STORED\r\n").then_some(executed))
            }
            Command::Incr { key, by } => match self.store.incr(&key, by, self.run) {
                Ok(number) => (format!("{number}\r\n").into_bytes(), Some(Executed::Count { key, number })),
                Err(reply) => (reply.to_vec(), None),
            },
            Command::Delete(key) => (self.store.delete(&key).to_vec(), Some(Executed::Delete { key })),
            Command::FlushAll => {
                self.store.clear();
                (b"OK\r\n".to_vec(), Some(Executed::Flush))
            }
            Command::Stats => (self.stats(stage), None),
            Command::Unknown => (b"ERROR\r\n".to_vec(), None),
        }
    }

    fn got(&self, key: Vec<u8>) -> Executed {
        let found = self.store.item(&key).map(|item| (item.value.clone(), item.born));
        Executed::Get { key, found }
    }

    /// Whole seconds of two clocks, as memcached tells them: the start computed from them moves by one.
    fn stats(&self, stage: &Stage) -> Vec<u8> {
        let time = EPOCH_S + (stage.now + Duration::from_millis(300)).as_secs();
        let uptime = (stage.now - self.started).as_secs();
        let stats = [
            ("pid", u64::from(self.pid)),
            ("uptime", uptime),
            ("time", time),
            ("curr_items", self.store.len() as u64),
        ];
        let lines = stats.map(|(name, value)| format!("STAT {name} {value}\r\n"));
        (lines.concat() + "END\r\n").into_bytes()
    }
}
