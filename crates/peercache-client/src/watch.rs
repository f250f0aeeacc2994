//! Time on one connection: when attempts are over, when the peer has been silent for too long, and whether
//! the link owes it to a return to drain first.

use crate::link::LinkShared;
use peercache_core::health::Event;
use std::time::Duration;

/// Keeps the deadlines and the silence of one connection. Its end is the end of the connection.
pub(crate) struct Watch<'a> {
    link: &'a LinkShared,
    /// When the peer was last heard, or began to owe.
    heard_at: Duration,
    has_heard: bool,
    owing: Owing,
    in_debt: bool,
}

/// What the peer owes on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owing {
    Nothing,
    Answers,
    /// It has been silent for so long that it counts as down.
    Silence,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(link: &'a LinkShared) -> Self {
        let heard_at = link.network.now();
        Self { link, heard_at, has_heard: false, owing: Owing::Nothing, in_debt: false }
    }

    /// When [`Self::alarmed`] may have something to do.
    pub(crate) fn next_alarm(&mut self) -> Option<Duration> {
        let state = self.link.lock();
        match (state.pipeline.is_owed(), self.owing) {
            (false, _) => self.owing = Owing::Nothing,
            (true, Owing::Nothing) => {
                self.owing = Owing::Answers;
                self.heard_at = self.link.network.now();
            }
            (true, Owing::Answers | Owing::Silence) => {}
        }
        let silence = (self.owing == Owing::Answers).then(|| self.silent_at());
        silence.into_iter().chain(state.pipeline.next_deadline()).min()
    }

    fn silent_at(&self) -> Duration {
        self.heard_at + self.link.network.topology().policy().silence
    }

    /// Ends attempts that are over, and notices silence.
    pub(crate) fn alarmed(&mut self) {
        let expired = self.link.expire();
        // The debt before the news: a return must not begin between the two.
        self.set_debt(expired.owes_writes);
        self.link.deliver(expired);
        if self.owing == Owing::Answers && self.silent_at() <= self.link.network.now() {
            self.owing = Owing::Silence;
            self.link.network.observe(&self.link.peer, Event::Silent);
        }
    }

    /// The peer answered something.
    pub(crate) fn heard(&mut self) {
        self.heard_at = self.link.network.now();
        self.has_heard = true;
        self.owing = Owing::Nothing;
        let owes_writes = self.link.lock().pipeline.abandoned_writes() > 0;
        self.set_debt(owes_writes);
        self.link.network.observe(&self.link.peer, Event::Answered);
    }

    /// Whether the peer answered anything on this connection.
    pub(crate) fn has_heard(&self) -> bool {
        self.has_heard
    }

    /// Tells the cell whether this link must drain before a return may clean (P-31).
    fn set_debt(&mut self, in_debt: bool) {
        if in_debt == self.in_debt {
            return;
        }
        self.in_debt = in_debt;
        if in_debt {
            self.link.peer.cell.add_debt();
        } else {
            self.link.peer.cell.settle_debt();
            self.link.network.stir();
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        // In this order: a return must see the lost writes before it sees that no link owes any.
        self.link.lose_sent();
        self.set_debt(false);
    }
}
