//! Brings one peer back: the counterpart of the control crate's `Healer`, around its real `Return`.

use super::opening::{Greeted, Greeting, Opening};
use crate::history::Returned;
use crate::mutants::Mutant;
use crate::stage::{Endpoint, Stage};
use crate::wire::ConnectionId;
use peercache_control::{Return, ReturnFacts, ReturnStep};
use peercache_core::health::{Event, Identified, PeerCell, Phase};
use peercache_core::link::Backoff;
use peercache_core::protocol::memcached::command::Command;
use peercache_core::spec::Policy;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
enum Step {
    Asleep,
    /// Woken, and not yet run.
    Woken {
        at: Duration,
    },
    /// Looks whether a peer that is down answers.
    Probing(Opening),
    Opening(Opening),
    Flushing {
        until: Duration,
    },
    Waiting {
        until: Duration,
    },
    Pausing {
        until: Duration,
    },
}

/// One return in progress.
#[derive(Debug)]
struct Attempt {
    connection: ConnectionId,
    returning: Return,
    record: Returned,
}

#[derive(Debug)]
pub(super) struct Healer {
    endpoint: Endpoint,
    /// The peer's number in the run.
    peer: usize,
    cell: Arc<PeerCell>,
    policy: Policy,
    has_siblings: bool,
    lost_writes: bool,
    ticket: u32,
    began: Duration,
    attempt: Option<Attempt>,
    backoff: Backoff,
    step: Step,
    /// Whether a return has succeeded since somebody asked.
    has_returned: bool,
}

impl Healer {
    pub(super) fn new(
        endpoint: Endpoint,
        peer: usize,
        cell: Arc<PeerCell>,
        policy: Policy,
        has_siblings: bool,
    ) -> Self {
        Self {
            endpoint,
            peer,
            cell,
            policy,
            has_siblings,
            lost_writes: false,
            ticket: 0,
            began: Duration::ZERO,
            attempt: None,
            backoff: Backoff::default(),
            step: Step::Asleep,
            has_returned: false,
        }
    }

    /// Whether a return has succeeded since this was last asked.
    pub(super) fn take_returned(&mut self) -> bool {
        std::mem::take(&mut self.has_returned)
    }

    /// Looks whether the peer needs it; called whenever something happened in the process.
    pub(super) fn poll(&mut self, stage: &mut Stage) {
        if !matches!(self.step, Step::Asleep) {
            return;
        }
        if !self.is_needed(stage) {
            return self.backoff.reset();
        }
        let at = stage.now + Duration::from_micros(stage.dice.number(0..100));
        self.step = Step::Woken { at };
        stage.alarm(self.endpoint, at);
    }

    /// The peer is down, or it answers, is kept from being read, and every link has what it is owed (P-31).
    fn is_needed(&self, stage: &Stage) -> bool {
        let state = self.cell.state();
        if state.phase() == Phase::Down {
            return !stage.has(Mutant::ProbesStopped);
        }
        let is_kept = state.phase() == Phase::Returning || state.has_missed();
        let is_drained = self.cell.debts() == 0 || stage.has(Mutant::DebtsIgnored);
        is_kept && is_drained
    }

    pub(super) fn alarm(&mut self, stage: &mut Stage) {
        let now = stage.now;
        match &self.step {
            Step::Woken { at } if *at <= now => {
                self.step = Step::Asleep;
                if self.is_needed(stage) {
                    self.begin(stage);
                }
            }
            Step::Probing(opening) if opening.is_late(now) => self.probe_failed(stage),
            Step::Opening(opening) if opening.is_late(now) => self.fail(stage),
            Step::Flushing { until } if *until <= now => self.fail(stage),
            Step::Waiting { until } if *until <= now => {
                let step = self.attempt.as_ref().map(|attempt| attempt.returning.waited());
                self.take(step, stage);
            }
            Step::Pausing { until } if *until <= now => self.step = Step::Asleep,
            _ => {}
        }
    }

    fn begin(&mut self, stage: &mut Stage) {
        if self.cell.state().phase() == Phase::Down {
            self.step = Step::Probing(Opening::begin(self.endpoint, self.peer, &self.policy, stage));
            return;
        }
        self.ticket = self.cell.begin_return();
        self.lost_writes |= self.cell.take_lost_writes();
        self.began = stage.now;
        self.step = Step::Opening(Opening::begin(self.endpoint, self.peer, &self.policy, stage));
    }

    pub(super) fn holds(&self, id: ConnectionId) -> bool {
        match (&self.step, &self.attempt) {
            (Step::Opening(opening) | Step::Probing(opening), _) => opening.connection == id,
            (_, attempt) => attempt.as_ref().is_some_and(|attempt| attempt.connection == id),
        }
    }

    pub(super) fn connected(&mut self, stage: &mut Stage) {
        if let Step::Opening(opening) | Step::Probing(opening) = &mut self.step {
            opening.connected(self.endpoint, &self.policy, stage);
        }
    }

