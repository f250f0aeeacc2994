//! One link of one worker: the counterpart of `link` and `driver` in the client crate, step for step,
//! around the real pipeline and the real cell.

use super::backoff::Backoff;
use super::opening::{Greeted, Greeting, Opening};
use super::watch::Watch;
use crate::history::OperationId;
use crate::mutants::Mutant;
use crate::process::Answer;
use crate::stage::{Endpoint, Event as Happening, Stage};
use crate::wire::ConnectionId;
use peercache_core::health::{Event, Incarnation, PeerCell, Phase};
use peercache_core::pipeline::{Answered, Pipeline, PipelineLimits};
use peercache_core::protocol::memcached::command::Command;
use peercache_core::protocol::memcached::reply::Reply;
use peercache_core::replication::Lost;
use peercache_core::spec::Policy;
use std::sync::Arc;
use std::time::Duration;

/// Who waits for an answer, and the value that came with it so far.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) operation: OperationId,
    pub(super) position: u8,
    value: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Step {
    /// Waits for work.
    Idle,
    Opening(Opening),
    Open(Open),
    /// Waits before it tries again.
    Resting {
        until: Duration,
    },
}

/// A connection that stands.
#[derive(Debug)]
struct Open {
    connection: ConnectionId,
    incarnation: Incarnation,
    watch: Watch,
    output: Vec<u8>,
    written: usize,
}

/// A link to one peer.
#[derive(Debug)]
pub(super) struct Link {
    endpoint: Endpoint,
    /// The peer's number in the run.
    peer: usize,
    cell: Arc<PeerCell>,
    policy: Policy,
    pipeline: Pipeline<Token>,
    /// The peer refused a moment ago; while it is down, requests fail at once.
    refusing: bool,
    /// There was a connection once.
    was_open: bool,
    backoff: Backoff,
    /// The earliest alarm that is set for a deadline.
    alarm_at: Option<Duration>,
    step: Step,
}

impl Link {
    pub(super) fn new(endpoint: Endpoint, peer: usize, cell: Arc<PeerCell>, policy: Policy) -> Self {
        Self {
            endpoint,
            peer,
            cell,
            policy,
            pipeline: Pipeline::new(PipelineLimits::default()),
            refusing: false,
            was_open: false,
            backoff: Backoff::default(),
            alarm_at: None,
            step: Step::Idle,
        }
    }

    /// Appends a request; false where the peer is known to refuse.
    pub(super) fn push(
        &mut self,
        command: &Command<'_>,
        (operation, position): (OperationId, u8),
        deadline: Duration,
    ) -> bool {
        if self.refusing && !self.cell.state().is_live() {
            return false;
        }
        self.pipeline.push(command, Token { operation, position, value: None }, deadline);
        true
    }

    /// Does whatever can be done now; called whenever something happened in the process.
    pub(super) fn poll(&mut self, stage: &mut Stage) {
        match &self.step {
            Step::Idle if self.has_work(stage) => {
                self.step = Step::Opening(Opening::begin(self.endpoint, self.peer, &self.policy, stage));
            }
            Step::Resting { .. } if self.cell.state().is_live() => {
                self.step = Step::Idle;
                self.poll(stage);
            }
            Step::Open(_) => self.flush(stage),
            Step::Opening(_) if !stage.has(Mutant::OpeningUntimed) => {
                self.set_alarm(self.pipeline.next_deadline(), stage);
            }
            Step::Idle | Step::Resting { .. } | Step::Opening(_) => {}
        }
    }

    /// Sets an alarm, unless an earlier one is set: that one will ring in vain and be set anew.
    fn set_alarm(&mut self, next: Option<Duration>, stage: &mut Stage) {
        if let Some(at) = next.filter(|&at| self.alarm_at.is_none_or(|set| at < set)) {
            self.alarm_at = Some(at);
            stage.alarm(self.endpoint, at);
        }
    }

    /// Requests wait, or a peer that is down has to be probed.
    fn has_work(&self, stage: &Stage) -> bool {
        let is_down = self.cell.state().phase() == Phase::Down;
        let must_probe = self.refusing || self.was_open && is_down;
        self.pipeline.has_output() || must_probe && !stage.has(Mutant::ProbesStopped)
    }

    /// Writes what the connection takes, and sets the alarm.
    fn flush(&mut self, stage: &mut Stage) {
        let Step::Open(open) = &mut self.step else { return };
        let process = self.endpoint.process;
        loop {
            if open.written == open.output.len() {
                open.output.clear();
                open.written = 0;
                // A read that was planned before the peer became unreadable is not sent any more.
                let keeps = stage.has(Mutant::UnsentReadsKept) || stage.has(Mutant::UnreadableAsked);
                if !keeps && !self.cell.state().is_readable() {
                    self.pipeline.lose_unsent_reads(|token| lose(process, token, Lost::NotSent, stage));
                }
                self.pipeline.take_output(&mut open.output);
            }
            if open.output.is_empty() {
                break;
            }
            let taken = stage.send_to_peer(open.connection, &open.output[open.written..]);
            open.written += taken;
            if taken == 0 {
                break;
            }
        }
        let next = open.watch.next_alarm(&self.pipeline, stage.now);
        self.set_alarm(next, stage);
    }

    /// Whether `id` is the connection this link has now.
    pub(super) fn holds(&self, id: ConnectionId) -> bool {
        match &self.step {
            Step::Opening(opening) => opening.connection == id,
            Step::Open(open) => open.connection == id,
            Step::Idle | Step::Resting { .. } => false,
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
            Step::Idle | Step::Resting { .. } => {}
        }
    }

