//! From a key to a plan: which replicas there are and which of them may be asked now.
//!
//! Peers that are down, and peers that may not be read, are skipped here. A link only takes back what it has
//! not sent yet when its peer changes afterwards.

use crate::health::{Entry, PeerState, Phase};
use crate::key::Key;
use crate::replication::{
    BroadcastAnswer, BroadcastGather, BroadcastVerdict, Follow, Gather, LeaderGather, Outcome, PeerSet,
    Positions, ReadGather, Step, Verdict, WriteAllGather,
};
use crate::ring::{PeerIndex, ReplicaSet};
use crate::spec::ReadPolicy;
use crate::topology::Topology;

/// How a request goes about its replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// One after the other until one decides: `get`.
    Read,
    /// As a read, but always from the leader on: `gets` and whatever else tells of an item what differs from
    /// copy to copy.
    Fetch,
    /// All live ones in parallel: `set`, `delete`, `touch`.
    WriteAll,
    /// The leader alone, and then the others: what depends on the value it changes.
    LeaderThen(Follow),
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

/// Plans a request for `key`, which is the `nth` of whoever asks: where reads are spread, that says with
/// which copy this one begins. None if the network has no peers.
#[must_use]
pub fn plan(topology: &Topology, key: Key<'_>, mode: Mode, nth: u32) -> Option<Plan> {
    plan_named(topology, key.as_bytes(), mode, nth)
}

/// As [`plan_named`], for one of the many keys of one request: only what a read needs, and nobody asked yet.
#[must_use]
#[inline]
pub fn plan_reading(
    topology: &Topology,
    name: &[u8],
    mode: Mode,
    nth: u32,
) -> Option<(ReplicaSet, ReadGather)> {
    let set = topology.ring()?.replicas_of(name, topology.replication());
    let read = if mode == Mode::Fetch { fetch(topology, &set) } else { read(topology, &set, nth) };
    Some((set, read))
}

/// As [`plan`], for an item that `name` stands for: a key's bytes, or what its base64 decodes to.
#[must_use]
#[inline]
pub fn plan_named(topology: &Topology, name: &[u8], mode: Mode, nth: u32) -> Option<Plan> {
    let set = topology.ring()?.replicas_of(name, topology.replication());
    Some(match mode {
        Mode::Read => plan_read(topology, set, nth),
        Mode::Fetch => plan_fetch(topology, set),
        Mode::WriteAll => plan_write(topology, set),
        Mode::LeaderThen(follow) => plan_leader(topology, set, follow),
    })
}

fn plan_read(topology: &Topology, set: ReplicaSet, nth: u32) -> Plan {
    let mut read = read(topology, &set, nth);
    let first = read.begin();
    Plan { set, gather: Gather::Read(read), first }
}

#[inline]
fn read(topology: &Topology, set: &ReplicaSet, nth: u32) -> ReadGather {
    let (first, last, warming) = readers(topology, set);
    let start = if is_spread(topology) { spread(nth, set.as_slice().len()) } else { 0 };
    ReadGather::new(first, last, warming).starting_at(start)
}

/// The replicas with which a `get` that is planned now may begin.
#[must_use]
pub fn read_first(topology: &Topology, set: &ReplicaSet) -> Positions {
    let (first, last, _) = readers(topology, set);
    if is_spread(topology) && !first.is_empty() {
        return first;
    }
    first.lowest().or(last.lowest()).map_or(Positions::NONE, Positions::only)
}

fn is_spread(topology: &Topology) -> bool {
    topology.policy().read == ReadPolicy::Spread
}

/// Who is read first, who is where those cannot say, and whose miss decides nothing.
#[inline]
fn readers(topology: &Topology, set: &ReplicaSet) -> (Positions, Positions, Positions) {
    let is_spread = is_spread(topology);
    let (mut first, mut last, mut warming) = (Positions::NONE, Positions::NONE, Positions::NONE);
    for (position, state) in states(topology, set) {
        if !state.is_readable() {
            continue;
        }
        let has_forgotten = state.has_forgotten();
        if has_forgotten {
            warming.insert(position);
        }
        match state.phase() {
            // Where anybody may be first, it is not one whose miss has to be passed on.
            Phase::Up | Phase::Warming if is_spread && has_forgotten => last.insert(position),
            Phase::Up | Phase::Warming => first.insert(position),
            Phase::Suspect => last.insert(position),
            Phase::Down | Phase::Returning => {}
        }
    }
    (first, last, warming)
}

