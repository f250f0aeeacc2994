//! The versions (CAS) that clients are given (P-17).
//!
//! Every daemon counts its own versions, so a bare one of one replica would be accepted by another that has
//! another value. What clients get carries a mark of the peer and its run, and stays below 2^53, because some
//! clients keep numbers as floating point.

use peercache_core::health::Incarnation;
use peercache_core::spec::PeerId;

/// Bits of a daemon's own version.
const OWN_BITS: u32 = 41;

/// Bits of the mark.
const TAG_BITS: u32 = 12;

/// What no daemon's version ever is: asking for it finds out what memcached says to a wrong one.
pub(crate) const NEVER: u64 = u64::MAX;

/// The mark of one run of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag(u64);

impl Tag {
    /// The mark of `peer` in the run that was last met. The start time is left out: two processes may compute
    /// it a second apart, and both must give the same mark.
    pub(crate) fn of(peer: &PeerId, run: Option<Incarnation>) -> Self {
        const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const FNV_PRIME: u64 = 0x0100_0000_01b3;
        let pid = run.map_or(0, |run| run.pid).to_le_bytes();
        let bytes = peer.as_str().bytes().chain(pid);
        let hash = bytes.fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        // Never 0, so that a bare version of a daemon is foreign to every peer.
        Self((hash >> 32) % ((1 << TAG_BITS) - 1) + 1)
    }

    /// What a client is given for a daemon's own version.
    pub(crate) fn wrap(self, own: u64) -> u64 {
        // A daemon that has counted so far gives versions that match nothing; better than a wrong match.
        let own = if own >> OWN_BITS == 0 { own } else { 0 };
        self.0 << OWN_BITS | own
    }

    /// The daemon's own version in what a client sends back; [`NEVER`] where it is of another peer or run.
    pub(crate) fn unwrap(self, given: u64) -> u64 {
        let own = given & ((1 << OWN_BITS) - 1);
        if given >> OWN_BITS == self.0 && own != 0 { own } else { NEVER }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(id: &str, pid: u32) -> Tag {
        Tag::of(&id.parse().unwrap(), Some(Incarnation { pid, started_s: 1000 }))
    }

    #[test]
    fn p17_a_version_comes_back_only_to_the_peer_and_run_that_gave_it() {
        let given = tag("p0", 7).wrap(1234);
        assert!(given < 1 << 53);
        assert_eq!(tag("p0", 7).unwrap(given), 1234);
        assert_eq!(tag("p1", 7).unwrap(given), NEVER);
        assert_eq!(tag("p0", 8).unwrap(given), NEVER);
        assert_eq!(tag("p0", 7).unwrap(1234), NEVER, "a bare version of a daemon");
    }

    #[test]
    fn a_version_that_does_not_fit_matches_nothing() {
        let tag = tag("p0", 7);
        assert_eq!(tag.unwrap(tag.wrap(1 << OWN_BITS)), NEVER);
        assert_eq!(tag.unwrap(tag.wrap((1 << OWN_BITS) - 1)), (1 << OWN_BITS) - 1);
    }
}
