//! One request from its plan to what the client is told: the counterpart of `client::request`, around the
//! real plan, gather and settle.

use super::{Answer, Process};
use crate::history::{Asked, End, Kind, OperationId, Told, key_name};
use crate::mutants::Mutant;
use crate::stage::{Event, Stage};
use peercache_core::health::Phase;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::command::{Command, Effect};
use peercache_core::protocol::memcached::request::{MetaVerb, StoreVerb, Versions};
use peercache_core::replication::{
    self, Ask, Gather, Lost, Outcome, Positions, ReadGather, Step, Verdict, WriteAllGather,
};
use peercache_core::ring::ReplicaSet;
use peercache_core::router::{self, Mode, Plan};
use peercache_core::spec::OnDown;
use std::time::Duration;

/// A request in progress.
#[derive(Debug)]
pub(super) struct Request {
    worker: usize,
    kind: Kind,
    name: String,
    set: ReplicaSet,
    gather: Gather,
    deadline: Duration,
    /// Attempts whose answers have not come.
    waiting: usize,
    /// The last answer of each replica, by position.
    answers: Vec<Option<Answer>>,
    /// Carried out too late, by a mutant.
    late_verdict: Option<Verdict>,
}

impl Request {
    /// Whether some replica refused, or was asked to delete because it had.
    fn was_refused(&self) -> bool {
        let mut answers = self.answers.iter().flatten().map(Answer::outcome);
        answers.any(|outcome| matches!(outcome, Outcome::Refused(_) | Outcome::Done | Outcome::NotFound))
    }
}

impl Process {
    /// Begins `kind` on `key` from `worker`.
    pub(crate) fn begin(&mut self, worker: usize, key: usize, kind: Kind, stage: &mut Stage) {
        let name = key_name(key);
        let Some(plan) = self.plan(&name, &kind, stage) else { return };
        let Plan { set, gather, first } = plan;
        let replicas = set.as_slice().iter().map(|peer| self.numbers[peer.get()]).collect();
        let states = set.as_slice().iter().map(|&peer| self.topology.peer(peer).cell.state()).collect();
        let index = self.index;
        let operation = stage.history.begin(stage.now, (index, worker), key, kind.clone(), replicas, states);
        let deadline = stage.now + self.topology.policy().request;
        let answers = vec![None; set.as_slice().len()];
        let request =
            Request { worker, kind, name, set, gather, deadline, waiting: 0, answers, late_verdict: None };
        self.requests.insert(operation, request);
        self.step(operation, first, stage);
    }

    fn plan(&self, name: &str, kind: &Kind, stage: &Stage) -> Option<Plan> {
        let key = Key::new(name.as_bytes()).expect("the simulator's keys are keys");
        let mode = if matches!(kind, Kind::Get) { Mode::Read } else { Mode::WriteAll };
        let plan = router::plan(&self.topology, key, mode)?;
        let asks_down = stage.has(Mutant::DownAsked);
        let asks_unreadable = stage.has(Mutant::UnreadableAsked) && mode == Mode::Read;
        if !asks_down && !asks_unreadable {
            return Some(plan);
        }
        let cells = plan.set.as_slice().iter().map(|&peer| self.topology.peer(peer).cell.state());
        let asked: Positions = (0u8..)
            .zip(cells)
            .filter(|(_, state)| if asks_down { true } else { state.phase() != Phase::Down })
            .map(|(position, _)| position)
            .collect();
        let copies = plan.set.as_slice().len();
        let (gather, first) = if mode == Mode::Read {
            let mut read = ReadGather::new(asked, Positions::NONE, Positions::NONE);
            let first = read.begin();
            (Gather::Read(read), first)
        } else {
            let mut write = WriteAllGather::new(copies, asked);
            let first = write.begin();
            (Gather::WriteAll(write), first)
        };
        Some(Plan { set: plan.set, gather, first })
    }