/// The position with which the `nth` request of somebody begins. Evenly often each of them, whatever else is
/// asked regularly in between (multiples of the golden ratio, Weyl).
fn spread(nth: u32, copies: usize) -> u8 {
    let part = u64::from(nth.wrapping_mul(0x9e37_79b9));
    // There are at most eight copies.
    ((part * copies as u64) >> u32::BITS) as u8
}

fn plan_fetch(topology: &Topology, set: ReplicaSet) -> Plan {
    let mut read = fetch(topology, &set);
    let first = read.begin();
    Plan { set, gather: Gather::Read(read), first }
}

fn fetch(topology: &Topology, set: &ReplicaSet) -> ReadGather {
    let (first, last) = leaders(topology, set);
    ReadGather::new(first, last, last)
}

fn plan_write(topology: &Topology, set: ReplicaSet) -> Plan {
    let mut write = WriteAllGather::new(set.as_slice().len(), live(topology, &set));
    let first = write.begin();
    Plan { set, gather: Gather::WriteAll(write), first }
}

fn plan_leader(topology: &Topology, set: ReplicaSet, follow: Follow) -> Plan {
    let (first, last) = leaders(topology, &set);
    let live = live(topology, &set);
    let mut leader = LeaderGather::new(set.as_slice().len(), live, first, last, follow);
    let first = leader.begin();
    Plan { set, gather: Gather::Leader(leader), first }
}

/// Who may lead, and who may when nobody else can because they have forgotten. Suspicion moves no leader:
/// two writers that suspect different peers must still meet at one.
fn leaders(topology: &Topology, set: &ReplicaSet) -> (Positions, Positions) {
    let (mut first, mut last) = (Positions::NONE, Positions::NONE);
    for (position, state) in states(topology, set) {
        let leads = matches!(state.phase(), Phase::Up | Phase::Suspect | Phase::Warming);
        match state.is_readable() && leads {
            true if state.has_forgotten() => last.insert(position),
            true => first.insert(position),
            false => {}
        }
    }
    (first, last)
}

fn live(topology: &Topology, set: &ReplicaSet) -> Positions {
    states(topology, set).filter(|(_, state)| state.is_live()).map(|(position, _)| position).collect()
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

/// Tells the gather what a replica answered, in the light of how its peer stands now: a miss of a peer that
/// has become unreadable or warming since the plan was made is passed to the next replica.
pub fn observe(
    topology: &Topology,
    set: &ReplicaSet,
    gather: &mut Gather,
    position: u8,
    outcome: Outcome,
) -> Step {
    let state = topology.peer(peer_at(set, position)).cell.state();
    if outcome == Outcome::Miss && (!state.is_readable() || state.has_forgotten()) {
        gather.distrust(position);
    }
    gather.observe(position, outcome)
}

/// As [`observe`], of a read that was planned by [`plan_reading`].
pub fn observe_reading(
    topology: &Topology,
    set: &ReplicaSet,
    read: &mut ReadGather,
    position: u8,
    outcome: &Outcome,
) -> Step {
    let state = topology.peer(peer_at(set, position)).cell.state();
    if *outcome == Outcome::Miss && (!state.is_readable() || state.has_forgotten()) {
        read.distrust(position);
    }
    read.observe(position, outcome)
}

/// What carrying out a verdict came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Replicas that were readable until now.
    pub cleared: Positions,
    /// Replicas whose outage is not on disk yet. The client may be told only when none of their cells says
    /// [`Entry::Wanted`] any more, and never a success where one says [`Entry::Failed`] (P-11). Empty where
    /// no ledger is kept, and where nothing is acknowledged.
    pub unrecorded: Positions,
}

/// Carries out what a verdict demands before the client may be told: makes replicas unreadable, and wants
/// their outages recorded. Whoever called this then rings for the keeper of the ledger.
pub fn settle(topology: &Topology, set: &ReplicaSet, verdict: &Verdict) -> Settled {
    let cell = |position: u8| &topology.peer(peer_at(set, position)).cell;
    let cleared = verdict.unreadable.iter().filter(|&position| cell(position).clear_readable()).collect();
    let is_promise = verdict.answer.is_promise();
    // It may have been tried and have failed since the line above.
    let is_unrecorded = |position: &u8| {
        is_promise && matches!(cell(*position).state().entry(), Entry::Wanted | Entry::Failed)
    };
    let unrecorded = verdict.unreadable.iter().filter(is_unrecorded).collect();
    Settled { cleared, unrecorded }
}

