//! A request to every peer of the network: `flush_all` (P-18).

use super::known::Known;
use peercache_core::health::Entry;
use peercache_core::protocol::memcached::request::Answer as Wanted;
use peercache_core::replication::{BroadcastAnswer, BroadcastGather, BroadcastVerdict, PeerSet};
use std::time::Duration;

/// A broadcast in progress.
#[derive(Debug)]
pub(crate) struct Everywhere {
    pub(crate) gather: BroadcastGather,
    pub(crate) wanted: Wanted,
    /// The number of the delayed flush that was pending when it began, which it replaces when it is done.
    pub(crate) pending: Option<u64>,
    pub(crate) deadline: Duration,
    /// What was decided, while the outages of some peers are not yet on disk (P-11).
    pub(crate) held: Option<(BroadcastVerdict, PeerSet)>,
}

/// What became of outages that had to be recorded.
pub(crate) enum Recorded {
    All,
    NotYet,
    Failed,
}

impl Everywhere {
    pub(crate) fn new(
        gather: BroadcastGather,
        (wanted, pending): (Wanted, Option<u64>),
        deadline: Duration,
    ) -> Self {
        Self { gather, wanted, pending, deadline, held: None }
    }
}

/// Looks how the outages of `peers` stand.
pub(crate) fn recorded(peers: &PeerSet, known: &Known) -> Recorded {
    let entry = |peer| known.topology.peer(peer).cell.state().entry();
    if peers.iter().any(|peer| entry(peer) == Entry::Failed) {
        Recorded::Failed
    } else if peers.iter().any(|peer| entry(peer) == Entry::Wanted) {
        Recorded::NotYet
    } else {
        Recorded::All
    }
}

/// What the client is told.
pub(crate) fn words(answer: &BroadcastAnswer) -> &'static str {
    match answer {
        BroadcastAnswer::Done => "OK",
        BroadcastAnswer::Refused(..) => "SERVER_ERROR a peer refuses to be emptied",
        BroadcastAnswer::Ambiguous(_) => "SERVER_ERROR unknown whether this was done, no peer confirmed it",
        BroadcastAnswer::Unavailable => "SERVER_ERROR no peer can be reached",
    }
}
