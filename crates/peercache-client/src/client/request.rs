//! One request from its plan to its verdict: sends what the gather asks for and tells it what came back.

use super::{Client, PeerError, Trouble};
use crate::answer::Answer;
use crate::link::Link;
use crate::network::Unrecorded;
use futures_util::stream::{FuturesUnordered, StreamExt};
use peercache_core::health::Phase;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::command::Command;
use peercache_core::replication::{Ask, Lost, Step, Verdict};
use peercache_core::ring::ReplicaSet;
use peercache_core::router::{self, Plan, Settled};
use peercache_core::spec::PeerId;
use std::time::Duration;

/// A request that has ended; its verdict was carried out.
pub(super) struct Finished {
    pub(super) set: ReplicaSet,
    pub(super) verdict: Verdict,
    /// The last answer of each replica, by position; none where it was not asked.
    pub(super) answers: Vec<Option<Answer>>,
    /// Whether what the verdict demands is on disk too, so that it may be acknowledged.
    pub(super) recorded: Result<(), Unrecorded>,
}

impl Client {
    /// Runs a planned request. What the verdict demands is done, and recorded for other
    /// processes where a ledger is kept, before this returns (P-10, P-11).
    pub(super) async fn run(&self, plan: Plan, request: &Command<'_>, key: Key<'_>) -> Finished {
        let Plan { set, mut gather, first } = plan;
        let invalidate = Command::Delete(key);
        let request_deadline = self.network().now() + self.topology().policy().request;
        let mut answers: Vec<Option<Answer>> = set.as_slice().iter().map(|_| None).collect();
        let mut asked = FuturesUnordered::new();
        let mut step = first;
        loop {
            match step {
                Step::Settled(verdict) => return self.settle(set, verdict, answers).await,
                Step::Ask(positions, ask) => {
                    let command = match ask {
                        Ask::Request | Ask::Follow => request,
                        Ask::Invalidate => &invalidate,
                    };
                    let deadline = self.attempt_deadline(request_deadline);
                    for position in positions.iter() {
                        let link = self.link(router::peer_at(&set, position).get());
                        asked.push(async move { (position, link.call(command, deadline).await) });
                    }
                }
                Step::Pending => {}
            }
            step = match asked.next().await {
                Some((position, answer)) => {
                    let outcome = answer.outcome();
                    let place = &mut answers[usize::from(position)];
                    // A refusal stays the reason, whatever the deletion that follows it comes to.
                    if !matches!(place, Some(Answer::Refused(_))) {
                        *place = Some(answer);
                    }
                    router::observe(self.topology(), &set, &mut gather, position, outcome)
                }
                None => Step::Settled(gather.expire()),
            };
        }
    }

    async fn settle(&self, set: ReplicaSet, verdict: Verdict, answers: Vec<Option<Answer>>) -> Finished {
        let Settled { cleared, unrecorded } = router::settle(self.topology(), &set, &verdict);
        for position in cleared.iter() {
            tracing::info!(peer = %self.id_at(&set, position), "unreadable: it may miss a write");
        }
        if !cleared.is_empty() || !unrecorded.is_empty() {
            self.network().stir();
        }
        let recorded = self.network().recorded(self.topology(), &set, unrecorded).await;
        Finished { set, verdict, answers, recorded }
    }

    pub(super) fn attempt_deadline(&self, request_deadline: Duration) -> Duration {
        request_deadline.min(self.network().now() + self.topology().policy().attempt)
    }

    /// What each replica did, for an error.
    pub(super) fn troubles(&self, set: &ReplicaSet, answers: &[Option<Answer>]) -> Vec<Trouble> {
        let trouble = |(peer, answer): (&peercache_core::ring::PeerIndex, &Option<Answer>)| {
            self.trouble(peer.get(), answer.as_ref())
        };
        set.as_slice().iter().zip(answers).map(trouble).collect()
    }

    fn trouble(&self, index: usize, answer: Option<&Answer>) -> Trouble {
        let peer = &self.topology().peers()[index];
        let state = peer.cell.state();
        let reason = match answer {
            Some(Answer::Refused(refusal)) => format!("refused: {refusal}"),
            Some(Answer::Lost(Lost::Ambiguous)) => self.lost_reason(index, "did not answer"),
            Some(Answer::Lost(Lost::NotSent)) => self.lost_reason(index, "could not be asked"),
            Some(_) => "answered".to_owned(),
            None if state.phase() == Phase::Down => self.lost_reason(index, "is down"),
            None if !state.is_readable() => "may miss writes and is being brought back".to_owned(),
            None => format!("is {}", state.phase()),
        };
        Trouble { peer: peer.spec.id.clone(), address: peer.spec.address, reason }
    }

    fn lost_reason(&self, index: usize, what: &str) -> String {
        match self.opened_link(index).and_then(Link::trouble) {
            Some(trouble) => format!("{what}: {trouble}"),
            None => what.to_owned(),
        }
    }

    /// Asks one peer, whatever its phase.
    pub(super) async fn ask_peer(&self, peer: &PeerId, command: &Command<'_>) -> Result<Answer, PeerError> {
        let index = self.topology().position(peer).ok_or_else(|| PeerError::Unknown(peer.clone()))?;
        let deadline = self.network().now() + self.topology().policy().request;
        Ok(self.link(index).call(command, deadline).await)
    }

    pub(super) fn peer_error(&self, peer: &PeerId, answer: &Answer) -> PeerError {
        match self.topology().position(peer) {
            Some(index) => PeerError::Trouble(self.trouble(index, Some(answer))),
            None => PeerError::Unknown(peer.clone()),
        }
    }
}