/// Plans what concerns every peer: `flush_all`. None if the network has no peers.
#[must_use]
pub fn plan_broadcast(topology: &Topology) -> Option<BroadcastGather> {
    topology.ring()?;
    let is_live = |peer: &PeerIndex| topology.peer(*peer).cell.state().is_live();
    Some(BroadcastGather::new(topology.indexes().collect(), topology.indexes().filter(is_live).collect()))
}

/// As [`settle`], of a broadcast: returns the peers whose outage is not on disk yet.
pub fn settle_broadcast(topology: &Topology, verdict: &BroadcastVerdict) -> PeerSet {
    let cell = |peer: PeerIndex| &topology.peer(peer).cell;
    verdict.unreadable.iter().for_each(|peer| {
        cell(peer).clear_readable();
    });
    let is_promise = verdict.answer == BroadcastAnswer::Done;
    let is_unrecorded =
        |peer: &PeerIndex| is_promise && matches!(cell(*peer).state().entry(), Entry::Wanted | Entry::Failed);
    verdict.unreadable.iter().filter(is_unrecorded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Event;
    use crate::replication::{Answer, Ask, Lost};
    use crate::spec::{
        EngineKind, HashKind, NetworkSpec, PeerId, PeerSpec, Policy, Replication, Vnodes, Weight,
    };
    use alloc::vec::Vec;

    fn topology() -> Topology {
        topology_with(Policy::default())
    }

    fn topology_with(policy: Policy) -> Topology {
        let peer = |id: &str| PeerSpec {
            id: id.parse::<PeerId>().unwrap(),
            address: ([127, 0, 0, 1], 1).into(),
            weight: Weight::default(),
            engine: EngineKind::Memcached,
            ring_name: None,
            auth_file: None,
        };
        let network = NetworkSpec {
            name: "main".parse().unwrap(),
            peers: ["a", "b", "c"].map(peer).into(),
            replication: Replication::new(2).unwrap(),
            vnodes: Vnodes::default(),
            hash: HashKind::Xxh3,
            policy,
        };
        Topology::build(&network).unwrap()
    }

    fn key() -> Key<'static> {
        Key::new(b"k").unwrap()
    }

    fn asked(step: &Step) -> Vec<u8> {
        match step {
            Step::Ask(positions, Ask::Request) => positions.iter().collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn p20_a_peer_that_is_down_or_may_miss_writes_is_not_read() {
        let topology = topology();
        let owner = plan(&topology, key(), Mode::Read, 0).unwrap().set.owner();
        topology.peer(owner).cell.observe(Event::Refused);
        assert_eq!(asked(&plan(&topology, key(), Mode::Read, 0).unwrap().first), [1]);
        assert_eq!(asked(&plan(&topology, key(), Mode::WriteAll, 0).unwrap().first), [1]);
        topology.peer(owner).cell.observe(Event::Answered);
        assert_eq!(asked(&plan(&topology, key(), Mode::Read, 0).unwrap().first), [1], "it is returning");
        assert_eq!(
            asked(&plan(&topology, key(), Mode::WriteAll, 0).unwrap().first),
            [0, 1],
            "and takes writes"
        );
    }

    #[test]
    fn p20_the_miss_of_a_peer_that_forgot_meanwhile_is_passed_on() {
        let topology = topology();
        let Plan { set, mut gather, first } = plan(&topology, key(), Mode::Read, 0).unwrap();
        assert_eq!(asked(&first), [0]);
        topology.peer(set.owner()).cell.clear_readable();
        assert_eq!(asked(&observe(&topology, &set, &mut gather, 0, Outcome::Miss)), [1]);
    }

    #[test]
    fn p20_spread_reads_begin_evenly_often_with_each_copy_and_go_on_with_the_others() {
        let topology = topology_with(Policy { read: ReadPolicy::Spread, ..Policy::default() });
        // Every third request of somebody is for this key.
        let firsts =
            (0..300).map(|nth| asked(&plan(&topology, key(), Mode::Read, nth * 3).unwrap().first)[0]);
        assert!((140..=160).contains(&firsts.filter(|&first| first == 0).count()));
        let from_1 = (0..).find(|&nth| spread(nth, 2) == 1).unwrap();
        let Plan { set, mut gather, first } = plan(&topology, key(), Mode::Read, from_1).unwrap();
        assert_eq!(asked(&first), [1]);
        let next = observe(&topology, &set, &mut gather, 1, Outcome::Lost(Lost::NotSent));
        assert_eq!(asked(&next), [0], "behind the last comes the owner");
        assert_eq!(asked(&plan(&topology, key(), Mode::Fetch, from_1).unwrap().first), [0], "not for gets");
        assert_eq!(read_first(&topology, &set).iter().collect::<Vec<_>>(), [0, 1]);
        topology.peer(peer_at(&set, 1)).cell.observe(Event::TimedOut);
        let first = plan(&topology, key(), Mode::Read, from_1).unwrap().first;
        assert_eq!(asked(&first), [0], "a suspect comes last, wherever it begins");
        assert_eq!(read_first(&topology, &set).iter().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn p10_settling_makes_unreadable_whoever_did_not_confirm() {
        let topology = topology();
        let Plan { set, mut gather, .. } = plan(&topology, key(), Mode::WriteAll, 0).unwrap();
        gather.observe(1, Outcome::Done);
        let verdict = gather.expire();
        assert!(matches!(verdict.answer, Answer::Done { .. }));
        let settled = settle(&topology, &set, &verdict);
        assert_eq!(settled.cleared.iter().collect::<Vec<_>>(), [0]);
        assert!(settled.unrecorded.is_empty(), "no ledger is kept");
        assert!(!topology.peer(set.owner()).cell.state().is_readable());
    }

    #[test]
    fn p11_what_is_acknowledged_is_held_until_it_is_recorded_and_what_is_not_is_not() {
        let topology = topology();
        topology.peers().iter().for_each(|peer| peer.cell.keep_ledger());
        let Plan { set, mut gather, .. } = plan(&topology, key(), Mode::WriteAll, 0).unwrap();
        let ambiguous = gather.clone().expire();
        assert!(settle(&topology, &set, &ambiguous).unrecorded.is_empty(), "nothing is acknowledged");
        assert_eq!(topology.peer(set.owner()).cell.state().entry(), Entry::Wanted, "but recorded it is");
        gather.observe(1, Outcome::Done);
        let done = gather.expire();
        assert_eq!(settle(&topology, &set, &done).unrecorded.iter().collect::<Vec<_>>(), [0]);
        topology.peer(set.owner()).cell.entry_recorded();
        assert!(settle(&topology, &set, &done).unrecorded.is_empty());
    }

    #[test]
    fn p17_a_fetch_asks_the_leader_and_then_the_others() {
        let topology = topology();
        let owner = plan(&topology, key(), Mode::Fetch, 0).unwrap().set.owner();
        topology.peer(owner).cell.observe(Event::TimedOut);
        let Plan { set, mut gather, first } = plan(&topology, key(), Mode::Fetch, 0).unwrap();
        assert_eq!(asked(&first), [0], "suspicion moves no leader");
        let next = observe(&topology, &set, &mut gather, 0, Outcome::Lost(Lost::Ambiguous));
        assert_eq!(asked(&next), [1]);
    }

    #[test]
    fn p15_a_peer_that_may_miss_writes_does_not_lead_and_still_follows() {
        let topology = topology();
        let owner = plan(&topology, key(), Mode::Fetch, 0).unwrap().set.owner();
        topology.peer(owner).cell.clear_readable();
        let Plan { mut gather, first, .. } =
            plan(&topology, key(), Mode::LeaderThen(Follow::Invalidate), 0).unwrap();
        assert_eq!(asked(&first), [1]);
        let followers: Positions = [0].into_iter().collect();
        assert_eq!(gather.observe(1, Outcome::Done), Step::Ask(followers, Ask::Invalidate));
    }

    #[test]
    fn p18_a_flush_is_for_every_peer_and_one_that_is_down_is_unreadable_after_it() {
        let topology = topology();
        let peers: Vec<PeerIndex> = topology.indexes().collect();
        topology.peer(peers[2]).cell.observe(Event::Refused);
        let mut gather = plan_broadcast(&topology).unwrap();
        assert_eq!(gather.waiting().iter().collect::<Vec<_>>(), peers[..2]);
        assert_eq!(gather.observe(peers[0], Outcome::Done), None);
        let verdict = gather.observe(peers[1], Outcome::Done).unwrap();
        assert_eq!(verdict.answer, BroadcastAnswer::Done);
        assert!(settle_broadcast(&topology, &verdict).is_empty(), "no ledger is kept");
        assert!(!topology.peer(peers[2]).cell.state().is_readable());
    }
}
