//! Reading: one replica after the other, until one can decide (P-20, P-21).
//!
//! A hit decides. A miss decides when the replica that says so is not warming; a warming one has forgotten,
//! so its miss is passed to the next. Lost and refused attempts go to the next as well.

use super::{Answer, Ask, Outcome, Positions, Step, Verdict};

/// Which replicas a read may ask, as the plan found them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadGather {
    /// To be asked first, from [`Self::start`] on.
    first: Positions,
    start: u8,
    /// To be asked when the first are used up: readable, but suspect.
    last: Positions,
    /// Those whose miss decides nothing.
    warming: Positions,
    asked: Option<u8>,
    /// Whether a replica that has forgotten said that it has nothing.
    missed: bool,
}

impl ReadGather {
    /// A read that may ask `first` and then `last`.
    #[must_use]
    pub fn new(first: Positions, last: Positions, warming: Positions) -> Self {
        Self { first, start: 0, last, warming, asked: None, missed: false }
    }

    /// The same, beginning with the first of `first` that stands at `start` or behind it.
    #[must_use]
    pub fn starting_at(self, start: u8) -> Self {
        Self { start, ..self }
    }

    /// Whom to ask first.
    pub fn begin(&mut self) -> Step {
        self.next()
    }

    /// Whom to ask next, if there is anybody left.
    #[inline]
    pub fn ask_next(&mut self) -> Option<u8> {
        let position = self.first.next_from(self.start).or(self.last.lowest())?;
        self.first.remove(position);
        self.last.remove(position);
        self.asked = Some(position);
        Some(position)
    }

    /// Takes the outcome of an attempt at the replica at `position`.
    pub fn observe(&mut self, position: u8, outcome: &Outcome) -> Step {
        if self.asked != Some(position) {
            return Step::Pending;
        }
        match outcome {
            Outcome::Hit => settled(Answer::Hit(position)),
            Outcome::Miss if !self.warming.contains(position) => settled(Answer::Miss),
            Outcome::Miss => {
                self.missed = true;
                self.next()
            }
            _ => self.next(),
        }
    }

    /// From now on this replica's miss decides nothing.
    pub fn distrust(&mut self, position: u8) {
        self.warming.insert(position);
    }

    pub(super) fn expire(&mut self) -> Verdict {
        Verdict { answer: Answer::Unavailable, unreadable: Positions::NONE }
    }

    fn next(&mut self) -> Step {
        match self.ask_next() {
            Some(position) => Step::Ask(Positions::only(position), Ask::Request),
            None => settled(if self.missed { Answer::Miss } else { Answer::Unavailable }),
        }
    }
}

fn settled(answer: Answer) -> Step {
    Step::Settled(Verdict { answer, unreadable: Positions::NONE })
}
