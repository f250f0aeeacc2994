//! The life of one link: when it connects, when its peer counts as silent or down, what the end of a
//! connection means, and what a return has to wait for. Around the [`Pipeline`], without a socket and without
//! a clock.
//!
//! A driver asks [`Link::poll`] what to do, does it, and reports what happened. Whatever the link learns of
//! its peer goes into the shared [`PeerCell`] before anybody who waits is told; [`Link::take_news`] says what
//! is to be logged and whether whoever heals has to look.
//!
//! The order of things is the promise. An attempt whose time is over first declares the debt of its link
//! (P-31), then makes the peer unreadable (P-10), and only then tells whoever waits; in any other order a
//! return could slip between, and a late write be served.

mod backoff;
mod grace;
mod open;

pub use backoff::Backoff;

use crate::health::{Event, Identified, Incarnation, PeerCell, Phase, Transition};
use crate::pipeline::{Answered, Malformed, Pipeline, PipelineLimits};
use crate::protocol::memcached::command::Command;
use crate::replication::Lost;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use grace::Grace;
use open::Open;

/// What a driver is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Open a connection and ask who answers, then report [`Link::handle_connected`],
    /// [`Link::handle_refused`] or [`Link::handle_unable`].
    Connect,
    /// Send what [`Link::take_output`] gives, as it comes, and take in what the peer says.
    Pump,
    /// Wait for a request, for the alarm, or for a change of the network.
    Wait,
    /// The link was given up and owes nothing: close it and end.
    End,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The peer closed it, or it broke.
    Lost,
    /// The peer sent what is no answer.
    Malformed,
    /// It was closed from this side, because the link was given up.
    Ours,
}

/// Why a request cannot be pushed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// The peer is down, as this link has found out too, or the link was given up.
    Refusing,
    /// The link has taken as much as it may; it drains, or time passes.
    Full,
}

/// What happened on a link that others want to know.
#[derive(Debug, Default)]
pub struct News {
    /// Changes of the peer's phase, with their reasons.
    pub transitions: Vec<(Transition, Event)>,
    /// Something changed that whoever heals may wait for: a phase, a readable bit, a debt.
    pub stirred: bool,
}

/// One link. `T` is whatever the driver wants back with an answer.
#[derive(Debug)]
pub struct Link<T> {
    cell: Arc<PeerCell>,
    pipeline: Pipeline<T>,
    /// How long a peer that owes answers may be silent before it counts as down.
    silence: Duration,
    stage: Stage,
    backoff: Backoff,
    /// The peer refused a moment ago: it is tried again, whether or not anybody asks.
    refusing: bool,
    /// There was a connection once.
    was_open: bool,
    /// Nobody will push any more.
    given_up: bool,
    news: News,
    /// What the peer is given when this process was held up.
    grace: Grace,
}

#[derive(Debug)]
enum Stage {
    Closed,
    /// The last attempt to connect failed.
    Resting {
        until: Duration,
    },
    Connecting,
    Open(Open),
}

impl<T> Link<T> {
    /// A link that connects when it is first used. A peer that owes answers and is silent for `silence`
    /// counts as down.
    #[must_use]
    pub fn new(cell: Arc<PeerCell>, limits: PipelineLimits, silence: Duration) -> Self {
        Self {
            cell,
            pipeline: Pipeline::new(limits),
            silence,
            stage: Stage::Closed,
            backoff: Backoff::default(),
            refusing: false,
            was_open: false,
            given_up: false,
            news: News::default(),
            grace: Grace::default(),
        }
    }

    /// What all links of the process know of the peer.
    #[must_use]
    pub fn cell(&self) -> &PeerCell {
        &self.cell
    }

    /// Whether a request can be pushed now.
    ///
    /// # Errors
    /// [`Busy`]: why not.
    #[inline]
    pub fn room(&self) -> Result<(), Busy> {
        // However full: what a hung peer owes may never come, and nobody is to wait for that.
        if self.given_up || self.is_tried() && !self.cell.state().is_live() {
            Err(Busy::Refusing)
        } else if self.pipeline.is_full() {
            Err(Busy::Full)
        } else {
            Ok(())
        }
    }

    /// Whether the link itself has found out how its peer stands.
    fn is_tried(&self) -> bool {
        self.refusing || matches!(self.stage, Stage::Open(_))
    }

    /// Appends a request, for which there should be [room](Self::room). Its answer is waited for until
    /// `deadline`.
    #[inline]
    pub fn push(&mut self, command: &Command<'_>, token: T, deadline: Duration) {
        self.pipeline.push(command, token, deadline);
    }

