//! Writing: to every live replica in parallel (P-14), with the leader's refusal as the answer (P-13).
//!
//! The answer is positive when every replica of the key confirmed, or when at least one did and the others
//! are made unreadable first. A refusal is an answer, not a failure: the replica is alive and stored nothing,
//! so the key is deleted wherever it could still have an older value.

use super::{Answer, Ask, Lost, Outcome, Positions, Refusal, Step, Verdict};

/// A write in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteAllGather {
    replicas: Positions,
    /// Asked, not yet answered.
    waiting: Positions,
    confirmed: Positions,
    ambiguous: Positions,
    /// Refused the request; their key is to be deleted.
    refused: Positions,
    /// Confirmed that they hold nothing of this key any more.
    invalidated: Positions,
    /// The refusal nearest to the owner.
    refusal: Option<(u8, Refusal)>,
    /// The first live replica: its refusal is the answer.
    leader: Option<u8>,
    /// A delete that found nothing anywhere stays false.
    found: bool,
    invalidating: bool,
}

impl WriteAllGather {
    /// A write of a key with `replicas` copies, of which `live` can be asked.
    #[must_use]
    pub fn new(replicas: usize, live: Positions) -> Self {
        Self {
            replicas: Positions::first(replicas),
            waiting: live,
            confirmed: Positions::NONE,
            ambiguous: Positions::NONE,
            refused: Positions::NONE,
            invalidated: Positions::NONE,
            refusal: None,
            leader: live.lowest(),
            found: false,
            invalidating: false,
        }
    }

    /// Whom to ask: all that are live.
    pub fn begin(&mut self) -> Step {
        if self.waiting.is_empty() {
            return Step::Settled(self.verdict());
        }
        Step::Ask(self.waiting, Ask::Request)
    }

    pub(super) fn observe(&mut self, position: u8, outcome: Outcome) -> Step {
        if !self.waiting.contains(position) {
            return Step::Pending;
        }
        self.waiting.remove(position);
        if self.invalidating {
            self.note_invalidation(position, &outcome);
        } else {
            self.note_write(position, outcome);
        }
        if self.waiting.is_empty() { self.finish() } else { Step::Pending }
    }

    pub(super) fn expire(&mut self) -> Verdict {
        if !self.invalidating {
            self.ambiguous = self.ambiguous.union(self.waiting);
        }
        self.waiting = Positions::NONE;
        self.verdict()
    }

    fn note_write(&mut self, position: u8, outcome: Outcome) {
        match outcome {
            Outcome::Done | Outcome::Hit | Outcome::Number(_) => {
                self.found = true;
                self.confirmed.insert(position);
            }
            Outcome::NotFound | Outcome::Miss => self.confirmed.insert(position),
            Outcome::Refused(refusal) => self.note_refusal(position, refusal),
            // Nothing in a write without a condition can be answered so; it stored nothing all the same.
            Outcome::NotStored => self.note_refusal(position, Refusal::Other("NOT_STORED".into())),
            Outcome::Exists => self.note_refusal(position, Refusal::Other("EXISTS".into())),
            Outcome::Lost(Lost::Ambiguous) => self.ambiguous.insert(position),
            Outcome::Lost(Lost::NotSent) => {}
        }
    }

    fn note_refusal(&mut self, position: u8, refusal: Refusal) {
        self.refused.insert(position);
        if self.refusal.as_ref().is_none_or(|(nearest, _)| position < *nearest) {
            self.refusal = Some((position, refusal));
        }
    }

    fn note_invalidation(&mut self, position: u8, outcome: &Outcome) {
        if matches!(outcome, Outcome::Done | Outcome::NotFound) {
            self.invalidated.insert(position);
        }
    }

    /// All answers are in: invalidate what a refusal left behind, or settle.
    fn finish(&mut self) -> Step {
        let stale = if self.invalidating { Positions::NONE } else { self.to_invalidate() };
        if stale.is_empty() {
            return Step::Settled(self.verdict());
        }
        self.invalidating = true;
        self.waiting = stale;
        Step::Ask(stale, Ask::Invalidate)
    }

    /// A refusing leader takes the value from every replica; a refusing follower only loses its own copy.
    fn to_invalidate(&self) -> Positions {
        if self.leader_refused() { self.refused.union(self.confirmed) } else { self.refused }
    }

    fn leader_refused(&self) -> bool {
        self.leader.is_some_and(|leader| self.refused.contains(leader))
    }

    fn verdict(&self) -> Verdict {
        let unconfirmed = self.replicas.without(self.invalidated);
        if self.leader_refused() {
            // Nothing is acknowledged, but no replica may keep what the write was to replace.
            return Verdict { answer: self.unacknowledged(), unreadable: unconfirmed };
        }
        if self.confirmed.is_empty() {
            let unreadable = self.ambiguous.union(self.refused.without(self.invalidated));
            return Verdict { answer: self.unacknowledged(), unreadable };
        }
        let answer = Answer::Done { confirmed: self.confirmed, found: self.found };
        Verdict { answer, unreadable: unconfirmed.without(self.confirmed) }
    }

    /// The most that is known of a write that nobody vouches for. A follower's refusal is no answer: the
    /// leader, which was not reached, keeps what it has.
    fn unacknowledged(&self) -> Answer {
        match &self.refusal {
            _ if !self.ambiguous.is_empty() => Answer::Ambiguous(self.ambiguous),
            Some((position, refusal)) if self.leader_refused() => Answer::Refused(*position, refusal.clone()),
            _ => Answer::Unavailable,
        }
    }
}
