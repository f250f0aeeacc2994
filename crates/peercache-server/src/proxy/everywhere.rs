//! A request to every peer of the network: `flush_all` (P-18), and what its answers add up to.

use super::core::{Core, Todo};
use super::known::Known;
use super::slot::{Slot, Token, Work};
use peercache_core::health::Entry;
use peercache_core::protocol::memcached::request::Answer as Wanted;
use peercache_core::protocol::memcached::response;
use peercache_core::replication::{BroadcastAnswer, BroadcastGather, BroadcastVerdict, Outcome, PeerSet};
use peercache_core::ring::PeerIndex;
use peercache_core::router;
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

impl Core {
    /// There was nobody to ask.
    pub(crate) fn nobody_to_flush(&mut self, token: Token) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let Some(Slot { work: Work::Everywhere(everywhere), .. }) = session.slot(token.slot) else { return };
        let verdict = everywhere.gather.expire();
        self.settle_everywhere(token, verdict);
    }

    pub(super) fn hear_everywhere(&mut self, token: Token, outcome: Outcome) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let Some(Slot { work: Work::Everywhere(everywhere), .. }) = session.slot(token.slot) else { return };
        if let Some(verdict) = everywhere.gather.observe(PeerIndex::new(token.part), outcome) {
            self.settle_everywhere(token, verdict);
        }
    }

    fn settle_everywhere(&mut self, token: Token, verdict: BroadcastVerdict) {
        let unrecorded = router::settle_broadcast(&self.known.topology, &verdict);
        self.stirred |= !verdict.unreadable.is_empty();
        if unrecorded.is_empty() {
            return self.tell_everywhere(token, &verdict.answer);
        }
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        if let Some(Slot { work: Work::Everywhere(everywhere), .. }) = session.slot(token.slot) {
            everywhere.held = Some((verdict, unrecorded));
            self.held.push(token);
        }
    }

    pub(super) fn tell_everywhere(&mut self, token: Token, answer: &BroadcastAnswer) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let Some(slot) = session.slot(token.slot) else { return };
        let Work::Everywhere(everywhere) = &slot.work else { return };
        let (wanted, pending) = (everywhere.wanted, everywhere.pending);
        if let Some(number) = pending.filter(|_| *answer == BroadcastAnswer::Done) {
            slot.work = Work::Flush(wanted);
            return self.todo.push(Todo::Cancel(token, number));
        }
        if wanted == Wanted::Wanted {
            response::line(&mut slot.answer, words(answer).as_bytes());
        }
        self.counts.errors += u64::from(*answer != BroadcastAnswer::Done);
        self.finish(token);
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
fn words(answer: &BroadcastAnswer) -> &'static str {
    match answer {
        BroadcastAnswer::Done => "OK",
        BroadcastAnswer::Refused(..) => "SERVER_ERROR a peer refuses to be emptied",
        BroadcastAnswer::Ambiguous(_) => "SERVER_ERROR unknown whether this was done, no peer confirmed it",
        BroadcastAnswer::Unavailable => "SERVER_ERROR no peer can be reached",
    }
}
