//! One request from its plan to what the client is told: the counterpart of `client::request`, around the
//! real plan, gather and settle.

use super::ledger::Held;
use super::wish::Wish;
use super::{Answer, Process};
use crate::history::{Asked, End, Kind, OperationId, Told, key_name};
use crate::mutants::Mutant;
use crate::stage::{Event, Stage};
use peercache_core::health::Phase;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::command::{Command, Effect};
use peercache_core::protocol::memcached::request::{CountVerb, MetaVerb, StoreVerb, Versions};
use peercache_core::replication::order::Who;
use peercache_core::replication::{
    self, Ask, Follow, Gather, Lost, Outcome, Positions, ReadGather, Step, Tag, Verdict, WriteAllGather,
};
use peercache_core::ring::ReplicaSet;
use peercache_core::router::{self, Mode, Plan};
use peercache_core::spec::OnDown;
use std::time::Duration;

/// A request in progress.
#[derive(Debug)]
pub(super) struct Request {
    worker: usize,
    key: usize,
    /// Its place in the order of its key.
    turn: Option<Who>,
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

/// What a replica is asked, where that does not depend on the replica.
fn command<'a>(kind: &'a Kind, ask: Ask, keys: &'a [Key<'a>; 1], stage: &Stage) -> Command<'a> {
    let key = keys[0];
    // The links of these mutants do not see that it is a read, and send it whatever has become known.
    let is_kept = stage.has(Mutant::UnsentReadsKept) || stage.has(Mutant::UnreadableAsked);
    match (kind, ask) {
        (Kind::Get, _) if is_kept => {
            let (verb, flags, effect) = (MetaVerb::Get, b" v", Effect::Looks);
            Command::Meta { verb, key, flags, value: b"", effect }
        }
        (Kind::Get, _) => Command::Get(keys, Versions::Hidden),
        (Kind::Gets, _) => Command::Get(keys, Versions::Shown),
        (Kind::Delete | Kind::Cas { .. }, _) | (_, Ask::Invalidate) => Command::Delete(key),
        (Kind::Set(value), _) => store(StoreVerb::Set, key, value),
        (Kind::Add(value), _) => store(StoreVerb::Add, key, value),
        (Kind::Incr, _) => Command::Count { verb: CountVerb::Incr, key, delta: 1 },
    }
}

fn store<'a>(verb: StoreVerb, key: Key<'a>, value: &'a str) -> Command<'a> {
    Command::Store { verb, key, flags: 0, exptime: 0, value: value.as_bytes() }
}

impl Process {
    /// Begins an operation whose turn it is.
    pub(super) fn begin(&mut self, wish: Wish, turn: Option<Who>, stage: &mut Stage) {
        let Wish { worker, key, kind } = wish;
        let name = key_name(key);
        let nth = self.planned;
        self.planned += 1;
        let Some(plan) = self.plan(&name, &kind, nth, stage) else { return };
        let Plan { set, gather, first } = plan;
        let replicas = set.as_slice().iter().map(|peer| self.numbers[peer.get()]).collect();
        let states = set.as_slice().iter().map(|&peer| self.topology.peer(peer).cell.state()).collect();
        let index = self.index;
        let operation =
            stage.history.begin(stage.now, (index, worker, nth), key, kind.clone(), replicas, states);
        let deadline = stage.now + self.topology.policy().request;
        let answers = vec![None; set.as_slice().len()];
        let request = Request {
            worker,
            key,
            turn,
            kind,
            name,
            set,
            gather,
            deadline,
            waiting: 0,
            answers,
            late_verdict: None,
        };
        self.requests.insert(operation, request);
        self.step(operation, first, stage);
    }

