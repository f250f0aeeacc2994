//! Drives one link of one worker: the counterpart of the client crate's `driver`, around the same core link.
//! It moves bytes and rings alarms; what they mean is decided there.

use super::opening::{Greeted, Greeting, Opening};
use crate::history::OperationId;
use crate::mutants::Mutant;
use crate::process::Answer;
use crate::stage::{Endpoint, Event as Happening, Stage};
use crate::wire::ConnectionId;
use peercache_core::health::PeerCell;
use peercache_core::link::{self, Busy, End, Next};
use peercache_core::pipeline::{Answered, PipelineLimits};
use peercache_core::protocol::memcached::command::Command;
use peercache_core::replication::Lost;
use peercache_core::spec::Policy;
use std::sync::Arc;
use std::time::Duration;

/// Who waits for an answer, and what came of it so far.
#[derive(Debug)]
struct Token {
    operation: OperationId,
    position: u8,
    is_write: bool,
    found: Option<Answer>,
}

#[derive(Debug)]
enum Step {
    Closed,
    Opening(Opening),
    Open(Open),
}

/// A connection that stands.
#[derive(Debug)]
struct Open {
    connection: ConnectionId,
    output: Vec<u8>,
    written: usize,
}

/// A link to one peer.
#[derive(Debug)]
pub(super) struct Link {
    endpoint: Endpoint,
    /// The peer's number in the run.
    peer: usize,
    policy: Policy,
    link: link::Link<Token>,
    /// The earliest alarm that is set.
    alarm_at: Option<Duration>,
    step: Step,
}

impl Link {
    pub(super) fn new(endpoint: Endpoint, peer: usize, cell: Arc<PeerCell>, policy: Policy) -> Self {
        let link = link::Link::new(cell, PipelineLimits::default(), policy.silence);
        Self { endpoint, peer, policy, link, alarm_at: None, step: Step::Closed }
    }

    /// Appends a request; false where the peer is known to refuse.
    pub(super) fn push(
        &mut self,
        command: &Command<'_>,
        (operation, position): (OperationId, u8),
        deadline: Duration,
    ) -> bool {
        let refuses = self.link.room() == Err(Busy::Refusing);
        if !refuses {
            let is_write = command.effect().is_write();
            self.link.push(command, Token { operation, position, is_write, found: None }, deadline);
        }
        !refuses
    }

    /// Does whatever can be done now; called whenever something happened in the process.
    pub(super) fn poll(&mut self, stage: &mut Stage) {
        match &self.step {
            // What no link may do: it looks after a peer that is down only when somebody asks for it.
            Step::Closed if stage.has(Mutant::ProbesStopped) && !self.link.has_output() => {}
            Step::Closed => {
                if self.link.poll(stage.now) == Next::Connect {
                    self.step = Step::Opening(Opening::begin(self.endpoint, self.peer, &self.policy, stage));
                }
                self.set_alarm(stage);
            }
            Step::Opening(_) => self.set_alarm(stage),
            Step::Open(_) => {
                self.flush(stage);
                self.set_alarm(stage);
            }
        }
        // Who would log them and wake others is everybody here: all are polled after every event.
        drop(self.link.take_news());
    }

    /// Sets an alarm, unless an earlier one is set: that one will ring in vain and be set anew.
    fn set_alarm(&mut self, stage: &mut Stage) {
        if matches!(self.step, Step::Opening(_)) && stage.has(Mutant::OpeningUntimed) {
            return;
        }
        let next = self.link.next_alarm();
        if let Some(at) = next.filter(|&at| self.alarm_at.is_none_or(|set| at < set)) {
            self.alarm_at = Some(at);
            stage.alarm(self.endpoint, at);
        }
    }

    /// Writes what the connection takes.
    fn flush(&mut self, stage: &mut Stage) {
        let Step::Open(open) = &mut self.step else { return };
        let process = self.endpoint.process;
        loop {
            if open.written == open.output.len() {
                open.output.clear();
                open.written = 0;
                self.link.take_output(stage.now, &mut open.output, |token, lost| {
                    lose(process, token, lost, stage);
                });
            }
            if open.output.is_empty() {
                return;
            }
            let taken = stage.send_to_peer(open.connection, &open.output[open.written..]);
            open.written += taken;
            if taken == 0 {
                return;
            }
        }
    }

    /// Whether `id` is the connection this link has now.
    pub(super) fn holds(&self, id: ConnectionId) -> bool {
        match &self.step {
            Step::Opening(opening) => opening.connection == id,
            Step::Open(open) => open.connection == id,
            Step::Closed => false,
        }
    }