    pub(super) fn handle_input(&mut self, bytes: &[u8], stage: &mut Stage) {
        match &mut self.step {
            Step::Opening(opening) => {
                let connection = opening.connection;
                match opening.handle_input(bytes) {
                    Greeted::NotYet => {}
                    Greeted::Done(greeting) => self.greeted(connection, greeting, stage),
                    Greeted::Stranger => self.fail(stage),
                }
            }
            Step::Probing(opening) => match opening.handle_input(bytes) {
                Greeted::NotYet => {}
                Greeted::Done(_) => {
                    stage.leave(opening.connection);
                    self.cell.observe(Event::Answered);
                    self.backoff.reset();
                    self.step = Step::Asleep;
                }
                Greeted::Stranger => self.probe_failed(stage),
            },
            // The one answer it can get here is `OK`, possibly in two pieces.
            Step::Flushing { .. } if bytes.ends_with(b"\n") => {
                let step = self.attempt.as_mut().map(|attempt| attempt.returning.flushed());
                self.take(step, stage);
            }
            _ => {}
        }
    }

    fn greeted(&mut self, connection: ConnectionId, greeting: Greeting, stage: &mut Stage) {
        stage.history.met(self.endpoint.process, self.peer, stage.now);
        let is_new = self.cell.identify(greeting.incarnation) == Identified::New;
        if is_new && !stage.has(Mutant::IdentifySkipped) {
            self.lost_writes = false;
            stage.leave(connection);
            self.backoff.reset();
            self.step = Step::Asleep;
            return;
        }
        let facts = ReturnFacts {
            unreadable: self.cell.state().has_missed(),
            lost_writes: self.lost_writes && !stage.has(Mutant::LostWritesForgotten),
            items: if stage.has(Mutant::FlushSkipped) { 0 } else { greeting.items },
            has_siblings: self.has_siblings,
        };
        let (returning, step) = Return::begin(facts);
        let record = Returned {
            process: self.endpoint.process,
            peer: self.peer,
            began: self.began,
            finished: stage.now,
            unreadable: facts.unreadable,
            items: greeting.items,
        };
        self.attempt = Some(Attempt { connection, returning, record });
        self.take(Some(step), stage);
    }

    /// Does what the return wants next.
    fn take(&mut self, step: Option<ReturnStep>, stage: &mut Stage) {
        match (step, &self.attempt) {
            (Some(ReturnStep::Flush), Some(attempt)) => {
                let mut request = Vec::new();
                Command::FlushAll { after_s: 0 }.encode(&mut request);
                stage.send_to_peer(attempt.connection, &request);
                let until = stage.now + self.policy.request;
                self.step = Step::Flushing { until };
                stage.alarm(self.endpoint, until);
            }
            (Some(ReturnStep::Wait(pause)), Some(_)) => {
                let until = stage.now + pause;
                self.step = Step::Waiting { until };
                stage.alarm(self.endpoint, until);
            }
            (Some(ReturnStep::Finish(phase)), Some(_)) => self.finish(phase, stage),
            (None, _) | (_, None) => self.step = Step::Asleep,
        }
    }

    fn finish(&mut self, phase: Phase, stage: &mut Stage) {
        self.step = Step::Asleep;
        let Some(attempt) = self.attempt.take() else { return };
        stage.leave(attempt.connection);
        let ignores = stage.has(Mutant::TicketIgnored);
        let ticket = if ignores { self.cell.state().clears() } else { self.ticket };
        if self.cell.finish_return(ticket, phase).is_some() {
            self.lost_writes = false;
            self.has_returned = true;
            self.backoff.reset();
            stage.history.returned(Returned { finished: stage.now, ..attempt.record });
        } else {
            self.pause(stage);
        }
    }

    /// Half way, something went wrong: pauses, then starts over.
    fn fail(&mut self, stage: &mut Stage) {
        match (&self.step, self.attempt.take()) {
            (Step::Opening(opening), _) => stage.leave(opening.connection),
            (_, Some(attempt)) => stage.leave(attempt.connection),
            (_, None) => {}
        }
        self.pause(stage);
    }

    fn probe_failed(&mut self, stage: &mut Stage) {
        if let Step::Probing(opening) = &self.step {
            stage.leave(opening.connection);
        }
        self.pause(stage);
    }

    fn pause(&mut self, stage: &mut Stage) {
        let chance = stage.dice.number(0..1000) as f64 / 1000.0;
        let until = stage.now + self.backoff.wait(chance);
        self.step = Step::Pausing { until };
        stage.alarm(self.endpoint, until);
    }

    pub(super) fn gone(&mut self, stage: &mut Stage) {
        // While it waits, the real one does not read: its next flush is answered by nobody, and late.
        match self.step {
            Step::Probing(_) => self.probe_failed(stage),
            Step::Opening(_) | Step::Flushing { .. } => self.fail(stage),
            _ => {}
        }
    }
}