    /// Appends the request that was pushed last to `other`, see [`Pipeline::push_like`].
    #[inline]
    pub fn push_like(&mut self, other: &Self, token: T) {
        self.pipeline.push_like(&other.pipeline, token);
    }

    /// The peer knows no meta commands: gives back those that were not sent.
    pub fn lose_unsent_meta(&mut self, lost: impl FnMut(T)) {
        self.pipeline.lose_unsent_meta(lost);
    }

    /// Nobody will push any more: the link ends when it owes nothing.
    pub fn give_up(&mut self) {
        self.given_up = true;
    }

    /// What to do now. After [`Next::Connect`] the link counts as connecting.
    pub fn poll(&mut self, now: Duration) -> Next {
        match self.stage {
            Stage::Connecting => return Next::Wait,
            Stage::Open(_) => {
                let owes = self.pipeline.is_owed_writes() || self.pipeline.has_output();
                return if self.given_up && !owes { Next::End } else { Next::Pump };
            }
            // A request waits only where the peer is live, so somebody else has met it meanwhile.
            Stage::Resting { until } if until > now && !self.given_up && !self.pipeline.has_output() => {
                return Next::Wait;
            }
            Stage::Resting { .. } => self.stage = Stage::Closed,
            Stage::Closed => {}
        }
        if self.given_up && !self.pipeline.has_output() {
            return Next::End;
        }
        if self.pipeline.has_output() || self.refusing || self.must_probe() {
            self.stage = Stage::Connecting;
            return Next::Connect;
        }
        Next::Wait
    }

    /// Every link that was ever open looks whether a peer that is down answers again: whoever found it down
    /// may be gone.
    fn must_probe(&self) -> bool {
        self.was_open && self.cell.state().phase() == Phase::Down
    }

    /// When [`Self::handle_alarm`] or [`Self::poll`] may have something to do.
    #[must_use]
    pub fn next_alarm(&self) -> Option<Duration> {
        Some(self.grace.put_off(self.due()?))
    }

    fn due(&self) -> Option<Duration> {
        let own = match &self.stage {
            Stage::Resting { until } => Some(*until),
            Stage::Open(open) => open.silent_at(self.silence),
            Stage::Closed | Stage::Connecting => None,
        };
        own.into_iter().chain(self.pipeline.next_deadline()).min()
    }

    /// Ends the attempts whose time is over, and notices silence; not where this process was held up.
    pub fn handle_alarm(&mut self, now: Duration, lost: impl FnMut(T, Lost)) {
        let Some(due) = self.next_alarm() else { return };
        if !self.grace.may_judge(due, now) {
            return;
        }
        self.expire(now, lost);
        let Stage::Open(open) = &mut self.stage else { return };
        if open.falls_silent(now, self.silence) {
            self.observe(Event::Silent);
        }
    }

    fn expire(&mut self, now: Duration, mut lost: impl FnMut(T, Lost)) {
        let before = self.pipeline.abandoned_writes();
        let mut over = Vec::new();
        self.pipeline.expire(now, |token, fate| over.push((token, fate)));
        self.declare_debt();
        if self.pipeline.abandoned_writes() > before {
            // Whether or not anybody still waits for it (P-13).
            self.cell.clear_readable();
            self.news.stirred = true;
        }
        if !over.is_empty() {
            self.observe(Event::TimedOut);
            over.into_iter().for_each(|(token, fate)| lost(token, fate));
        }
    }

    /// A connection stands, and `incarnation` answers. Tells whether another one answered before.
    pub fn handle_connected(
        &mut self,
        incarnation: Incarnation,
        now: Duration,
        lost: impl FnMut(T, Lost),
    ) -> Identified {
        // Whatever is over by now is not sent any more.
        self.expire(now, lost);
        let identified = self.cell.identify(incarnation);
        self.news.stirred |= identified == Identified::New;
        (self.refusing, self.was_open) = (false, true);
        self.stage = Stage::Open(Open::begin(incarnation, now));
        self.observe(Event::Answered);
        identified
    }

    /// The peer could not be connected to, or what answers is no cache. What waits was never sent. The next
    /// attempt waits, for a time that grows and depends on `chance`, from 0 to 1.
    pub fn handle_refused(&mut self, now: Duration, chance: f64, lost: impl FnMut(T, Lost)) {
        self.observe(Event::Refused);
        self.refusing = true;
        self.handle_unable(now, chance, lost);
    }

