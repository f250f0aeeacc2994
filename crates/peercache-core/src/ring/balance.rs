//! How evenly a ring spreads keys: the exact shares, by adding up its arcs (P-03).

use super::Ring;
use crate::spec::Replication;
use alloc::vec;
use alloc::vec::Vec;

/// How many positions the circle has: 2³².
const POSITIONS: f64 = 4_294_967_296.0;

/// What part of all keys a peer holds, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Share {
    /// The part of which it is the owner; over all peers these add up to 1.
    pub owned: f64,
    /// The part of which it keeps a copy; over all peers these add up to R.
    pub held: f64,
}

impl Ring {
    /// Each peer's exact share of the keys, indexed as the peers the ring was built from.
    #[must_use]
    pub fn shares(&self, replication: Replication) -> Vec<Share> {
        let mut shares = vec![Share::default(); self.peers()];
        let mut before = self.points[self.points.len() - 1].at;
        for (place, point) in self.points.iter().enumerate() {
            // The first arc wraps around zero. If all points share one position, it is everything.
            let arc = point.at.wrapping_sub(before);
            before = point.at;
            let whole = place == 0 && self.is_one_position();
            let length = if whole { 1.0 } else { f64::from(arc) / POSITIONS };
            if length == 0.0 {
                continue;
            }
            let set = self.replicas_after(point.at.wrapping_sub(1), replication);
            shares[set.owner().get()].owned += length;
            for peer in set.as_slice() {
                shares[peer.get()].held += length;
            }
        }
        shares
    }

    /// Whether all points collide in one position.
    fn is_one_position(&self) -> bool {
        self.points[0].at == self.points[self.points.len() - 1].at
    }
}
