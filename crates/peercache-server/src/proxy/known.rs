//! What a worker knows of the network while it answers: the topology, and why peers are not connected.

use peercache_core::health::{Incarnation, Phase};
use peercache_core::replication::{Positions, Tag};
use peercache_core::ring::{PeerIndex, ReplicaSet};
use peercache_core::router;
use peercache_core::topology::Topology;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// What a worker knows.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) topology: Arc<Topology>,
    /// The time, read once a turn.
    pub(crate) now: Duration,
    /// What marks the versions of each peer's items, once it was met.
    pub(crate) tags: Vec<Option<Tag>>,
    /// Why each peer's link is not open, in words for users.
    pub(crate) troubles: Vec<Option<String>>,
}

impl Known {
    pub(crate) fn new(topology: Arc<Topology>) -> Self {
        let peers = topology.peers();
        let tags = peers.iter().map(|_| None).collect();
        let troubles = peers.iter().map(|_| None).collect();
        Self { topology, now: Duration::ZERO, tags, troubles }
    }

    /// Somebody answers on a new connection to a peer.
    pub(crate) fn met(&mut self, index: usize, incarnation: Incarnation) {
        self.tags[index] = Some(Tag::of(&self.topology.peers()[index].spec.id, incarnation));
        self.troubles[index] = None;
    }

    /// The tag of the replica at `position`.
    pub(crate) fn tag(&self, set: &ReplicaSet, position: u8) -> Option<Tag> {
        self.tags[router::peer_at(set, position).get()]
    }

    /// When an attempt that begins now is over.
    pub(crate) fn attempt_deadline(&self, request_deadline: Duration) -> Duration {
        request_deadline.min(self.now + self.topology.policy().attempt)
    }

    /// When a request that begins now is over.
    pub(crate) fn request_deadline(&self) -> Duration {
        self.now + self.topology.policy().request
    }

    /// Why none of a key's replicas could serve it.
    pub(crate) fn why_unavailable(&self, set: &ReplicaSet) -> String {
        let mut text = "no replica can serve this key".to_owned();
        self.name_each(&mut text, set.as_slice().iter().copied());
        text
    }

    /// Which replicas may or may not execute a write.
    pub(crate) fn why_ambiguous(&self, set: &ReplicaSet, positions: Positions) -> String {
        let mut text = "unknown whether this was done, no replica confirmed it".to_owned();
        self.name_each(&mut text, positions.iter().map(|position| router::peer_at(set, position)));
        text
    }

    fn name_each(&self, text: &mut String, peers: impl Iterator<Item = PeerIndex>) {
        for (number, peer) in peers.enumerate() {
            let spec = &self.topology.peer(peer).spec;
            let between = if number == 0 { ": " } else { "; " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{between}{} ({}) {}", spec.id, spec.address, self.trouble(peer));
        }
    }

    fn trouble(&self, peer: PeerIndex) -> String {
        let state = self.topology.peer(peer).cell.state();
        match (&self.troubles[peer.get()], state.phase()) {
            (Some(trouble), _) => format!("is {}: {trouble}", state.phase()),
            (None, Phase::Up | Phase::Warming) if state.is_readable() => "did not answer in time".to_owned(),
            (None, Phase::Down | Phase::Suspect) => format!("is {}", state.phase()),
            (None, _) => "may miss writes and is being brought back".to_owned(),
        }
    }
}