    fn plan(&self, name: &str, kind: &Kind, nth: u32, stage: &Stage) -> Option<Plan> {
        let key = Key::new(name.as_bytes()).expect("the simulator's keys are keys");
        let mode = match kind {
            Kind::Get => Mode::Read,
            Kind::Gets => Mode::Fetch,
            Kind::Set(_) | Kind::Delete => Mode::WriteAll,
            Kind::Add(_) | Kind::Cas { .. } => Mode::LeaderThen(Follow::Invalidate),
            Kind::Incr => Mode::LeaderThen(Follow::Same),
        };
        let nth = if stage.has(Mutant::OwnerAlwaysFirst) { 0 } else { nth };
        let plan = router::plan(&self.topology, key, mode, nth)?;
        let asks_down = stage.has(Mutant::DownAsked);
        let asks_unreadable = stage.has(Mutant::UnreadableAsked) && mode == Mode::Read;
        if !asks_down && !asks_unreadable || !matches!(mode, Mode::Read | Mode::WriteAll) {
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
        let request = &self.requests[&operation];
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
        let command = match (&request.kind, ask) {
            (Kind::Cas { value, token, .. }, Ask::Request | Ask::Follow) => {
                let Some(version) = self.version(place, *token, stage) else {
                    let answer = Answer::Line(b"EXISTS".to_vec());
                    return stage.soon(Event::Answered { process, operation, position, answer });
                };
                store(StoreVerb::Cas(version), key, value)
            }
            (kind, ask) => command(kind, ask, &keys, stage),
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
        self.flush_answered(operation, position, &answer, stage);
        let Some(request) = self.requests.get_mut(&operation) else { return };
        let mut outcome = answer.outcome();
        let state = self.topology.peer(router::peer_at(&request.set, position)).cell.state();
        stage.history.answered(operation, position, outcome.clone(), state, stage.now);
        request.waiting -= 1;
        request.answers[usize::from(position)] = Some(answer);
        let is_read = matches!(request.kind, Kind::Get | Kind::Gets);
        let is_leader_first = request.kind.is_leader_first();
        if is_leader_first && outcome == Outcome::Lost(Lost::Ambiguous) && stage.has(Mutant::LeaderRetried) {
            outcome = Outcome::Lost(Lost::NotSent);
        }
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
            Step::Ask(whom, ask) if is_leader_first && ask != Ask::Request => {
                self.follow(operation, whom, ask, stage)
            }
            step => step,
        };
        self.step(operation, step, stage);
    }

    /// What the followers are to do, unless they are forgotten.
    fn follow(&mut self, operation: OperationId, whom: Positions, ask: Ask, stage: &Stage) -> Step {
        let request = self.requests.get_mut(&operation).filter(|_| stage.has(Mutant::FollowersForgotten));
        let Some(request) = request else { return Step::Ask(whom, ask) };
        let Verdict { answer, .. } = request.gather.expire();
        Step::Settled(Verdict { answer, unreadable: Positions::NONE })
    }

    /// The version of the peer at `place` that a client's token stands for; none is nobody's, or another's.
    fn version(&self, place: usize, token: u64, stage: &Stage) -> Option<u64> {
        if stage.has(Mutant::BareVersions) { Some(token) } else { self.tag(place)?.unwrap(token) }
    }

    /// Whose versions the peer at `place` gives now.
    fn tag(&self, place: usize) -> Option<Tag> {
        let peer = &self.topology.peers()[place];
        peer.cell.incarnation().map(|incarnation| Tag::of(&peer.spec.id, incarnation))
    }

    /// Remembers the version that came with a value.
    fn keep_version(&mut self, operation: OperationId, verdict: &Verdict, stage: &Stage) {
        let request = &self.requests[&operation];
        let (Kind::Gets, replication::Answer::Hit(position)) = (&request.kind, &verdict.answer) else {
            return;
        };
        let place = router::peer_at(&request.set, *position).get();
        let Some(Answer::Value(value, Some(cas))) = &request.answers[usize::from(*position)] else { return };
        let Some(tag) = self.tag(place) else { return };
        let token = if stage.has(Mutant::BareVersions) { *cas } else { tag.wrap(*cas) };
        self.versions.insert(request.key, (String::from_utf8_lossy(value).into_owned(), token));
    }

    /// Carries the verdict out and tells the client.
    fn settle(&mut self, operation: OperationId, verdict: Verdict, stage: &mut Stage) {
        let Some(request) = self.requests.get_mut(&operation) else { return };
        if stage.has(Mutant::SettledLate) && !verdict.unreadable.is_empty() {
            request.late_verdict = Some(verdict.clone());
            let at = stage.now + Duration::from_millis(5);
            stage.queue.push(at, Event::LateSettle { process: self.index, operation });
        } else if !stage.has(Mutant::SettleSkipped) {
            let settled = router::settle(&self.topology, &request.set, &verdict);
            if !settled.unrecorded.is_empty() && !stage.has(Mutant::LedgerOutrun) {
                return self.held.push(Held { operation, verdict, settled: stage.now });
            }
        }
        self.tell(operation, &verdict, stage.now, stage);
    }

    /// The replicas of a request in progress.
    pub(super) fn set_of(&self, operation: OperationId) -> Option<ReplicaSet> {
        self.requests.get(&operation).map(|request| request.set)
    }

    /// Peers that miss what is told now, without an entry in the ledger.
    fn unrecorded(&self, request: &Request, verdict: &Verdict, stage: &Stage) -> Vec<usize> {
        let keeps = !self.entries.is_empty() && verdict.answer.is_promise();
        let places = verdict.unreadable.iter().map(|position| router::peer_at(&request.set, position));
        let missed = places.filter(|&place| keeps && self.topology.peer(place).cell.state().has_missed());
        let numbers = missed.map(|place| self.numbers[place.get()]);
        numbers.filter(|&number| !stage.ledger.contains(&(number, self.index))).collect()
    }

    /// Tells the client of a verdict that was carried out at `settled`.
    pub(super) fn tell(
        &mut self,
        operation: OperationId,
        verdict: &Verdict,
        settled: Duration,
        stage: &mut Stage,
    ) {
        let told = self.told(operation, verdict, stage);
        self.keep_missed(operation, verdict, stage);
        self.keep_version(operation, verdict, stage);
        let Some(request) = self.requests.get(&operation) else { return };
        let cells = request.set.as_slice().iter().map(|&peer| &self.topology.peer(peer).cell);
        let readable = cells.map(|cell| cell.state().is_readable()).collect();
        let unrecorded = self.unrecorded(request, verdict, stage);
        stage.history.end(operation, End { at: stage.now, settled, told, readable, unrecorded });
        let (worker, key, turn) = (request.worker, request.key, request.turn);
        if request.late_verdict.is_none() {
            self.requests.remove(&operation);
        }
        if let Some(who) = turn {
            self.leave(key, who, stage);
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
            replication::Answer::Led(_) => Told::Led { number: None },
            replication::Answer::Number(_, number) => Told::Led { number: Some(*number) },
            replication::Answer::No(..) => Told::No,
            replication::Answer::Unavailable => {
                let is_read = matches!(request.kind, Kind::Get | Kind::Gets);
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
        let command = store(StoreVerb::Set, key, &value);
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
