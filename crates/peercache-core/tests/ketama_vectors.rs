//! Keys and the daemons on which the real twemproxy and libmemcached put them (P-02).
//!
//! Each file in `tests/ketama` is one fleet: the hash, perhaps a hash tag, the daemons as that program was
//! told of them, and keys with the number of the daemon that got each. The README beside them says how they
//! were made. Nothing in them was computed by code of ours.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use peercache_core::key::Key;
use peercache_core::ring::{Ring, RingMember};
use peercache_core::spec::{
    HashKind, HashTag, Ketama, KeyHash, PeerId, Replication, RingName, Vnodes, Weight,
};
use std::fs;
use std::path::Path;

/// One file.
struct Fleet {
    file: String,
    ketama: Ketama,
    peers: Vec<Peer>,
    keys: Vec<(usize, String)>,
}

struct Peer {
    id: PeerId,
    name: RingName,
    weight: Weight,
}

impl Peer {
    /// `host:port:weight`, with a name behind it where twemproxy was given one.
    fn read(number: usize, line: &str) -> Self {
        let (daemon, name) = line.split_once(' ').map_or((line, None), |(daemon, name)| (daemon, Some(name)));
        let [host, port, weight] = daemon.split(':').collect::<Vec<_>>().try_into().unwrap();
        let of_address = || RingName::of_address(host, port.parse().unwrap());
        let name = name.map_or_else(of_address, str::parse).unwrap();
        // Ids whose order is not that of the names, nor that in which they are given.
        let id = format!("p{}", (number * 7 + 3) % 64);
        Self { id: id.parse().unwrap(), name, weight: weight.parse().unwrap() }
    }
}

impl Fleet {
    fn read(path: &Path) -> Self {
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let program = if file.starts_with("lib") { Ketama::LIBMEMCACHED } else { Ketama::TWEMPROXY };
        let mut fleet = Self { file, ketama: program, peers: Vec::new(), keys: Vec::new() };
        for line in fs::read_to_string(path).unwrap().lines() {
            match line.split_once(' ').unwrap() {
                ("#", _) => {}
                ("hash", hash) => fleet.ketama.key_hash = hash.parse().unwrap(),
                ("tag", tag) => fleet.ketama.hash_tag = Some(tag.parse::<HashTag>().unwrap()),
                ("peer", daemon) => fleet.peers.push(Peer::read(fleet.peers.len(), daemon)),
                (owner, key) => fleet.keys.push((owner.parse().unwrap(), key.to_owned())),
            }
        }
        assert!(fleet.keys.len() >= 20, "{}", fleet.file);
        fleet
    }

    fn ring(&self) -> Ring {
        let peers = self.peers.iter();
        let members: Vec<_> = peers
            .map(|peer| RingMember { id: &peer.id, weight: peer.weight, ring_name: Some(&peer.name) })
            .collect();
        Ring::build(&members, Vnodes::default(), HashKind::Ketama(self.ketama)).unwrap()
    }
}

fn fleets() -> Vec<Fleet> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ketama");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .map(|path| Fleet::read(&path))
        .collect()
}

fn replicas(ring: &Ring, key: &str, copies: u8) -> Vec<usize> {
    let set = ring.replicas(Key::new(key.as_bytes()).unwrap(), Replication::new(copies).unwrap());
    set.as_slice().iter().map(|peer| peer.get()).collect()
}

#[test]
fn p02_every_key_is_where_the_real_programs_put_it() {
    let fleets = fleets();
    assert!(fleets.len() >= 30, "{} files", fleets.len());
    for fleet in &fleets {
        let ring = fleet.ring();
        for (owner, key) in &fleet.keys {
            assert_eq!(replicas(&ring, key, 1), [*owner], "{}: {key:?}", fleet.file);
        }
    }
}

#[test]
fn p02_every_key_hash_of_twemproxy_has_vectors() {
    let fleets = fleets();
    for &hash in KeyHash::ALL {
        let has = |fleet: &Fleet| fleet.ketama.key_hash == hash && fleet.file.starts_with("nutcracker");
        assert!(fleets.iter().any(has), "{hash}");
    }
}

#[test]
fn p02_further_copies_go_to_the_next_distinct_peers_that_have_points() {
    for fleet in &fleets() {
        let ring = fleet.ring();
        let placed = ring.shares(Replication::default()).iter().filter(|share| share.owned > 0.0).count();
        for (owner, key) in &fleet.keys {
            let all = replicas(&ring, key, 8);
            let mut distinct = all.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!((all[0], all.len(), distinct.len()), (*owner, placed.min(8), placed.min(8)));
            assert_eq!(replicas(&ring, key, 2)[..], all[..placed.min(2)]);
        }
    }
}

#[test]
fn two_peers_with_one_name_are_refused() {
    let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
    let name = "same".parse().unwrap();
    let member = |id| RingMember { id, weight: Weight::default(), ring_name: Some(&name) };
    let members = [member(&a), member(&b)];
    let error = Ring::build(&members, Vnodes::default(), HashKind::Ketama(Ketama::TWEMPROXY)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "peers a and b are both called same on the ring; give each a name of its own"
    );
}
