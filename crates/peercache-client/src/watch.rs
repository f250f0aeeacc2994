//! Time on one connection: when attempts are over, when the peer has been silent for too long, and whether
//! the link owes it to a return to drain first.

use crate::link::LinkShared;
use peercache_core::health::Event;
use std::time::Duration;

/// Keeps the deadlines and the silence of one connection.
pub(crate) struct Watch {
    /// When the peer was last heard, or began to owe.
    heard: Duration,
    owed: bool,
    silent: bool,
    in_debt: bool,
}

impl Watch {
    pub(crate) fn new(now: Duration) -> Self {
        Self { heard: now, owed: false, silent: false, in_debt: false }
    }

    /// When [`Self::ring`] has something to do.
    pub(crate) fn next_alarm(&mut self, link: &LinkShared) -> Option<Duration> {
        let state = link.lock();
        let owed = state.pipeline.is_owed();
        if owed && !self.owed {
            self.heard = link.network.now();
        }
        self.owed = owed;
        let silence = (owed && !self.silent).then(|| self.silent_at(link));
        silence.into_iter().chain(state.pipeline.next_deadline()).min()
    }

    fn silent_at(&self, link: &LinkShared) -> Duration {
        self.heard + link.network.topology().policy().silence
    }

    /// Ends attempts that are over, and notices silence.
    pub(crate) fn ring(&mut self, link: &LinkShared) {
        link.expire();
        let abandoned = link.lock().pipeline.abandoned_writes() > 0;
        if self.owed && !self.silent && self.silent_at(link) <= link.network.now() {
            self.silent = true;
            link.network.observe(&link.peer, Event::Silent);
        }
        self.set_debt(link, abandoned);
    }

    /// The peer answered something.
    pub(crate) fn heard(&mut self, link: &LinkShared) {
        self.heard = link.network.now();
        self.silent = false;
        let abandoned = link.lock().pipeline.abandoned_writes() > 0;
        self.set_debt(link, abandoned);
        link.network.observe(&link.peer, Event::Answered);
    }

    /// Tells the cell whether this link must drain before a return may clean (P-31).
    pub(crate) fn set_debt(&mut self, link: &LinkShared, in_debt: bool) {
        if in_debt == self.in_debt {
            return;
        }
        self.in_debt = in_debt;
        if in_debt {
            link.peer.cell.add_debt();
        } else {
            link.peer.cell.settle_debt();
            link.network.stir();
        }
    }
}
