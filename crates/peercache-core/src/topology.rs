//! One network at one moment: its peers, its ring, its policy. Immutable; a change builds the next epoch.

use crate::health::{PeerCell, Phase};
use crate::ring::{PeerIndex, Ring, RingError, RingMember};
use crate::spec::{NetworkName, NetworkSpec, PeerId, PeerSpec, Policy, Replication};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A peer and what this process knows of it. The cell outlives the epoch, the rest does not.
#[derive(Debug, Clone)]
pub struct TopologyPeer {
    /// Who it is and where.
    pub spec: PeerSpec,
    /// How it stands.
    pub cell: Arc<PeerCell>,
}

/// An immutable snapshot of a network.
#[derive(Debug)]
pub struct Topology {
    epoch: u64,
    name: NetworkName,
    ring: Option<Ring>,
    peers: Vec<TopologyPeer>,
    replication: Replication,
    policy: Policy,
}

impl Topology {
    /// Builds the first epoch of `spec`, with every peer `up` until it shows otherwise. A network without
    /// peers is a topology without a ring: every request to it is answered by "No peers available."
    ///
    /// # Errors
    /// What [`Ring::build`] says of the peers.
    pub fn build(spec: &NetworkSpec) -> Result<Self, RingError> {
        Self::with_phases(spec, |_| Phase::Up)
    }

    /// As [`Self::build`], with each peer's phase as somebody who remembers it tells.
    ///
    /// # Errors
    /// What [`Ring::build`] says of the peers.
    pub fn with_phases(spec: &NetworkSpec, phase: impl Fn(&PeerId) -> Phase) -> Result<Self, RingError> {
        Self::with_cells(1, spec, |peer| Arc::new(PeerCell::starting(phase(&peer.id))))
    }

    /// Builds the epoch behind this one, as `spec` describes the network now. What is known of a peer goes
    /// on being known where its id, its address and who to be there stay; any other one begins in its
    /// `phase`.
    ///
    /// # Errors
    /// What [`Ring::build`] says of the peers.
    pub fn next(&self, spec: &NetworkSpec, phase: impl Fn(&PeerId) -> Phase) -> Result<Self, RingError> {
        Self::with_cells(self.epoch + 1, spec, |peer| {
            let known = self.known(peer).map(|known| Arc::clone(&known.cell));
            known.unwrap_or_else(|| Arc::new(PeerCell::starting(phase(&peer.id))))
        })
    }

    fn with_cells(
        epoch: u64,
        spec: &NetworkSpec,
        cell: impl Fn(&PeerSpec) -> Arc<PeerCell>,
    ) -> Result<Self, RingError> {
        let members: Vec<_> = spec.peers.iter().map(RingMember::from).collect();
        let ring = match Ring::build(&members, spec.vnodes, spec.hash) {
            Err(RingError::Empty) => None,
            ring => Some(ring?),
        };
        let peer = |spec: &PeerSpec| TopologyPeer { spec: spec.clone(), cell: cell(spec) };
        Ok(Self {
            epoch,
            name: spec.name.clone(),
            ring,
            peers: spec.peers.iter().map(peer).collect(),
            replication: spec.replication,
            policy: spec.policy,
        })
    }

    /// Counts the changes of the network as this process saw them, from 1.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The network's name.
    #[must_use]
    pub fn name(&self) -> &NetworkName {
        &self.name
    }

    /// The ring; none while the network has no peers.
    #[must_use]
    pub fn ring(&self) -> Option<&Ring> {
        self.ring.as_ref()
    }

    /// The peers, as [`PeerIndex`] counts them.
    #[must_use]
    pub fn peers(&self) -> &[TopologyPeer] {
        &self.peers
    }

    /// The place of each peer.
    pub fn indexes(&self) -> impl Iterator<Item = PeerIndex> + use<> {
        (0..).map(PeerIndex::new).take(self.peers.len())
    }

    /// One peer.
    #[must_use]
    pub fn peer(&self, index: PeerIndex) -> &TopologyPeer {
        &self.peers[index.get()]
    }

    /// The place of the peer `id`, if it is in the network.
    #[must_use]
    pub fn position(&self, id: &PeerId) -> Option<usize> {
        self.peers.iter().position(|peer| peer.spec.id == *id)
    }

    /// What is known of the peer with this id at this address, if it is in the network. Where another file
    /// says who to be, every connection is to be made anew: that is another peer too.
    #[must_use]
    pub fn known(&self, peer: &PeerSpec) -> Option<&TopologyPeer> {
        let key = |spec: &PeerSpec| (spec.id.clone(), spec.address, spec.auth_file.clone());
        self.peers.iter().find(|known| key(&known.spec) == key(peer))
    }

    /// Copies per key as asked for; a smaller network keeps as many as it has peers.
    #[must_use]
    pub fn replication(&self) -> Replication {
        self.replication
    }

    /// Whether a key has a second replica that can stand in for the first.
    #[must_use]
    pub fn has_siblings(&self) -> bool {
        self.peers.len() > 1 && self.replication.get() > 1
    }

    /// How requests behave.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Event;
    use crate::spec::{EngineKind, HashKind, Vnodes, Weight};

    fn network(peers: &[(&str, u16)]) -> NetworkSpec {
        let peer = |&(id, port): &(&str, u16)| PeerSpec {
            id: id.parse().unwrap(),
            address: ([127, 0, 0, 1], port).into(),
            weight: Weight::default(),
            engine: EngineKind::Memcached,
            ring_name: None,
            auth_file: None,
        };
        NetworkSpec {
            name: "main".parse().unwrap(),
            peers: peers.iter().map(peer).collect(),
            replication: Replication::default(),
            vnodes: Vnodes::default(),
            hash: HashKind::Xxh3,
            policy: Policy::default(),
        }
    }

    #[test]
    fn the_next_epoch_knows_of_peers_that_stay_and_of_nobody_else() {
        let before = Topology::build(&network(&[("a", 1), ("b", 2), ("c", 3)])).unwrap();
        for peer in before.peers() {
            peer.cell.observe(Event::Refused);
        }
        let mut spec = network(&[("d", 4), ("c", 3), ("b", 9), ("a", 1)]);
        spec.peers[3].auth_file = Some("/users".parse().unwrap());
        let after = before.next(&spec, |_| Phase::Warming).unwrap();
        assert_eq!((before.epoch(), after.epoch()), (1, 2));
        let phases: Vec<_> = after.peers().iter().map(|peer| peer.cell.state().phase()).collect();
        assert_eq!(phases, [Phase::Warming, Phase::Down, Phase::Warming, Phase::Warming], "b has moved");
        assert!(Arc::ptr_eq(&after.peers()[1].cell, &before.peers()[2].cell));
    }
}
