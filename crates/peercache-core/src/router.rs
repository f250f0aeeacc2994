//! From a key to a plan: which replicas there are and which of them may be asked now.
//!
//! Peers that are down, and peers that may not be read, are skipped here and only here.

use crate::health::{PeerState, Phase};
use crate::key::Key;
use crate::replication::{Gather, Positions, ReadGather, Step, Verdict, WriteAllGather};
use crate::ring::{PeerIndex, ReplicaSet};
use crate::topology::Topology;

/// How a request goes about its replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// One after the other until one decides: `get`.
    Read,
    /// All live ones in parallel: `set`, `delete`.
    WriteAll,
}

/// What to ask whom, and the gather that will decide.
#[derive(Debug)]
pub struct Plan {
    /// The key's replicas, owner first: position `n` in a step is the `n`-th of these.
    pub set: ReplicaSet,
    /// Decides what the answers mean.
    pub gather: Gather,
    /// What to do first.
    pub first: Step,
}

/// Plans a request for `key`. None if the network has no peers.
#[must_use]
pub fn plan(topology: &Topology, key: Key<'_>, mode: Mode) -> Option<Plan> {
    let set = topology.ring()?.replicas(key, topology.replication());
    Some(match mode {
        Mode::Read => plan_read(topology, set),
        Mode::WriteAll => plan_write(topology, set),
    })
}

fn plan_read(topology: &Topology, set: ReplicaSet) -> Plan {
    let (mut first, mut last, mut warming) = (Positions::NONE, Positions::NONE, Positions::NONE);
    for (position, state) in states(topology, &set) {
        if !state.is_readable() {
            continue;
        }
        match state.phase() {
            Phase::Up => first.insert(position),
            Phase::Warming => {
                first.insert(position);
                warming.insert(position);
            }
            Phase::Suspect => last.insert(position),
            Phase::Down | Phase::Returning => {}
        }
    }
    let mut read = ReadGather::new(set.as_slice().len(), first, last, warming);
    let first = read.begin();
    Plan { set, gather: Gather::Read(read), first }
}

fn plan_write(topology: &Topology, set: ReplicaSet) -> Plan {
    let live = states(topology, &set).filter(|(_, state)| state.is_live()).map(|(position, _)| position);
    let mut write = WriteAllGather::new(set.as_slice().len(), live.collect());
    let first = write.begin();
    Plan { set, gather: Gather::WriteAll(write), first }
}

fn states<'a>(topology: &'a Topology, set: &'a ReplicaSet) -> impl Iterator<Item = (u8, PeerState)> + 'a {
    (0u8..).zip(set.as_slice()).map(|(position, &peer)| (position, topology.peer(peer).cell.state()))
}

/// The peer at a position of a replica set.
#[must_use]
#[inline]
pub fn peer_at(set: &ReplicaSet, position: u8) -> PeerIndex {
    set.as_slice()[usize::from(position)]
}

/// Carries out what a verdict demands before the client may be told: makes replicas unreadable. Returns those
/// that were readable until now.
pub fn settle(topology: &Topology, set: &ReplicaSet, verdict: &Verdict) -> Positions {
    let clear = |position: &u8| topology.peer(peer_at(set, *position)).cell.clear_readable();
    verdict.unreadable.iter().filter(clear).collect()
}