    /// Somebody answers: is it who was there before (P-33)?
    fn greeted(&mut self, greeting: Greeting, stage: &mut Stage) {
        let Step::Opening(opening) = &self.step else { return };
        let connection = opening.connection;
        stage.history.met(self.endpoint.process, self.peer, stage.now);
        if !stage.has(Mutant::IdentifySkipped) {
            self.cell.identify(greeting.incarnation);
        }
        if !stage.has(Mutant::OpeningUntimed) {
            self.expire(stage);
        }
        self.backoff.reset();
        self.refusing = false;
        self.was_open = true;
        self.cell.observe(Event::Answered);
        let watch = Watch::new(stage.now, self.policy.silence);
        let output = Vec::new();
        let incarnation = greeting.incarnation;
        self.step = Step::Open(Open { connection, incarnation, watch, output, written: 0 });
    }

    fn answers(&mut self, bytes: &[u8], stage: &mut Stage) {
        let process = self.endpoint.process;
        let result = self.pipeline.handle_input(bytes, |answered| match answered {
            Answered::Part(token, reply) => {
                if let Reply::Value { data, .. } = reply {
                    token.value = Some(data.to_vec());
                }
            }
            Answered::Last(token, reply) => {
                let answer = Answer::of(reply, token.value);
                let (operation, position) = (token.operation, token.position);
                stage.soon(Happening::Answered { process, operation, position, answer });
            }
        });
        if result.is_err() {
            return self.ended(true, stage);
        }
        let abandoned = self.pipeline.abandoned_writes() > 0;
        if let Step::Open(open) = &mut self.step {
            open.watch.heard(abandoned, &self.cell, stage);
        }
    }

    /// The connection is gone, or never came to be.
    pub(super) fn gone(&mut self, stage: &mut Stage) {
        match self.step {
            Step::Opening(_) => self.refused(stage),
            Step::Open(_) => self.ended(false, stage),
            Step::Idle | Step::Resting { .. } => {}
        }
    }

    /// No connection: whatever waits was never sent.
    fn refused(&mut self, stage: &mut Stage) {
        if let Step::Opening(opening) = &self.step {
            stage.leave(opening.connection);
        }
        self.cell.observe(Event::Refused);
        self.refusing = true;
        let process = self.endpoint.process;
        self.pipeline.lose_unsent(|token| lose(process, token, Lost::NotSent, stage));
        let until = stage.now + self.backoff.wait(&mut stage.dice);
        self.step = Step::Resting { until };
        stage.alarm(self.endpoint, until);
    }

    /// A connection ended. One that owed nothing is only reopened.
    fn ended(&mut self, is_malformed: bool, stage: &mut Stage) {
        let Step::Open(mut open) = std::mem::replace(&mut self.step, Step::Idle) else { return };
        stage.leave(open.connection);
        if self.pipeline.is_owed() || is_malformed {
            self.cell.observe(Event::Refused);
        }
        self.refusing = self.cell.state().phase() == Phase::Down;
        let process = self.endpoint.process;
        let lost = if stage.has(Mutant::AmbiguousAsNotSent) { Lost::NotSent } else { Lost::Ambiguous };
        let mut tokens = Vec::new();
        if self.pipeline.lose_sent(|token| tokens.push(token)) {
            self.cell.note_lost_writes(open.incarnation);
        }
        tokens.into_iter().for_each(|token| lose(process, token, lost, stage));
        open.watch.set_debt(false, &self.cell);
    }

    pub(super) fn alarm(&mut self, stage: &mut Stage) {
        if self.alarm_at.is_some_and(|at| at <= stage.now) {
            self.alarm_at = None;
        }
        match &self.step {
            Step::Opening(opening) => {
                let is_late = opening.is_late(stage.now);
                if !stage.has(Mutant::OpeningUntimed) {
                    self.expire(stage);
                }
                if is_late {
                    self.refused(stage);
                }
            }
            Step::Resting { until } if *until <= stage.now => self.step = Step::Idle,
            Step::Open(_) => self.ring(stage),
            Step::Idle | Step::Resting { .. } => {}
        }
    }

    /// Ends the attempts whose time is over.
    fn expire(&mut self, stage: &mut Stage) {
        let process = self.endpoint.process;
        let mut late = false;
        let forgets = stage.has(Mutant::AmbiguousAsNotSent);
        let settles = !forgets && !stage.has(Mutant::SettleSkipped) && !stage.has(Mutant::SettledLate);
        let before = self.pipeline.abandoned_writes();
        self.pipeline.expire(stage.now, |token, lost| {
            late = true;
            lose(process, token, if forgets { Lost::NotSent } else { lost }, stage);
        });
        if settles && self.pipeline.abandoned_writes() > before {
            self.cell.clear_readable();
        }
        if late {
            self.cell.observe(Event::TimedOut);
        }
    }

    /// Ends attempts, and notices silence.
    fn ring(&mut self, stage: &mut Stage) {
        self.expire(stage);
        let abandoned = self.pipeline.abandoned_writes() > 0;
        if abandoned && stage.has(Mutant::LinkClosedOnTimeout) {
            return self.hang_up(stage);
        }
        let Step::Open(open) = &mut self.step else { return };
        open.watch.ring(abandoned, &self.cell, stage);
    }

    /// What no link may do: closes the connection because an answer is late, and forgets what it owes.
    fn hang_up(&mut self, stage: &mut Stage) {
        let Step::Open(open) = std::mem::replace(&mut self.step, Step::Idle) else { return };
        stage.leave(open.connection);
        let process = self.endpoint.process;
        self.pipeline.lose_sent(|token| lose(process, token, Lost::Ambiguous, stage));
        self.cell.observe(Event::TimedOut);
    }
}

fn lose(process: usize, token: Token, lost: Lost, stage: &mut Stage) {
    let (operation, position) = (token.operation, token.position);
    stage.soon(Happening::Answered { process, operation, position, answer: Answer::Lost(lost) });
}
