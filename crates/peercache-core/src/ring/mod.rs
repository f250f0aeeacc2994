//! Consistent hashing: which distinct peers hold a key, owner first (P-01).
//!
//! A ring is a sorted circle of 32-bit points, `vnodes × weight` of them for each peer. A key belongs to the
//! first R distinct peers met clockwise *after* its own hash. The ring depends on the set of ids, weights and
//! the hash alone: not on addresses, not on the order in which peers were given, not on who is up.
//!
//! A ketama ring is the ring of other programs, and follows their rules (P-02): its points come from names, a
//! key that hits a point belongs to it, and each program has its own order of points that collide.
//!
//! Looking a key up takes constant expected time and no allocation: the top bits of the hash index a table of
//! starting points, so that only about one point is compared instead of a binary search's thirteen.
//!
//! Invariant: a ring is never empty, and its points are sorted by (position, peer id).

mod balance;
mod build;
mod hash;
mod ketama;
mod key_hash;

use crate::key::Key;
use crate::spec::{HashKind, PeerId, REPLICATION_MAX, Replication, RingName, Weight};
use alloc::string::String;
use alloc::vec::Vec;
use thiserror::Error;

pub use balance::Share;
pub use hash::{hash_key, hash_point};

/// The most points one ring may have: a thousand peers with ten thousand points each, about 210 MB.
pub const POINTS_MAX: usize = 10_000_000;

/// A peer's place in the list its ring was built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerIndex(u16);

impl PeerIndex {
    /// The place `index`, counted from 0.
    #[must_use]
    #[inline]
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// The index, for use with slices.
    #[must_use]
    #[inline]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// The distinct peers that hold a key, owner first. Replica sets are prefix-stable: with a larger R the same
/// peers come first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReplicaSet {
    peers: [PeerIndex; REPLICATION_MAX as usize],
    len: u8,
}

impl ReplicaSet {
    #[inline]
    fn of(owner: PeerIndex) -> Self {
        let mut peers = [PeerIndex(0); REPLICATION_MAX as usize];
        peers[0] = owner;
        Self { peers, len: 1 }
    }

    /// The peers as a slice, owner first.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[PeerIndex] {
        &self.peers[..self.len as usize]
    }

    /// The first replica.
    #[must_use]
    #[inline]
    pub const fn owner(&self) -> PeerIndex {
        self.peers[0]
    }

    #[inline]
    fn push_if_new(&mut self, peer: PeerIndex) {
        let len = usize::from(self.len);
        // Nearly every set has two or three peers: comparing one by one beats a search that is made for more.
        if self.peers.iter().take(len).all(|&known| known != peer) {
            self.peers[len] = peer;
            self.len += 1;
        }
    }
}

impl core::fmt::Debug for ReplicaSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.as_slice().iter().map(|peer| peer.0)).finish()
    }
}

/// What a ring needs to know of a peer.
#[derive(Debug, Clone, Copy)]
pub struct RingMember<'a> {
    /// Its points come from this.
    pub id: &'a PeerId,
    /// How many times the network's vnodes it gets.
    pub weight: Weight,
    /// What a ketama ring makes its points of instead; the id where there is none.
    pub ring_name: Option<&'a RingName>,
}

impl RingMember<'_> {
    /// The name on a ketama ring.
    fn name(&self) -> &str {
        self.ring_name.map_or(self.id.as_str(), RingName::as_str)
    }
}

#[derive(Debug, Clone, Copy)]
struct Point {
    at: u32,
    peer: PeerIndex,
}

/// The circle of points. Immutable; a change of peers builds another one.
#[derive(Debug)]
pub struct Ring {
    points: Vec<Point>,
    /// For each value of a hash's top bits, the first point that is not before it.
    starts: Vec<u32>,
    shift: u32,
    hash: HashKind,
    peers: u16,
    /// The most replicas that a key can have here: as many as there are peers with a point, since on a ketama
    /// ring a peer of small weight may have none; never more than a set can hold.
    replicas_max: u8,
}

impl Ring {
    /// The replica set of `key`: `replication` distinct peers, or all that have points if those are fewer.
    #[must_use]
    #[inline]
    pub fn replicas(&self, key: Key<'_>, replication: Replication) -> ReplicaSet {
        self.replicas_of(key.as_bytes(), replication)
    }

    /// The replica set of an item that `name` stands for: a key's bytes, or what its base64 decodes to.
    #[must_use]
    #[inline]
    pub fn replicas_of(&self, name: &[u8], replication: Replication) -> ReplicaSet {
        self.replicas_after(hash::start_of_look_up(&self.hash, name), replication)
    }

    /// The replica set of a key whose hash is `at`.
    #[must_use]
    pub fn replicas_at(&self, at: u32, replication: Replication) -> ReplicaSet {
        self.replicas_after(hash::start_at(self.hash, at), replication)
    }

    /// The distinct peers whose points follow `at`.
    #[inline]
    fn replicas_after(&self, at: u32, replication: Replication) -> ReplicaSet {
        let wanted = replication.get().min(self.replicas_max);
        let mut next = self.first_after(at);
        let mut set = ReplicaSet::of(self.points[next].peer);
        while set.len < wanted {
            next = if next + 1 < self.points.len() { next + 1 } else { 0 };
            set.push_if_new(self.points[next].peer);
        }
        set
    }

    /// How many peers the ring has.
    #[must_use]
    pub fn peers(&self) -> usize {
        usize::from(self.peers)
    }

    /// The hash of its points and keys.
    #[must_use]
    pub fn hash(&self) -> HashKind {
        self.hash
    }

    /// The first point after `at`, around the circle.
    #[inline]
    fn first_after(&self, at: u32) -> usize {
        let start = self.starts[(at >> self.shift) as usize] as usize;
        let after = self.points[start..].iter().position(|point| point.at > at);
        after.map_or(0, |further| start + further)
    }
}

/// Why no ring could be built.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RingError {
    /// A ring of no peers places nothing.
    #[error("No peers available.")]
    Empty,
    /// Two peers with one id would be one place.
    #[error("peer {id} is listed twice")]
    Duplicate {
        /// The id.
        id: PeerId,
    },
    /// Two peers with one name on a ketama ring would be one place too.
    #[error("peers {first} and {second} are both called {name} on the ring; give each a name of its own")]
    DuplicateName {
        /// The one.
        first: PeerId,
        /// The other.
        second: PeerId,
        /// The name.
        name: String,
    },
    /// A peer's index has 16 bits.
    #[error("a network has at most 65535 peers")]
    TooManyPeers,
    /// See [`POINTS_MAX`].
    #[error("{points} ring points are more than {POINTS_MAX}; use fewer vnodes or smaller weights")]
    TooManyPoints {
        /// The number asked for.
        points: usize,
    },
}

#[cfg(test)]
mod tests;
