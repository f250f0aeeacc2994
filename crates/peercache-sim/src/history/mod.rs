//! What happened in a run: what clients asked and were told, and beside it the truth, which no client sees:
//! what every peer really executed, and when.

mod excerpt;

use crate::faults::Fault;
use crate::scenario::Scenario;
use crate::stage::Endpoint;
use peercache_core::health::{PeerState, Phase};
use peercache_core::replication::{Ask, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One operation of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum OperationId {
    /// On a key.
    Key(u32),
    /// On every peer.
    Flush(u32),
}

/// What a client wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    /// A get that wants the version.
    Gets,
    /// This value, which nothing else of the run writes. A counter's value is the beginning of an era: the
    /// numbers that follow it, up to the next era's.
    Set(String),
    /// The same, where there is nothing.
    Add(String),
    /// The same, where there still is what was read with this token.
    Cas {
        value: String,
        read: String,
        token: u64,
    },
    Incr,
    Delete,
}

impl Kind {
    /// Whether the leader decides and the others follow.
    pub(crate) fn is_leader_first(&self) -> bool {
        matches!(self, Self::Add(_) | Self::Cas { .. } | Self::Incr)
    }

    /// The value that it stores.
    pub(crate) fn value(&self) -> Option<&str> {
        match self {
            Self::Set(value) | Self::Add(value) | Self::Cas { value, .. } => Some(value),
            Self::Get | Self::Gets | Self::Incr | Self::Delete => None,
        }
    }
}

/// Numbers of one era of a counter.
pub(crate) const ERA: u64 = 1_000_000;

/// One `flush_all` of one worker.
#[derive(Debug)]
pub(crate) struct Flush {
    pub(crate) process: usize,
    pub(crate) began: Duration,
    /// When it ended, and whether the client was told that it is done.
    pub(crate) end: Option<(Duration, bool)>,
}

/// One operation of one worker.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) process: usize,
    pub(crate) worker: usize,
    /// How many requests its process had planned before.
    pub(crate) nth: u32,
    pub(crate) key: usize,
    pub(crate) kind: Kind,
    pub(crate) began: Duration,
    /// The peers of the key, owner first, by their numbers.
    pub(crate) replicas: Vec<usize>,
    /// How each of them stood with the process when the operation began.
    pub(crate) states: Vec<PeerState>,
    pub(crate) asks: Vec<Asked>,
    pub(crate) end: Option<End>,
}

/// One attempt.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) position: u8,
    pub(crate) ask: Ask,
    pub(crate) at: Duration,
    /// Its outcome, and when that reached the request.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) answered: Option<Duration>,
    /// Whether the peer could vouch for a miss when its answer came: readable, and nothing forgotten.
    pub(crate) vouches: bool,
}

/// How an operation ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) at: Duration,
    /// When replicas were made unreadable for it; the client is told at that moment or later.
    pub(crate) settled: Duration,
    pub(crate) told: Told,
    /// Whether each replica was readable to the process at that moment.
    pub(crate) readable: Vec<bool>,
    /// Peers that miss what is told, while the process's ledger says nothing of it.
    pub(crate) unrecorded: Vec<usize>,
}

/// What the client was told. Peers by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Hit(String),
    Miss,
    Done {
        confirmed: Vec<usize>,
    },
    /// The leader did it, which came to this number.
    Led {
        number: Option<u64>,
    },
    /// The leader did not do it, for a reason that is no refusal.
    No,
    Refused,
    Ambiguous,
    Unavailable {
        named: Vec<usize>,
    },
}

/// Something that a peer executed.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) at: Duration,
    pub(crate) peer: usize,
    /// The peer's start it belongs to, from 1.
    pub(crate) run: u32,
    /// For whom.
    pub(crate) endpoint: Endpoint,
    pub(crate) what: Executed,
}

/// What it was. Refused writes are not executed and not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Executed {
    /// With the value found, and the peer's run that stored it.
    Get {
        key: Vec<u8>,
        found: Option<(Vec<u8>, u32)>,
    },
    /// With the value that was there before.
    Set {
        key: Vec<u8>,
        value: Vec<u8>,
        replaced: Option<Vec<u8>>,
    },
    Count {
        key: Vec<u8>,
        number: u64,
    },
    Delete {
        key: Vec<u8>,
    },
    Flush,
}

/// A return that succeeded: from `finished` on the process may read the peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Returned {
    pub(crate) process: usize,
    pub(crate) peer: usize,
    pub(crate) began: Duration,
    pub(crate) finished: Duration,
    /// Whether the peer was unreadable when it was greeted.
    pub(crate) unreadable: bool,
    /// How many items it said it held.
    pub(crate) items: u64,
}

/// How a peer stood with a process at the end of the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) process: usize,
    pub(crate) peer: usize,
    pub(crate) phase: Phase,
    pub(crate) readable: bool,
}

