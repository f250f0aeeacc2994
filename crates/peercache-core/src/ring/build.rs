//! Building a ring: points, in order, and the table that leads into them.

use super::{POINTS_MAX, PeerIndex, Point, Ring, RingError, RingMember, hash_point, ketama};
use crate::spec::{HashKind, KetamaProgram, PeerSpec, REPLICATION_MAX, Vnodes};
use alloc::vec;
use alloc::vec::Vec;

impl<'a> From<&'a PeerSpec> for RingMember<'a> {
    fn from(peer: &'a PeerSpec) -> Self {
        Self { id: &peer.id, weight: peer.weight, ring_name: peer.ring_name.as_ref() }
    }
}

impl Ring {
    /// Builds the ring of `members`. Their order decides which [`PeerIndex`] each gets, and on libmemcached's
    /// ring whose point comes first where two collide. A ketama ring takes no notice of `vnodes`.
    ///
    /// # Errors
    /// No members, the same id or ring name twice, or more than [`POINTS_MAX`] points.
    pub fn build(members: &[RingMember<'_>], vnodes: Vnodes, hash: HashKind) -> Result<Self, RingError> {
        let peers = u16::try_from(members.len()).map_err(|_| RingError::TooManyPeers)?;
        if peers == 0 {
            return Err(RingError::Empty);
        }
        let by_id = in_order_of_ids(members, peers)?;
        let (order, points) = match hash {
            HashKind::Xxh3 | HashKind::Md5 => {
                let points = own_points(members, &by_id, vnodes, hash)?;
                (by_id, points)
            }
            HashKind::Ketama(ketama) => {
                let by_name = in_order_of_names(members, peers)?;
                let order = match ketama.program {
                    KetamaProgram::Twemproxy => by_name,
                    KetamaProgram::Libmemcached => (0..peers).collect(),
                };
                let points = ketama_points(members, &order)?;
                (order, points)
            }
        };
        let point = |packed: u64| Point {
            at: (packed >> 16) as u32,
            peer: PeerIndex(order[(packed & 0xffff) as usize]),
        };
        Ok(Self::index(points.into_iter().map(point).collect(), hash, peers))
    }

    /// The ring of `points`, which are in order and not none.
    pub(super) fn index(points: Vec<Point>, hash: HashKind, peers: u16) -> Self {
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
        let mut has_point = vec![false; usize::from(peers)];
        points.iter().for_each(|point| has_point[point.peer.get()] = true);
        let placed = has_point.into_iter().filter(|&has_point| has_point).count();
        let replicas_max = placed.min(usize::from(REPLICATION_MAX)) as u8;
        Self { points, starts, shift, hash, peers, replicas_max }
    }
}

/// The points of our own hashes, sorted, each with its peer's place in `order` below it: points that collide
/// stand in that order.
fn own_points(
    members: &[RingMember<'_>],
    order: &[u16],
    vnodes: Vnodes,
    hash: HashKind,
) -> Result<Vec<u64>, RingError> {
    let count = members.iter().map(|m| m.weight.get() as usize * vnodes.get() as usize).sum();
    let mut sorted = with_room_for(count)?;
    for (rank, &index) in (0u16..).zip(order) {
        let member = &members[usize::from(index)];
        for v in 0..vnodes.get() * member.weight.get() {
            sorted.push(pack(hash_point(hash, member.id, v), rank));
        }
    }
    sorted.sort_unstable();
    Ok(sorted)
}

/// The same of a ketama ring.
fn ketama_points(members: &[RingMember<'_>], order: &[u16]) -> Result<Vec<u64>, RingError> {
    let digests: Vec<u32> = ketama::digests(members).collect();
    let count = digests.iter().map(|&digests| (digests * ketama::POINTS_A_DIGEST) as usize).sum();
    let mut sorted = with_room_for(count)?;
    for (rank, &index) in (0u16..).zip(order) {
        let index = usize::from(index);
        for number in 0..digests[index] {
            sorted.extend(ketama::points(members[index].name(), number).map(|at| pack(at, rank)));
        }
    }
    sorted.sort_unstable();
    Ok(sorted)
}

fn pack(at: u32, rank: u16) -> u64 {
    u64::from(at) << 16 | u64::from(rank)
}

fn with_room_for(count: usize) -> Result<Vec<u64>, RingError> {
    if count > POINTS_MAX {
        return Err(RingError::TooManyPoints { points: count });
    }
    Ok(Vec::with_capacity(count))
}

/// The members' indices in the order of their ids.
fn in_order_of_ids(members: &[RingMember<'_>], peers: u16) -> Result<Vec<u16>, RingError> {
    let mut order: Vec<u16> = (0..peers).collect();
    let id = |index: u16| members[usize::from(index)].id;
    order.sort_unstable_by(|&a, &b| id(a).cmp(id(b)));
    match order.windows(2).find(|pair| id(pair[0]) == id(pair[1])) {
        Some(pair) => Err(RingError::Duplicate { id: id(pair[0]).clone() }),
        None => Ok(order),
    }
}

/// The members' indices in the order of their ring names, as twemproxy sorts its servers: shorter ones first.
fn in_order_of_names(members: &[RingMember<'_>], peers: u16) -> Result<Vec<u16>, RingError> {
    let mut order: Vec<u16> = (0..peers).collect();
    let member = |index: u16| &members[usize::from(index)];
    order.sort_by_key(|&index| (member(index).name().len(), member(index).name()));
    match order.windows(2).find(|pair| member(pair[0]).name() == member(pair[1]).name()) {
        Some(pair) => Err(RingError::DuplicateName {
            first: member(pair[0]).id.clone(),
            second: member(pair[1]).id.clone(),
            name: member(pair[0]).name().into(),
        }),
        None => Ok(order),
    }
}
