//! One connection of a link: who answers on it, and since when the peer owes what it was asked for.

use crate::health::Incarnation;
use core::time::Duration;

/// One connection.
#[derive(Debug)]
pub(super) struct Open {
    /// Who answers on it.
    pub(super) incarnation: Incarnation,
    /// When the peer was last heard, or began to owe.
    heard_at: Duration,
    /// Whether it has answered anything on it.
    pub(super) has_heard: bool,
    owing: Owing,
    /// Whether the cell counts this link among those that a return has to wait for.
    pub(super) in_debt: bool,
}

/// What the peer owes on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owing {
    Nothing,
    Answers,
    /// It has been silent for so long that it counts as down.
    Silence,
}

impl Open {
    /// A connection on which nothing was asked yet.
    pub(super) fn begin(incarnation: Incarnation, now: Duration) -> Self {
        Self { incarnation, heard_at: now, has_heard: false, owing: Owing::Nothing, in_debt: false }
    }

    /// Something was sent; `is_owed` says whether answers are due.
    pub(super) fn note_sent(&mut self, now: Duration, is_owed: bool) {
        if self.owing == Owing::Nothing && is_owed {
            (self.owing, self.heard_at) = (Owing::Answers, now);
        }
    }

    /// The peer said something; `is_owed` says whether more is due.
    pub(super) fn note_heard(&mut self, now: Duration, is_owed: bool) {
        (self.has_heard, self.heard_at) = (true, now);
        self.owing = if is_owed { Owing::Answers } else { Owing::Nothing };
    }

    /// When the peer counts as silent, if it owes and may be so for `silence`.
    pub(super) fn silent_at(&self, silence: Duration) -> Option<Duration> {
        (self.owing == Owing::Answers).then(|| self.heard_at + silence)
    }

    /// Whether the peer counts as silent from now on, which is told once.
    pub(super) fn falls_silent(&mut self, now: Duration, silence: Duration) -> bool {
        let falls = self.silent_at(silence).is_some_and(|at| at <= now);
        if falls {
            self.owing = Owing::Silence;
        }
        falls
    }
}
