//! The deadlines and the silence of one connection: the counterpart of `Watch` in the client crate's driver.

use super::link::Token;
use crate::stage::Stage;
use peercache_core::health::{Event, PeerCell};
use peercache_core::pipeline::Pipeline;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Watch {
    /// When the peer was last heard, or began to owe.
    heard: Duration,
    owed: bool,
    silent: bool,
    in_debt: bool,
    silence: Duration,
}

impl Watch {
    pub(super) fn new(now: Duration, silence: Duration) -> Self {
        Self { heard: now, owed: false, silent: false, in_debt: false, silence }
    }

    /// When [`Self::ring`] has something to do.
    pub(super) fn next_alarm(&mut self, pipeline: &Pipeline<Token>, now: Duration) -> Option<Duration> {
        let owed = pipeline.is_owed();
        if owed && !self.owed {
            self.heard = now;
        }
        self.owed = owed;
        let silence = (owed && !self.silent).then_some(self.heard + self.silence);
        silence.into_iter().chain(pipeline.next_deadline()).min()
    }

    /// Notices silence; attempts that are over were ended before.
    pub(super) fn ring(&mut self, abandoned: bool, cell: &PeerCell, stage: &Stage) {
        if self.owed && !self.silent && self.heard + self.silence <= stage.now {
            self.silent = true;
            cell.observe(Event::Silent);
        }
        self.set_debt(abandoned, cell);
    }

    /// The peer answered something.
    pub(super) fn heard(&mut self, abandoned: bool, cell: &PeerCell, stage: &Stage) {
        self.heard = stage.now;
        self.silent = false;
        self.set_debt(abandoned, cell);
        cell.observe(Event::Answered);
    }

    /// Tells the cell whether this link must drain before a return may clean (P-31).
    pub(super) fn set_debt(&mut self, in_debt: bool, cell: &PeerCell) {
        if in_debt == self.in_debt {
            return;
        }
        self.in_debt = in_debt;
        if in_debt { cell.add_debt() } else { cell.settle_debt() }
    }
}