    pub(super) fn connected(&mut self, stage: &mut Stage) {
        if let Step::Opening(opening) = &mut self.step {
            opening.connected(self.endpoint, &self.policy, stage);
        }
    }

    pub(super) fn handle_input(&mut self, bytes: &[u8], stage: &mut Stage) {
        match &mut self.step {
            Step::Opening(opening) => match opening.handle_input(bytes) {
                Greeted::NotYet => {}
                Greeted::Done(greeting) => self.greeted(greeting, stage),
                Greeted::Stranger => self.refused(stage),
            },
            Step::Open(_) => self.answers(bytes, stage),
            Step::Closed => {}
        }
    }

    /// Somebody answers: is it who was there before (P-33)?
    fn greeted(&mut self, greeting: Greeting, stage: &mut Stage) {
        let Step::Opening(opening) = &self.step else { return };
        let connection = opening.connection;
        stage.history.met(self.endpoint.process, self.peer, stage.now);
        let known = self.link.cell().incarnation().filter(|_| stage.has(Mutant::IdentifySkipped));
        let (process, now) = (self.endpoint.process, stage.now);
        let met = known.unwrap_or(greeting.incarnation);
        self.link.handle_connected(met, now, |token, lost| lose(process, token, lost, stage));
        self.step = Step::Open(Open { connection, output: Vec::new(), written: 0 });
    }

    fn answers(&mut self, bytes: &[u8], stage: &mut Stage) {
        let (process, now) = (self.endpoint.process, stage.now);
        let result = self.link.handle_input(bytes, now, |answered| match answered {
            Answered::Part(token, reply) => token.found = Answer::part(&reply),
            Answered::Last(token, reply) => {
                let (operation, position) = (token.operation, token.position);
                let answer = Answer::last(&reply, token.found);
                stage.soon(Happening::Answered { process, operation, position, answer });
            }
        });
        if result.is_err() {
            self.ended(End::Malformed, stage);
        }
    }

    /// The connection is gone, or never came to be.
    pub(super) fn gone(&mut self, stage: &mut Stage) {
        match self.step {
            Step::Opening(_) => self.refused(stage),
            Step::Open(_) => self.ended(End::Lost, stage),
            Step::Closed => {}
        }
    }

    /// No connection: whatever waits was never sent.
    fn refused(&mut self, stage: &mut Stage) {
        if let Step::Opening(opening) = &self.step {
            stage.leave(opening.connection);
        }
        self.step = Step::Closed;
        let (process, now) = (self.endpoint.process, stage.now);
        let chance = stage.dice.number(0..1000) as f64 / 1000.0;
        self.link.handle_refused(now, chance, |token, lost| lose(process, token, lost, stage));
    }

    fn ended(&mut self, end: End, stage: &mut Stage) {
        let Step::Open(open) = std::mem::replace(&mut self.step, Step::Closed) else { return };
        stage.leave(open.connection);
        let process = self.endpoint.process;
        self.link.handle_end(end, |token, lost| lose(process, token, lost, stage));
    }

    pub(super) fn alarm(&mut self, stage: &mut Stage) {
        if self.alarm_at.is_some_and(|at| at <= stage.now) {
            self.alarm_at = None;
        }
        if !(matches!(self.step, Step::Opening(_)) && stage.has(Mutant::OpeningUntimed)) {
            self.ring(stage);
        }
        if matches!(&self.step, Step::Opening(opening) if opening.is_late(stage.now)) {
            self.refused(stage);
        }
    }

    /// Ends the attempts whose time is over, and notices silence.
    fn ring(&mut self, stage: &mut Stage) {
        let (process, now) = (self.endpoint.process, stage.now);
        let mut is_owed = false;
        self.link.handle_alarm(now, |token, lost| {
            is_owed |= token.is_write && lost == Lost::Ambiguous;
            lose(process, token, lost, stage);
        });
        if is_owed && stage.has(Mutant::LinkClosedOnTimeout) {
            // What no link may do: closes the connection because an answer is late, and forgets what it owes.
            self.ended(End::Ours, stage);
            self.link.cell().take_lost_writes();
        }
    }
}

fn lose(process: usize, token: Token, lost: Lost, stage: &mut Stage) {
    let (operation, position) = (token.operation, token.position);
    let lost = if stage.has(Mutant::AmbiguousAsNotSent) { Lost::NotSent } else { lost };
    stage.soon(Happening::Answered { process, operation, position, answer: Answer::Lost(lost) });
}
