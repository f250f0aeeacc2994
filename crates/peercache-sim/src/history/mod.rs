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
pub(crate) struct OperationId(pub(crate) u32);

/// What a client wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    /// This value, which nothing else of the run writes.
    Set(String),
    Delete,
}

/// One operation of one worker.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) process: usize,
    pub(crate) worker: usize,
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
    pub(crate) told: Told,
    /// Whether each replica was readable to the process at that moment.
    pub(crate) readable: Vec<bool>,
}

/// What the client was told. Peers by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Hit(String),
    Miss,
    Done { confirmed: Vec<usize> },
    Refused,
    Ambiguous,
    Unavailable { named: Vec<usize> },
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
    Set {
        key: Vec<u8>,
        value: Vec<u8>,
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
        (process, worker): (usize, usize),
        key: usize,
        kind: Kind,
        replicas: Vec<usize>,
        states: Vec<PeerState>,
    ) -> OperationId {
        let asks = Vec::new();
        let operation = Operation { process, worker, key, kind, began, replicas, states, asks, end: None };
        self.operations.push(operation);
        OperationId(self.operations.len() as u32 - 1)
    }

    fn operation(&mut self, id: OperationId) -> &mut Operation {
        &mut self.operations[id.0 as usize]
    }

    pub(crate) fn asked(&mut self, id: OperationId, asked: Asked) {
        self.operation(id).asks.push(asked);
    }

    pub(crate) fn answered(
        &mut self,
        id: OperationId,
        position: u8,
        outcome: Outcome,
        state: PeerState,
        at: Duration,
    ) {
        let asks = self.operation(id).asks.iter_mut().rev();
        if let Some(asked) = asks.into_iter().find(|asked| asked.position == position) {
            asked.outcome = Some(outcome);
            asked.answered = Some(at);
            asked.vouches = state.is_readable() && !state.has_forgotten();
        }
    }

    pub(crate) fn end(&mut self, id: OperationId, end: End) {
        self.operation(id).end = Some(end);
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
        self.kind == Kind::Get
    }

    pub(crate) fn told(&self) -> Option<&Told> {
        self.end.as_ref().map(|end| &end.told)
    }

    /// Whether the client was told that this write is done.
    pub(crate) fn is_acknowledged(&self) -> bool {
        matches!(self.told(), Some(Told::Done { .. }))
    }

    /// Whether it had ended before `at`.
    pub(crate) fn ended_before(&self, at: Duration) -> bool {
        self.end.as_ref().is_some_and(|end| end.at < at)
    }
}
