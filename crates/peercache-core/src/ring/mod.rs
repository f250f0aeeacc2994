//! Consistent hashing: which distinct peers hold a key, owner first (P-01).
//!
//! A ring is a sorted circle of 32-bit points, `vnodes × weight` of them for each peer. A key belongs to the
//! first R distinct peers met clockwise *after* its own hash. The ring depends on the set of ids, weights and
//! the hash alone: not on addresses, not on the order in which peers were given, not on who is up.
//!
//! Looking a key up takes constant expected time and no allocation: the top bits of the hash index a table of
//! starting points, so that only about one point is compared instead of a binary search's thirteen.
//!
//! Invariant: a ring is never empty, and its points are sorted by (position, peer id).

mod balance;
mod hash;

use crate::key::Key;
use crate::spec::{HashKind, PeerId, REPLICATION_MAX, Replication, Vnodes, Weight};
use alloc::vec;
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
}

impl Ring {
    /// Builds the ring of `members`. The order of `members` only decides which [`PeerIndex`] each gets.
    ///
    /// # Errors
    /// No members, the same id twice, or more than [`POINTS_MAX`] points.
    pub fn build(members: &[RingMember<'_>], vnodes: Vnodes, hash: HashKind) -> Result<Self, RingError> {
        let peers = u16::try_from(members.len()).map_err(|_| RingError::TooManyPeers)?;
        if peers == 0 {
            return Err(RingError::Empty);
        }
        let ranks = ranks_by_id(members)?;
        let count: usize = members.iter().map(|m| m.weight.get() as usize * vnodes.get() as usize).sum();
        if count > POINTS_MAX {
            return Err(RingError::TooManyPoints { points: count });
        }
        let mut sorted = Vec::with_capacity(count);
        for (member, &rank) in members.iter().zip(&ranks) {
            for v in 0..vnodes.get() * member.weight.get() {
                sorted.push(u64::from(hash_point(hash, member.id, v)) << 16 | u64::from(rank));
            }
        }
        // Points that collide stand in the order of their peers' ids, whatever order the peers came in.
        sorted.sort_unstable();
        let mut by_rank = vec![PeerIndex(0); members.len()];
        for (index, &rank) in (0..peers).zip(&ranks) {
            by_rank[usize::from(rank)] = PeerIndex(index);
        }
        let point =
            |packed: u64| Point { at: (packed >> 16) as u32, peer: by_rank[(packed & 0xffff) as usize] };
        Ok(Self::index(sorted.into_iter().map(point).collect(), hash, peers))
    }

    fn index(points: Vec<Point>, hash: HashKind, peers: u16) -> Self {
        // Twice as many slots as points: a look-up then compares one or two points.
        let bits = (points.len() * 2).next_power_of_two().trailing_zeros();
        let shift = 32 - bits;
        let slots = 1usize << bits;
        let mut starts = Vec::with_capacity(slots);
        let mut next = 0;
        for slot in 0..slots as u64 {
            while next < points.len() && u64::from(points[next].at) < slot << shift {
                next += 1;
            }
            starts.push(next as u32);
        }
        Self { points, starts, shift, hash, peers }
    }

    /// The replica set of `key`: `replication` distinct peers, or all of them if there are fewer.
    #[must_use]
    #[inline]
    pub fn replicas(&self, key: Key<'_>, replication: Replication) -> ReplicaSet {
        self.replicas_at(hash_key(self.hash, key), replication)
    }

    /// The replica set of a key whose hash is `at`.
    #[must_use]
    #[inline]
    pub fn replicas_at(&self, at: u32, replication: Replication) -> ReplicaSet {
        let wanted = u16::from(replication.get()).min(self.peers) as u8;
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

/// Each member's place among the ids in order.
fn ranks_by_id(members: &[RingMember<'_>]) -> Result<Vec<u16>, RingError> {
    let mut order: Vec<u16> = (0..members.len() as u16).collect();
    let id = |index: u16| members[usize::from(index)].id;
    order.sort_unstable_by(|&a, &b| id(a).cmp(id(b)));
    if let Some(pair) = order.windows(2).find(|pair| id(pair[0]) == id(pair[1])) {
        return Err(RingError::Duplicate { id: id(pair[0]).clone() });
    }
    let mut ranks = vec![0; members.len()];
    for (rank, &index) in (0u16..).zip(&order) {
        ranks[usize::from(index)] = rank;
    }
    Ok(ranks)
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
