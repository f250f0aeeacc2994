//! Versions as clients see them: a peer's own number, marked with whose number it is (P-17).
//!
//! Each run of each peer counts versions for itself, from 1, so the bare number of one copy means nothing to
//! another and is at times accepted by it. A token therefore carries a tag of the peer and its incarnation; a
//! foreign one is `EXISTS` without asking anybody, which is what a version that changed would get.
//!
//! A token has 12 bits of tag above 41 bits of number: below 2^53, so that clients that keep numbers as
//! doubles lose nothing. A number that does not fit becomes a token that never matches: such a client reads
//! once more and fails again, but never overwrites what it has not read.
//!
//! Twelve bits cannot tell all peers apart: of two, about one pair in 800 accepts each other's tags, and then
//! only where the numbers are equal as well. Runs of one peer with one process id (1, in a container) that
//! started within an hour of each other are always told apart.

use crate::health::Incarnation;
use crate::spec::PeerId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bits of a token that hold the peer's number.
const CAS_BITS: u32 = 41;
const CAS_MASK: u64 = (1 << CAS_BITS) - 1;
/// Values of a tag.
const TAGS: u16 = 1 << 12;
/// No peer numbers an item 0, so a token with it is nobody's.
const NEVER: u64 = 0;

/// Whose versions they are: a run of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(u16);

impl Tag {
    /// The tag of `incarnation`, met at the peer `id`. It must be the one that the answering link greeted.
    #[must_use]
    pub fn of(id: &PeerId, incarnation: Incarnation) -> Self {
        let base = xxh3_64_with_seed(id.as_str().as_bytes(), u64::from(incarnation.pid));
        // The start is added and not hashed in: processes that read two clocks differ in it by a second or
        // two, and have to recognise each other's tags.
        let moved = base.wrapping_add(u64::from(incarnation.started_s));
        Self((moved % u64::from(TAGS)) as u16)
    }

    /// The token that a client gets for the peer's number `cas`. Below 2^53.
    #[must_use]
    pub const fn wrap(self, cas: u64) -> u64 {
        let cas = if cas > CAS_MASK { NEVER } else { cas };
        (self.0 as u64) << CAS_BITS | cas
    }

    /// The peer's number in a token that a client brought back. None if it is of another run or peer, or
    /// never matches: then the answer is `EXISTS`.
    #[must_use]
    pub fn unwrap(self, token: u64) -> Option<u64> {
        let (tag, cas) = (token >> CAS_BITS, token & CAS_MASK);
        let apart = self.apart(u16::try_from(tag).ok().filter(|&tag| tag < TAGS)?);
        (u32::from(apart) <= Incarnation::START_TOLERANCE_S && cas != NEVER).then_some(cas)
    }

    /// How far two tags are from each other, on the circle of them all.
    fn apart(self, other: u16) -> u16 {
        let forth = self.0.wrapping_sub(other) % TAGS;
        forth.min(TAGS - forth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    fn tag(id: &str, pid: u32, started_s: u32) -> Tag {
        Tag::of(&id.parse().unwrap(), Incarnation { pid, started_s })
    }

    #[test]
    fn p17_another_peers_token_is_foreign() {
        let token = tag("a", 7, 1000).wrap(5);
        assert_eq!(tag("a", 7, 1000).unwrap(token), Some(5));
        assert_eq!(tag("b", 7, 1000).unwrap(token), None);
    }

    #[test]
    fn p17_another_runs_token_is_foreign_even_with_the_same_process_id() {
        let token = tag("a", 1, 1000).wrap(5);
        for later in 3..3600 {
            assert_eq!(tag("a", 1, 1000 + later).unwrap(token), None, "{later}");
        }
    }

    #[test]
    fn p17_processes_whose_clocks_differ_accept_each_others_tokens() {
        let token = tag("a", 7, 1000).wrap(5);
        assert_eq!([998, 999, 1001, 1002].map(|at| tag("a", 7, at).unwrap(token)), [Some(5); 4]);
    }

    #[test]
    fn p17_a_number_that_does_not_fit_never_matches() {
        let tag = tag("a", 7, 1000);
        assert_eq!(tag.unwrap(tag.wrap(CAS_MASK)), Some(CAS_MASK));
        for cas in [0, CAS_MASK + 1, CAS_MASK + 2, u64::MAX] {
            assert_eq!(tag.unwrap(tag.wrap(cas)), None);
        }
    }

    #[test]
    fn tags_next_to_each_other_meet_where_the_circle_closes() {
        assert_eq!(Tag(0).unwrap(Tag(TAGS - 2).wrap(9)), Some(9));
        assert_eq!(Tag(TAGS - 1).unwrap(Tag(1).wrap(9)), Some(9));
        assert_eq!(Tag(0).unwrap(Tag(TAGS - 3).wrap(9)), None);
    }

    proptest! {
        #[test]
        fn p17_a_token_is_below_two_to_the_53_and_comes_back(pid: u32, at: u32, cas in any::<u64>()) {
            let tag = tag("peer", pid, at);
            prop_assert!(tag.wrap(cas) < 1 << 53);
            prop_assert_eq!(tag.unwrap(tag.wrap(cas)), (1..=CAS_MASK).contains(&cas).then_some(cas));
        }

        #[test]
        fn p17_no_number_makes_it_panic(pid: u32, at: u32, token in any::<u64>()) {
            let tag = tag("peer", pid, at);
            prop_assert!(tag.unwrap(token).is_none_or(|cas| cas != NEVER && token < 1 << 53));
        }
    }
}
