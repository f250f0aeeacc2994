//! Placement as others compute it, and what a change of peers may move.

use super::*;
use crate::spec::Vnodes;
use alloc::format;
use alloc::string::{String, ToString};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert_eq, proptest};

fn ids(names: &[&str]) -> Vec<PeerId> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn numbered(count: usize) -> Vec<PeerId> {
    (0..count).map(|n| format!("p{n}").parse().unwrap()).collect()
}

fn ring_of(ids: &[PeerId], hash: HashKind) -> Ring {
    let members: Vec<_> =
        ids.iter().map(|id| RingMember { id, weight: Weight::default(), ring_name: None }).collect();
    Ring::build(&members, Vnodes::default(), hash).unwrap()
}

fn replication(copies: u8) -> Replication {
    Replication::new(copies).unwrap()
}

fn names<'a>(ring: &Ring, ids: &'a [PeerId], key: &str, copies: u8) -> Vec<&'a str> {
    let set = ring.replicas(Key::new(key.as_bytes()).unwrap(), replication(copies));
    set.as_slice().iter().map(|peer| ids[peer.get()].as_str()).collect()
}

/// MD5 of the replica sets (R = 2) of `key-0` … `key-9999`, one line a key.
fn digest_of_ten_thousand(ring: &Ring, ids: &[PeerId]) -> String {
    use md5::{Digest, Md5};
    let mut lines = String::new();
    for n in 0..10_000 {
        lines += &names(ring, ids, &format!("key-{n}"), 2).concat();
        lines.push('\n');
    }
    Md5::digest(lines.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

#[test]
fn p01_md5_places_keys_as_the_reference_does() {
    // Computed with Python's hashlib and bisect: points are int(md5("p0#0").hexdigest()[:8], 16).
    let golden = [
        ("alpha", ["p0", "p2", "p1"]),
        ("user:42", ["p2", "p0", "p1"]),
        ("session/9f", ["p2", "p3", "p1"]),
        ("k", ["p0", "p2", "p1"]),
        (LONG, ["p1", "p2", "p0"]),
    ];
    let ids = numbered(4);
    let ring = ring_of(&ids, HashKind::Md5);
    for (key, expected) in golden {
        assert_eq!(names(&ring, &ids, key, 3), expected, "{key}");
    }
    assert_eq!(hash_point(HashKind::Md5, &ids[0], 0), 383_762_529);
    assert_eq!(digest_of_ten_thousand(&ring, &ids), "ec32cf7f7431cdcd8aebefc476779666");
}

#[test]
fn p01_xxh3_places_keys_as_the_reference_does() {
    // Computed with Python's xxhash 3: points are xxh3_64("p0#0") >> 32.
    let golden = [
        ("alpha", ["p3", "p1", "p2"]),
        ("user:42", ["p2", "p3", "p1"]),
        ("session/9f", ["p3", "p0", "p2"]),
        ("k", ["p3", "p2", "p0"]),
        (LONG, ["p1", "p0", "p2"]),
    ];
    let ids = numbered(4);
    let ring = ring_of(&ids, HashKind::Xxh3);
    for (key, expected) in golden {
        assert_eq!(names(&ring, &ids, key, 3), expected, "{key}");
    }
    assert_eq!(digest_of_ten_thousand(&ring, &ids), "db8e112b5d5fd77d4956704f01df2b5a");
}

#[test]
fn a_key_on_a_point_belongs_to_the_next_point() {
    let ids = ids(&["a", "b"]);
    let points = [(10, 0), (20, 1), (30, 0)].map(|(at, peer)| Point { at, peer: PeerIndex(peer) });
    let ring = Ring::index(points.to_vec(), HashKind::Xxh3, ids.len() as u16);
    let owner = |at| ring.replicas_at(at, replication(1)).owner().get();
    assert_eq!([owner(9), owner(10), owner(19), owner(20), owner(29)], [0, 1, 1, 0, 0]);
    assert_eq!([owner(30), owner(u32::MAX), owner(0)], [0, 0, 0], "after the last point comes the first");
}

#[test]
fn colliding_points_belong_to_the_smaller_id_in_any_order() {
    // Among 100,000 points of 32 bits about one pair collides; two names were searched until a pair did.
    let (first, second) = colliding_ids();
    let forward = ring_of(&[first.clone(), second.clone()], HashKind::Xxh3);
    let backward = ring_of(&[second.clone(), first.clone()], HashKind::Xxh3);
    let at = shared_position(&first, &second).unwrap().wrapping_sub(1);
    let owner_forward = forward.replicas_at(at, replication(1)).owner().get();
    let owner_backward = backward.replicas_at(at, replication(1)).owner().get();
    let smaller = usize::from(first > second);
    assert_eq!(owner_forward, smaller);
    assert_eq!(owner_backward, 1 - smaller);
}

fn shared_position(a: &PeerId, b: &PeerId) -> Option<u32> {
    let points = |id: &PeerId| (0..100).map(|v| hash_point(HashKind::Xxh3, id, v)).collect::<Vec<_>>();
    let of_a = points(a);
    points(b).into_iter().find(|at| of_a.contains(at))
}

fn colliding_ids() -> (PeerId, PeerId) {
    let mut seen = alloc::collections::BTreeMap::new();
    for n in 0.. {
        let id: PeerId = format!("c{n}").parse().unwrap();
        for v in 0..100 {
            match seen.insert(hash_point(HashKind::Xxh3, &id, v), id.clone()) {
                Some(other) if other != id => return (other, id),
                _ => {}
            }
        }
    }
    unreachable!("the names do not end before two collide")
}

#[test]
fn a_ring_is_never_empty_and_never_names_a_peer_twice() {
    assert_eq!(Ring::build(&[], Vnodes::default(), HashKind::Xxh3).unwrap_err(), RingError::Empty);
    assert_eq!(RingError::Empty.to_string(), "No peers available.");
    let ids = ids(&["a", "b", "a"]);
    let members: Vec<_> =
        ids.iter().map(|id| RingMember { id, weight: Weight::default(), ring_name: None }).collect();
    let error = Ring::build(&members, Vnodes::default(), HashKind::Xxh3).unwrap_err();
    assert_eq!(error, RingError::Duplicate { id: ids[0].clone() });
}

#[test]
fn too_many_points_are_refused_before_memory_is_taken() {
    let ids = numbered(2);
    let weight = Weight::new(1000).unwrap();
    let members: Vec<_> = ids.iter().map(|id| RingMember { id, weight, ring_name: None }).collect();
    let error = Ring::build(&members, Vnodes::new(10_000).unwrap(), HashKind::Xxh3).unwrap_err();
    assert_eq!(error, RingError::TooManyPoints { points: 20_000_000 });
}

#[test]
fn a_weight_of_three_takes_about_three_times_the_share() {
    let ids = numbered(2);
    let weight = |index: usize| Weight::new(if index == 0 { 3 } else { 1 }).unwrap();
    let members: Vec<_> =
        ids.iter().enumerate().map(|(i, id)| RingMember { id, weight: weight(i), ring_name: None }).collect();
    let ring = Ring::build(&members, Vnodes::new(1000).unwrap(), HashKind::Xxh3).unwrap();
    let shares = ring.shares(replication(1));
    assert!((shares[0].owned - 0.75).abs() < 0.05, "{shares:?}");
}

#[test]
fn shares_add_up_to_one_owner_and_r_copies() {
    for (peers, copies) in [(1, 1), (2, 2), (5, 3), (64, 2)] {
        let shares = ring_of(&numbered(peers), HashKind::Xxh3).shares(replication(copies));
        let owned: f64 = shares.iter().map(|share| share.owned).sum();
        let held: f64 = shares.iter().map(|share| share.held).sum();
        assert!((owned - 1.0).abs() < 1e-9, "{owned}");
        assert!((held - f64::from(copies)).abs() < 1e-9, "{held}");
    }
}

/// P-03 at the size of the bar: one of 64 peers leaves, and exactly the keys of its arcs move.
#[test]
fn p03_when_one_of_64_peers_leaves_only_its_keys_move() {
    let before_ids = numbered(64);
    let gone = &before_ids[17];
    let after_ids: Vec<_> = before_ids.iter().filter(|id| *id != gone).cloned().collect();
    let (before, after) = (ring_of(&before_ids, HashKind::Xxh3), ring_of(&after_ids, HashKind::Xxh3));
    let mut moved = 0;
    for n in 0..100_000 {
        let key = format!("key-{n}");
        let was = names(&before, &before_ids, &key, 1)[0];
        let is = names(&after, &after_ids, &key, 1)[0];
        assert_eq!(was != is, was == gone.as_str(), "{key}: {was} → {is}");
        moved += u32::from(was != is);
    }
    let share = before.shares(replication(1))[17].owned;
    let sampled = f64::from(moved) / 100_000.0;
    assert!((sampled - share).abs() < 0.003, "moved {sampled}, its arcs are {share}");
}

/// 1,000 random sets of 8 ids × 100 vnodes: no peer's share strays far from 1/8. The spread of a share is
/// about 1/√vnodes of it, so four times that is a bound that a broken hash exceeds and a sound one does not.
#[test]
fn balance_over_a_thousand_random_id_sets() {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let (mut worst, mut sum_of_squares) = (0f64, 0f64);
    for _ in 0..1000 {
        let ids: Vec<PeerId> = (0..8).map(|n| format!("h{:x}-{n}", next()).parse().unwrap()).collect();
        for share in ring_of(&ids, HashKind::Xxh3).shares(replication(1)) {
            let deviation = share.owned * 8.0 - 1.0;
            worst = worst.max(deviation.abs());
            sum_of_squares += deviation * deviation;
        }
    }
    let spread = sum_of_squares / 8000.0;
    assert!(spread < 0.11 * 0.11, "variance of a share {spread}");
    assert!(worst < 0.55, "largest deviation of a share {worst}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn p01_replica_sets_are_distinct_and_prefix_stable(
        peers in 1usize..12, key in "[a-z0-9]{1,30}", md5 in any::<bool>()
    ) {
        let ids = numbered(peers);
        let ring = ring_of(&ids, if md5 { HashKind::Md5 } else { HashKind::Xxh3 });
        let all = names(&ring, &ids, &key, 8);
        prop_assert_eq!(all.len(), peers.min(8));
        let distinct: alloc::collections::BTreeSet<_> = all.iter().collect();
        prop_assert_eq!(distinct.len(), all.len());
        for copies in 1..=8u8 {
            let set = names(&ring, &ids, &key, copies);
            prop_assert_eq!(&set[..], &all[..usize::from(copies).min(peers)]);
        }
    }

    #[test]
    fn p01_the_order_in_which_peers_are_given_means_nothing(
        seed in prop::collection::vec(any::<u32>(), 7), key in "[a-z0-9]{1,30}"
    ) {
        let forward = numbered(7);
        let mut shuffled: Vec<_> = seed.into_iter().zip(forward.clone()).collect();
        shuffled.sort();
        let shuffled: Vec<PeerId> = shuffled.into_iter().map(|(_, id)| id).collect();
        let (a, b) = (ring_of(&forward, HashKind::Xxh3), ring_of(&shuffled, HashKind::Xxh3));
        prop_assert_eq!(names(&a, &forward, &key, 3), names(&b, &shuffled, &key, 3));
    }

    #[test]
    fn p03_removing_a_peer_keeps_the_order_of_the_others(
        peers in 2usize..12, gone in 0usize..12, key in "[a-z0-9]{1,30}"
    ) {
        let before_ids = numbered(peers);
        let gone = before_ids[gone % peers].clone();
        let after_ids: Vec<_> = before_ids.iter().filter(|id| **id != gone).cloned().collect();
        let (before, after) = (ring_of(&before_ids, HashKind::Xxh3), ring_of(&after_ids, HashKind::Xxh3));
        let mut expected = names(&before, &before_ids, &key, 8);
        expected.retain(|name| *name != gone.as_str());
        let found = names(&after, &after_ids, &key, 8);
        prop_assert_eq!(&found[..expected.len()], &expected[..]);
    }
}
