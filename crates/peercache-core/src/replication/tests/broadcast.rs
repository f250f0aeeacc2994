//! Every small world of a broadcast: up to three peers, down or with any answer, with and without the
//! deadline.

use super::*;
use crate::ring::PeerIndex;

const OUTCOMES: [fn() -> Outcome; 4] = [
    || Outcome::Done,
    || Outcome::Refused(Refusal::Other("CLIENT_ERROR flush_all not allowed".into())),
    || Outcome::Lost(Lost::NotSent),
    || Outcome::Lost(Lost::Ambiguous),
];

/// Visits every world: what each peer would answer (none is down), how many answers come in time, and the
/// verdict.
fn every_broadcast(visit: impl Fn(&[Option<Outcome>], usize, BroadcastVerdict)) {
    for peers in 1..=3usize {
        for choice in every_choice(peers, OUTCOMES.len() + 1) {
            let worlds: Vec<_> =
                choice.iter().map(|&pick| OUTCOMES.get(pick).map(|outcome| outcome())).collect();
            let live: PeerSet = peers_where(&worlds, Option::is_some);
            for arrivals in 0..=live.iter().count() {
                let mut gather = BroadcastGather::new(peers_where(&worlds, |_| true), live.clone());
                let mut verdict = None;
                for peer in live.iter().take(arrivals) {
                    verdict = gather.observe(peer, worlds[peer.get()].clone().unwrap());
                }
                visit(&worlds, arrivals, verdict.unwrap_or_else(|| gather.expire()));
            }
        }
    }
}

fn peers_where(world: &[Option<Outcome>], holds: impl Fn(&Option<Outcome>) -> bool) -> PeerSet {
    (0u16..).zip(world).filter(|(_, outcome)| holds(outcome)).map(|(at, _)| PeerIndex::new(at)).collect()
}

#[test]
fn p18_a_flush_that_is_acknowledged_reached_every_peer_or_made_it_unreadable() {
    every_broadcast(|world, arrivals, verdict| {
        let mut arrived = 0;
        let mut confirmed = PeerSet::default();
        let mut open = PeerSet::default();
        for (at, outcome) in (0u16..).zip(world) {
            let Some(outcome) = outcome else { continue };
            arrived += 1;
            if arrived > arrivals || *outcome == Outcome::Lost(Lost::Ambiguous) {
                open.insert(PeerIndex::new(at));
            } else if *outcome == Outcome::Done {
                confirmed.insert(PeerIndex::new(at));
            }
        }
        let all = peers_where(world, |_| true);
        assert_eq!(verdict.answer == BroadcastAnswer::Done, !confirmed.is_empty());
        if verdict.answer == BroadcastAnswer::Done {
            assert!(all.iter().all(|peer| confirmed.contains(peer) != verdict.unreadable.contains(peer)));
        } else {
            assert_eq!(verdict.unreadable.iter().collect::<Vec<_>>(), open.iter().collect::<Vec<_>>());
            let certain =
                matches!(verdict.answer, BroadcastAnswer::Refused(..) | BroadcastAnswer::Unavailable);
            assert_eq!(certain, open.is_empty(), "{verdict:?}");
        }
    });
}

#[test]
fn a_refusal_is_the_answer_where_nobody_does_it() {
    let both: PeerSet = [0, 1].map(PeerIndex::new).into_iter().collect();
    let mut gather = BroadcastGather::new(both.clone(), both);
    assert_eq!(gather.observe(PeerIndex::new(1), Outcome::Refused(Refusal::OutOfMemory)), None);
    let verdict = gather.observe(PeerIndex::new(0), Outcome::Lost(Lost::NotSent)).unwrap();
    assert_eq!(verdict.answer, BroadcastAnswer::Refused(PeerIndex::new(1), Refusal::OutOfMemory));
    assert!(verdict.unreadable.is_empty());
}

#[test]
fn a_set_of_peers_holds_any_number() {
    let peers: Vec<_> = [0, 63, 64, 200].map(PeerIndex::new).to_vec();
    let mut set: PeerSet = peers.iter().copied().collect();
    assert_eq!(set.iter().collect::<Vec<_>>(), peers);
    assert!(set.remove(PeerIndex::new(64)));
    assert!(!set.remove(PeerIndex::new(64)) && !set.contains(PeerIndex::new(9999)));
    assert_eq!(set.iter().count(), 3);
}