    /// Does what the gather wants.
    fn step(&mut self, operation: OperationId, step: Step, stage: &mut Stage) {
        match step {
            Step::Settled(verdict) => self.settle(operation, verdict, stage),
            Step::Ask(positions, ask) => {
                for position in positions.iter() {
                    self.ask(operation, position, ask, stage);
                }
            }
            Step::Pending => {
                let Some(request) = self.requests.get_mut(&operation) else { return };
                if request.waiting == 0 {
                    let verdict = request.gather.expire();
                    self.settle(operation, verdict, stage);
                }
            }
        }
    }

    fn ask(&mut self, operation: OperationId, position: u8, ask: Ask, stage: &mut Stage) {
        let Some(request) = self.requests.get_mut(&operation) else { return };
        request.waiting += 1;
        let place = router::peer_at(&request.set, position).get();
        let asked = Asked { position, ask, at: stage.now, outcome: None, answered: None, vouches: false };
        stage.history.asked(operation, asked);
        let process = self.index;
        if ask == Ask::Invalidate && stage.has(Mutant::InvalidateSkipped) {
            let answer = Answer::Line(b"DELETED".to_vec());
            return stage.soon(Event::Answered { process, operation, position, answer });
        }
        let deadline = request.deadline.min(stage.now + self.topology.policy().attempt);
        let key = Key::new(request.name.as_bytes()).expect("the simulator's keys are keys");
        let keys = [key];
        // The links of these mutants do not see that it is a read, and send it whatever has become known.
        let is_kept = stage.has(Mutant::UnsentReadsKept) || stage.has(Mutant::UnreadableAsked);
        let command = match (&request.kind, ask) {
            (Kind::Get, _) if is_kept => {
                let (verb, flags, effect) = (MetaVerb::Get, b" v", Effect::Looks);
                Command::Meta { verb, key, flags, value: b"", effect }
            }
            (Kind::Get, _) => Command::Get(&keys, Versions::Hidden),
            (Kind::Set(value), Ask::Request | Ask::Follow) => {
                Command::Store { verb: StoreVerb::Set, key, flags: 0, exptime: 0, value: value.as_bytes() }
            }
            (Kind::Delete, _) | (Kind::Set(_), Ask::Invalidate) => Command::Delete(key),
        };
        let link = &mut self.workers[request.worker][place];
        if !link.push(&command, (operation, position), deadline) {
            let answer = Answer::Lost(Lost::NotSent);
            stage.soon(Event::Answered { process, operation, position, answer });
        }
    }

    /// A replica answered, or an attempt at it was lost.
    pub(crate) fn answered(
        &mut self,
        operation: OperationId,
        position: u8,
        answer: Answer,
        stage: &mut Stage,
    ) {
        let Some(request) = self.requests.get_mut(&operation) else { return };
        let mut outcome = answer.outcome();
        let state = self.topology.peer(router::peer_at(&request.set, position)).cell.state();
        stage.history.answered(operation, position, outcome.clone(), state, stage.now);
        request.waiting -= 1;
        request.answers[usize::from(position)] = Some(answer);
        let is_read = matches!(request.kind, Kind::Get);
        if stage.has(Mutant::MissDoubted) && outcome == Outcome::Miss && position == 0 {
            outcome = Outcome::Lost(Lost::NotSent);
        }
        let is_miss = outcome == Outcome::Miss;
        let is_lost = matches!(outcome, Outcome::Lost(_));
        let Request { set, gather, .. } = request;
        let step = router::observe(&self.topology, set, gather, position, outcome);
        let goes_on = matches!(step, Step::Ask(..)) && is_read;
        let nothing = |answer| Step::Settled(Verdict { answer, unreadable: Positions::NONE });
        let step = match step {
            _ if goes_on && is_lost && stage.has(Mutant::FailoverSkipped) => {
                nothing(replication::Answer::Unavailable)
            }
            _ if goes_on && is_miss && stage.has(Mutant::WarmingMissDecides) => {
                nothing(replication::Answer::Miss)
            }
            step => step,
        };
        self.step(operation, step, stage);
    }