/// Everything that is known of a run.
#[derive(Debug)]
pub struct History {
    pub(crate) scenario: Scenario,
    pub(crate) operations: Vec<Operation>,
    pub(crate) flushes: Vec<Flush>,
    pub(crate) executions: Vec<Execution>,
    pub(crate) returns: Vec<Returned>,
    pub(crate) faults: Vec<(Duration, Fault)>,
    /// When each process greeted each peer.
    meetings: BTreeMap<(usize, usize), Vec<Duration>>,
    pub(crate) standings: Vec<Standing>,
    pub(crate) ended: Duration,
}

/// The name of a key of the run.
pub(crate) fn key_name(key: usize) -> String {
    format!("k{key}")
}

impl History {
    pub(crate) fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            operations: Vec::new(),
            flushes: Vec::new(),
            executions: Vec::new(),
            returns: Vec::new(),
            faults: Vec::new(),
            meetings: BTreeMap::new(),
            standings: Vec::new(),
            ended: Duration::ZERO,
        }
    }

    pub(crate) fn begin(
        &mut self,
        began: Duration,
        (process, worker, nth): (usize, usize, u32),
        key: usize,
        kind: Kind,
        replicas: Vec<usize>,
        states: Vec<PeerState>,
    ) -> OperationId {
        let asks = Vec::new();
        let operation =
            Operation { process, worker, nth, key, kind, began, replicas, states, asks, end: None };
        self.operations.push(operation);
        OperationId::Key(self.operations.len() as u32 - 1)
    }

    pub(crate) fn begin_flush(&mut self, began: Duration, process: usize) -> OperationId {
        self.flushes.push(Flush { process, began, end: None });
        OperationId::Flush(self.flushes.len() as u32 - 1)
    }

    pub(crate) fn end_flush(&mut self, id: OperationId, at: Duration, is_done: bool) {
        if let OperationId::Flush(id) = id {
            self.flushes[id as usize].end = Some((at, is_done));
        }
    }

    fn operation(&mut self, id: OperationId) -> Option<&mut Operation> {
        match id {
            OperationId::Key(id) => self.operations.get_mut(id as usize),
            OperationId::Flush(_) => None,
        }
    }

    pub(crate) fn asked(&mut self, id: OperationId, asked: Asked) {
        if let Some(operation) = self.operation(id) {
            operation.asks.push(asked);
        }
    }

    pub(crate) fn answered(
        &mut self,
        id: OperationId,
        position: u8,
        outcome: Outcome,
        state: PeerState,
        at: Duration,
    ) {
        let mut asks = self.operation(id).into_iter().flat_map(|operation| operation.asks.iter_mut().rev());
        if let Some(asked) = asks.find(|asked| asked.position == position) {
            asked.outcome = Some(outcome);
            asked.answered = Some(at);
            asked.vouches = state.is_readable() && !state.has_forgotten();
        }
    }

    pub(crate) fn end(&mut self, id: OperationId, end: End) {
        if let Some(operation) = self.operation(id) {
            operation.end = Some(end);
        }
    }

    pub(crate) fn executed(&mut self, execution: Execution) {
        self.executions.push(execution);
    }

    pub(crate) fn returned(&mut self, returned: Returned) {
        self.returns.push(returned);
    }

    pub(crate) fn fault(&mut self, at: Duration, fault: Fault) {
        self.faults.push((at, fault));
    }

    pub(crate) fn met(&mut self, process: usize, peer: usize, at: Duration) {
        self.meetings.entry((process, peer)).or_default().push(at);
    }

    /// When `process` first greeted `peer`.
    pub(crate) fn first_met(&self, process: usize, peer: usize) -> Option<Duration> {
        self.meetings.get(&(process, peer))?.first().copied()
    }

    /// The peers to which nothing happened, on any way.
    pub(crate) fn untroubled(&self) -> BTreeSet<usize> {
        let troubled: BTreeSet<usize> = self.faults.iter().map(|(_, fault)| fault.peer()).collect();
        (0..self.scenario.peers).filter(|peer| !troubled.contains(peer)).collect()
    }

    /// Operations with their places in the history.
    pub(crate) fn each(&self) -> impl Iterator<Item = (usize, &Operation)> {
        self.operations.iter().enumerate()
    }
}

impl Operation {
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.kind, Kind::Get | Kind::Gets)
    }

    pub(crate) fn told(&self) -> Option<&Told> {
        self.end.as_ref().map(|end| &end.told)
    }

    /// Whether the client was told that this write is done.
    pub(crate) fn is_acknowledged(&self) -> bool {
        matches!(self.told(), Some(Told::Done { .. } | Told::Led { .. }))
    }

    /// Whether it had ended before `at`.
    pub(crate) fn ended_before(&self, at: Duration) -> bool {
        self.end.as_ref().is_some_and(|end| end.at < at)
    }
}