    /// There is no connection for a reason that says nothing of the peer, such as a lack of descriptors.
    pub fn handle_unable(&mut self, now: Duration, chance: f64, mut lost: impl FnMut(T, Lost)) {
        self.stage = Stage::Resting { until: now + self.backoff.wait(chance) };
        self.pipeline.lose_unsent(|token| lost(token, Lost::NotSent));
    }

    /// Moves what is to be sent behind `out`. What was planned before the peer became unreadable and asks
    /// what it holds is not sent any more: whoever answers now may be another incarnation, or miss a write.
    pub fn take_output(&mut self, now: Duration, out: &mut Vec<u8>, mut lost: impl FnMut(T, Lost)) {
        let Stage::Open(open) = &mut self.stage else { return };
        if !self.pipeline.has_output() {
            return;
        }
        if !self.cell.state().is_readable() {
            self.pipeline.lose_unsent_reads(|token| lost(token, Lost::NotSent));
        }
        self.pipeline.take_output(out);
        open.note_sent(now, self.pipeline.is_owed());
    }

    /// Whether there is something to send, once there is a connection.
    #[must_use]
    #[inline]
    pub fn has_output(&self) -> bool {
        self.pipeline.has_output()
    }

    /// Gives back memory that is not in use.
    pub fn shrink(&mut self) {
        self.pipeline.shrink();
    }

    /// How many bytes there are to send, once there is a connection.
    #[must_use]
    pub fn output_bytes(&self) -> usize {
        self.pipeline.output_bytes()
    }

    /// Takes bytes from the peer and hands every piece of an answer to `deliver`.
    ///
    /// # Errors
    /// [`Malformed`]: close the connection and report [`End::Malformed`].
    pub fn handle_input(
        &mut self,
        bytes: &[u8],
        now: Duration,
        deliver: impl FnMut(Answered<'_, T>),
    ) -> Result<(), Malformed> {
        self.pipeline.handle_input(bytes, deliver)?;
        let is_owed = self.pipeline.is_owed();
        if let Stage::Open(open) = &mut self.stage {
            open.note_heard(now, is_owed);
        }
        self.declare_debt();
        self.observe(Event::Answered);
        Ok(())
    }

    /// The connection is gone. What was sent is lost, and whoever waits for it is told after the peer was
    /// made unreadable; what was not sent can go over the next one.
    pub fn handle_end(&mut self, end: End, mut lost: impl FnMut(T, Lost)) {
        let Stage::Open(open) = core::mem::replace(&mut self.stage, Stage::Closed) else { return };
        if open.has_heard {
            self.backoff.reset();
        }
        // Where nothing was owed, its end says nothing yet: the next attempt to connect will.
        let tells = end == End::Lost && self.pipeline.is_owed() || end == End::Malformed;
        if tells {
            self.observe(Event::Refused);
        }
        // A peer that is down is probed until it is back, whether or not anybody asks.
        self.refusing = end != End::Ours && self.cell.state().phase() == Phase::Down;
        let mut over = Vec::new();
        if self.pipeline.lose_sent(|token| over.push(token)) {
            self.cell.note_lost_writes(open.incarnation);
            self.news.stirred = true;
        }
        // In this order: a return must see the lost writes before it sees that no link owes any.
        if open.in_debt {
            self.cell.settle_debt();
            self.news.stirred = true;
        }
        over.into_iter().for_each(|token| lost(token, Lost::Ambiguous));
    }

    /// Nobody drives the link any more: nothing will be sent.
    pub fn abandon(&mut self, mut lost: impl FnMut(T, Lost)) {
        self.given_up = true;
        self.handle_end(End::Ours, &mut lost);
        self.pipeline.lose_unsent(|token| lost(token, Lost::NotSent));
    }

    /// What happened since the last call that others want to know.
    #[must_use]
    pub fn take_news(&mut self) -> News {
        core::mem::take(&mut self.news)
    }

    /// Whether there are news.
    #[must_use]
    #[inline]
    pub fn has_news(&self) -> bool {
        self.news.stirred
    }

    fn observe(&mut self, event: Event) {
        if let Some(transition) = self.cell.observe(event) {
            self.news.transitions.push((transition, event));
            self.news.stirred = true;
        }
    }

    /// Tells the cell whether this link must drain before a return may clean (P-31).
    fn declare_debt(&mut self) {
        let in_debt = self.pipeline.abandoned_writes() > 0;
        let Stage::Open(open) = &mut self.stage else { return };
        if in_debt == open.in_debt {
            return;
        }
        open.in_debt = in_debt;
        if in_debt {
            self.cell.add_debt();
        } else {
            self.cell.settle_debt();
            self.news.stirred = true;
        }
    }
}

#[cfg(test)]
mod tests;
