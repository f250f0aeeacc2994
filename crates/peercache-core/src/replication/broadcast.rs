//! What concerns every peer of a network and no key: `flush_all` (P-18).
//!
//! Every live peer is asked at once. It is done when at least one has done it and all others cannot be read
//! until they are emptied: a peer that is down, refused or did not answer becomes unreadable, and its return
//! empties it. A [`super::Gather`] counts replicas of a key, at most eight; this counts peers, any number.

use super::{Lost, Outcome, Refusal};
use crate::ring::PeerIndex;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// A set of a network's peers.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PeerSet(Vec<u64>);

impl PeerSet {
    /// Whether `peer` is among them.
    #[must_use]
    pub fn contains(&self, peer: PeerIndex) -> bool {
        self.0.get(peer.get() / 64).is_some_and(|word| word & bit(peer) != 0)
    }

    /// Adds one.
    pub fn insert(&mut self, peer: PeerIndex) {
        let word = peer.get() / 64;
        if word >= self.0.len() {
            self.0.extend(vec![0; word + 1 - self.0.len()]);
        }
        self.0[word] |= bit(peer);
    }

    /// Takes one away; tells whether it was there.
    pub fn remove(&mut self, peer: PeerIndex) -> bool {
        let was = self.contains(peer);
        if was {
            self.0[peer.get() / 64] &= !bit(peer);
        }
        was
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// Each, as the network counts them.
    pub fn iter(&self) -> impl Iterator<Item = PeerIndex> + '_ {
        let count = u16::try_from(self.0.len() * 64).unwrap_or(u16::MAX);
        (0..count).map(PeerIndex::new).filter(|&peer| self.contains(peer))
    }
}

fn bit(peer: PeerIndex) -> u64 {
    1 << (peer.get() % 64)
}

impl FromIterator<PeerIndex> for PeerSet {
    fn from_iter<I: IntoIterator<Item = PeerIndex>>(peers: I) -> Self {
        let mut set = Self::default();
        peers.into_iter().for_each(|peer| set.insert(peer));
        set
    }
}

impl fmt::Debug for PeerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A broadcast in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastGather {
    /// Not certain to have done it, whether asked or not.
    unconfirmed: PeerSet,
    waiting: PeerSet,
    ambiguous: PeerSet,
    refusal: Option<(PeerIndex, Refusal)>,
    is_confirmed: bool,
}

/// How a broadcast ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastVerdict {
    /// What the client is told.
    pub answer: BroadcastAnswer,
    /// Peers that must be made unreadable *before* the client is told.
    pub unreadable: PeerSet,
}

/// What a client is told of a broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BroadcastAnswer {
    /// It is done: no peer serves anything from before.
    Done,
    /// Whoever answered refused, this peer first; nothing was changed.
    Refused(PeerIndex, Refusal),
    /// Nobody confirmed, and these may or may not do it.
    Ambiguous(PeerSet),
    /// Nobody could be asked; nothing was or will be changed.
    Unavailable,
}

impl BroadcastGather {
    /// A broadcast to `peers`, of which `live` can be asked.
    #[must_use]
    pub fn new(peers: PeerSet, live: PeerSet) -> Self {
        Self {
            unconfirmed: peers,
            waiting: live,
            ambiguous: PeerSet::default(),
            refusal: None,
            is_confirmed: false,
        }
    }

    /// The peers to ask now; those whose answer is awaited, later. Where there is none, it is settled by
    /// [`Self::expire`].
    #[must_use]
    pub fn waiting(&self) -> &PeerSet {
        &self.waiting
    }

    /// Takes what `peer` answered. The verdict comes with the last answer.
    pub fn observe(&mut self, peer: PeerIndex, outcome: Outcome) -> Option<BroadcastVerdict> {
        if !self.waiting.remove(peer) {
            return None;
        }
        match outcome {
            Outcome::Lost(Lost::NotSent) => {}
            Outcome::Lost(Lost::Ambiguous) => self.ambiguous.insert(peer),
            Outcome::Refused(refusal) => {
                self.refusal.get_or_insert((peer, refusal));
            }
            // Whatever else a live peer says to a command that depends on no key, it has done it.
            _ => {
                self.is_confirmed = true;
                self.unconfirmed.remove(peer);
            }
        }
        self.waiting.is_empty().then(|| self.verdict())
    }

    /// The time is over: attempts without an answer are lost.
    pub fn expire(&mut self) -> BroadcastVerdict {
        for peer in core::mem::take(&mut self.waiting).iter() {
            self.ambiguous.insert(peer);
        }
        self.verdict()
    }

    fn verdict(&self) -> BroadcastVerdict {
        let ambiguous = self.ambiguous.clone();
        let (answer, unreadable) = match &self.refusal {
            _ if self.is_confirmed => (BroadcastAnswer::Done, self.unconfirmed.clone()),
            _ if !ambiguous.is_empty() => (BroadcastAnswer::Ambiguous(ambiguous.clone()), ambiguous),
            Some((peer, refusal)) => (BroadcastAnswer::Refused(*peer, refusal.clone()), ambiguous),
            None => (BroadcastAnswer::Unavailable, ambiguous),
        };
        BroadcastVerdict { answer, unreadable }
    }
}