    /// Carries the verdict out and tells the client.
    fn settle(&mut self, operation: OperationId, verdict: Verdict, stage: &mut Stage) {
        let Some(request) = self.requests.get_mut(&operation) else { return };
        if stage.has(Mutant::SettledLate) && !verdict.unreadable.is_empty() {
            request.late_verdict = Some(verdict.clone());
            let at = stage.now + Duration::from_millis(5);
            stage.queue.push(at, Event::LateSettle { process: self.index, operation });
        } else if !stage.has(Mutant::SettleSkipped) {
            router::settle(&self.topology, &request.set, &verdict);
        }
        let told = self.told(operation, &verdict, stage);
        self.keep_missed(operation, &verdict, stage);
        let Some(request) = self.requests.get(&operation) else { return };
        let cells = request.set.as_slice().iter().map(|&peer| &self.topology.peer(peer).cell);
        let readable = cells.map(|cell| cell.state().is_readable()).collect();
        stage.history.end(operation, End { at: stage.now, told, readable });
        let worker = request.worker;
        if request.late_verdict.is_none() {
            self.requests.remove(&operation);
        }
        self.rest(worker, stage);
    }

    fn told(&self, operation: OperationId, verdict: &Verdict, stage: &Stage) -> Told {
        let request = &self.requests[&operation];
        let number = |position| self.numbers[router::peer_at(&request.set, position).get()];
        let numbers = |positions: Positions| positions.iter().map(number).collect();
        match &verdict.answer {
            replication::Answer::Hit(position) => match &request.answers[usize::from(*position)] {
                Some(Answer::Value(value, _)) => Told::Hit(String::from_utf8_lossy(value).into_owned()),
                _ => Told::Miss,
            },
            replication::Answer::Miss => Told::Miss,
            replication::Answer::Done { confirmed, .. } => Told::Done { confirmed: numbers(*confirmed) },
            replication::Answer::Refused(..) => Told::Refused,
            replication::Answer::Ambiguous(_) if stage.has(Mutant::AckUnconfirmed) => {
                Told::Done { confirmed: Vec::new() }
            }
            replication::Answer::Ambiguous(_) => Told::Ambiguous,
            replication::Answer::Unavailable
                if stage.has(Mutant::FollowerBelieved) && request.was_refused() =>
            {
                Told::Refused
            }
            replication::Answer::Led(_) | replication::Answer::Number(..) | replication::Answer::No(..) => {
                Told::Refused
            }
            replication::Answer::Unavailable => {
                let is_read = matches!(request.kind, Kind::Get);
                let lies = stage.has(Mutant::MissInsteadOfError);
                let missing = self.topology.policy().on_down == OnDown::Miss || lies;
                let all = Positions::first(request.answers.len());
                if is_read && missing { Told::Miss } else { Told::Unavailable { named: numbers(all) } }
            }
        }
    }

    /// Keeps what a peer missed, to send it once more when it is back, as a broken design would.
    fn keep_missed(&mut self, operation: OperationId, verdict: &Verdict, stage: &Stage) {
        let is_done = matches!(verdict.answer, replication::Answer::Done { .. });
        if !is_done || !stage.has(Mutant::HintedHandoff) {
            return;
        }
        let request = &self.requests[&operation];
        if let Kind::Set(value) = &request.kind {
            let places = verdict.unreadable.iter().map(|p| router::peer_at(&request.set, p).get());
            let missed = places.map(|place| (place, operation, request.name.clone(), value.clone()));
            self.missed.extend(missed);
        }
    }

    /// Sends a missed write once more.
    pub(crate) fn hand_off(&mut self, operation: OperationId, place: usize, stage: &Stage) {
        let kept = self.missed.iter().position(|missed| (missed.0, missed.1) == (place, operation));
        let Some((_, _, name, value)) = kept.map(|at| self.missed.remove(at)) else { return };
        let key = Key::new(name.as_bytes()).expect("the simulator's keys are keys");
        let command =
            Command::Store { verb: StoreVerb::Set, key, flags: 0, exptime: 0, value: value.as_bytes() };
        let deadline = stage.now + self.topology.policy().request;
        self.workers[0][place].push(&command, (operation, 0), deadline);
    }

    /// Carries a verdict out that was told before.
    pub(crate) fn settle_late(&mut self, operation: OperationId) {
        if let Some(request) = self.requests.remove(&operation)
            && let Some(verdict) = &request.late_verdict
        {
            router::settle(&self.topology, &request.set, verdict);
        }
    }
}
