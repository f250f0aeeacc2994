//! What everything in a run shares: the clock, the events to come, the dice, the wire, and the history.

use crate::dice::Dice;
use crate::faults::Fault;
use crate::history::{History, OperationId};
use crate::mutants::Mutant;
use crate::process::Answer;
use crate::queue::Queue;
use crate::wire::{ConnectionId, Wire};
use std::collections::BTreeSet;
use std::time::Duration;

/// Who holds the client's end of a connection, or set an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    pub(crate) process: usize,
    pub(crate) port: Port,
}

/// Which part of a client process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Port {
    /// The link of a worker to the peer at this place of the process's topology.
    Link { worker: usize, place: usize },
    /// The healer of the peer at this place.
    Healer { place: usize },
}

/// Something that happens at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// Somebody's wish to connect reaches the peer's host.
    Knock(ConnectionId),
    /// The client learns that its connection is open.
    Connected(ConnectionId),
    /// The client learns that nobody listens.
    Refused(ConnectionId),
    /// Bytes reach the peer's host.
    ToPeer(ConnectionId, Vec<u8>),
    /// The client's end is closed, and the peer's host learns it.
    LeftByClient(ConnectionId),
    /// Bytes reach the client.
    ToClient(ConnectionId, Vec<u8>),
    /// The client learns that the peer took bytes, so that it may send more.
    Room(ConnectionId),
    /// The client learns that its connection is gone.
    Gone(ConnectionId),
    /// A peer has a moment for one command.
    Execute { peer: usize, run: u32 },
    /// An alarm rings.
    Alarm(Endpoint),
    /// The task of a request wakes with an answer.
    Answered { process: usize, operation: OperationId, position: u8, answer: Answer },
    /// A verdict is carried out after its answer; only a broken design does that.
    LateSettle { process: usize, operation: OperationId },
    /// A missed write is sent once more; only a broken design does that.
    Handoff { process: usize, operation: OperationId, place: usize },
    /// A worker begins its next operation.
    Next { process: usize, worker: usize },
    /// A process's entry in the outage ledger is on disk, or gone.
    EntryMoved { process: usize, place: usize, is_there: bool },
    /// A process hears that somebody's entry for a peer came or went.
    LedgerHeard { process: usize, peer: usize },
    /// Something breaks, or is mended.
    Fault(Fault),
}

/// The stage of one run.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) now: Duration,
    pub(crate) queue: Queue<Event>,
    pub(crate) dice: Dice,
    pub(crate) wire: Wire,
    pub(crate) history: History,
    /// The entries on disk: peers, and processes that missed writes on them.
    pub(crate) ledger: BTreeSet<(usize, usize)>,
    mutant: Option<Mutant>,
}

impl Stage {
    pub(crate) fn new(dice: Dice, wire: Wire, history: History, mutant: Option<Mutant>) -> Self {
        let ledger = BTreeSet::new();
        Self { now: Duration::ZERO, queue: Queue::new(), dice, wire, history, ledger, mutant }
    }

    /// Whether this run breaks a promise on purpose, in this way.
    pub(crate) fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    pub(crate) fn alarm(&mut self, endpoint: Endpoint, at: Duration) {
        self.queue.push(at.max(self.now), Event::Alarm(endpoint));
    }

    /// Lets `event` happen as soon as a scheduler gets to it: tasks that are woken do not run at once.
    pub(crate) fn soon(&mut self, event: Event) {
        let pause = self.dice.number(0..200).saturating_sub(100);
        self.queue.push(self.now + Duration::from_micros(pause), event);
    }
}
