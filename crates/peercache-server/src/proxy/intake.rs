//! Takes in what clients ask: reads requests off a session's bytes and begins each.
//!
//! A request that cannot be begun now (a link is full, or enough is in flight) parks its session: nothing
//! behind it is looked at until it could begin, so a client's requests are begun in the order it sent them.

use super::access::Access;
use super::ask::{How, push};
use super::core::Todo;
use super::hub::Hub;
use super::op::Op;
use super::orders::Place;
use super::session::{IDLE_BYTES_MAX, Stage, Ticket};
use super::slot::{One, RequestBytes, Slot, Token, Work};
use super::turns::{GIVEN_UP, Turn, refused};
use super::{administration, many, meta};
use peercache_core::key::Key;
use peercache_core::protocol::memcached::command::Dialect;
use peercache_core::protocol::memcached::request::{
    Answer as Wanted, Decoded, Keys, Limits, MetaKey, MetaRequest, Refused, Request, Versions, decode,
};
use peercache_core::protocol::memcached::response;
use peercache_core::replication::{Positions, Step};
use peercache_core::ring::PeerIndex;
use peercache_core::router::{self, Mode, Plan};

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Began {
    /// It is answered, or will be.
    Yes,
    /// It has to wait for room on the link to this peer.
    Parked(PeerIndex),
    /// It has to wait for other writes of its key, or until less of its session is in flight.
    Waiting,
    /// The connection ends behind it.
    Close,
}

impl Began {
    fn is_delayed(self) -> bool {
        matches!(self, Self::Parked(_) | Self::Waiting)
    }
}

/// A request for one key as it came.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) op: Op,
    pub(super) key: MetaKey<'a>,
    pub(super) flags: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) wanted: Wanted,
}

impl Hub {
    /// A client sent something.
    pub(crate) fn client_input(&mut self, id: u32, input: &[u8]) {
        self.core.counts.bytes_read += input.len() as u64;
        let now = self.core.known.now;
        let Some(session) = self.session(id) else { return };
        session.active_at = now;
        if session.stage != Stage::Open {
            return;
        }
        if session.held.is_empty() && session.parked_at.is_none() {
            // The usual case: whole requests, taken in from where they were read.
            let taken = self.take_in(id, input);
            if let Some(session) = self.session(id) {
                session.held.extend_from_slice(&input[taken..]);
            }
        } else {
            session.held.extend_from_slice(input);
            if session.parked_at.is_none() && session.held.len() >= session.bytes_needed {
                self.resume(id);
            }
        }
        self.turn();
    }

    /// Takes in what the session holds.
    pub(super) fn resume(&mut self, id: u32) {
        let Some(session) = self.session(id) else { return };
        let mut held = std::mem::take(&mut session.held);
        let taken = self.take_in(id, &held);
        held.drain(..taken);
        if held.is_empty() {
            // One large value must not cost its connection that much for life.
            held.shrink_to(IDLE_BYTES_MAX);
        }
        if let Some(session) = self.session(id).filter(|session| session.stage != Stage::Gone) {
            session.held = held;
        }
        self.core.mark(id);
    }

    /// Begins every whole request in `input`; says how many bytes of it are done.
    fn take_in(&mut self, id: u32, input: &[u8]) -> usize {
        let (mut taken, is_changing) = (0, self.is_changing);
        let limits = Limits { value_bytes_max: self.core.known.topology.policy().value_bytes_max };
        loop {
            let (now, bytes_full) = (self.core.known.now, self.core.bytes_full());
            let Some(session) = self.session(id).filter(|session| session.is_heard()) else {
                // A write whose turn has come will not begin: others must not wait for it.
                self.drop_ticket(id);
                return input.len();
            };
            let gone = usize::try_from(session.swallow).unwrap_or(usize::MAX).min(input.len() - taken);
            session.swallow -= gone as u64;
            taken += gone;
            let rest = &input[taken..];
            if rest.is_empty() {
                session.parked_at = None;
                return taken;
            }
            // Behind a write whose turn has come others wait: it never waits for its client.
            let is_awaited = matches!(session.ticket, Some(Ticket::Granted(_)));
            if is_changing || !(is_awaited || session.has_room(bytes_full)) {
                session.parked_at.get_or_insert(now);
                return taken;
            }
            let Some((began, bytes)) = self.begin_next(id, rest, &limits) else { return taken };
            taken += if began.is_delayed() { 0 } else { bytes };
            let Some(session) = self.session(id) else { return input.len() };
            match began {
                Began::Yes => session.parked_at = None,
                Began::Parked(peer) => {
                    session.parked_at.get_or_insert(now);
                    self.park(id, peer);
                    return taken;
                }
                Began::Waiting => {
                    session.parked_at.get_or_insert(now);
                    return taken;
                }
                Began::Close => {
                    session.stage = Stage::Ending;
                    session.parked_at = None;
                    self.core.mark(id);
                    return input.len();
                }
            }
        }
    }

    /// Begins the request at the start of `input`, if it is whole; tells how many bytes it has.
    fn begin_next(&mut self, id: u32, input: &[u8], limits: &Limits) -> Option<(Began, usize)> {
        let session = self.session(id)?;
        let decoded = decode(input, limits);
        // Other protocols are shown the door in any case.
        if session.access != Access::Granted && !matches!(decoded, Decoded::Close { answer: None, .. }) {
            return self.log_in(id, input);
        }
        match decoded {
            Decoded::Incomplete { bytes_needed } => {
                (session.bytes_needed, session.parked_at) = (bytes_needed, None);
                None
            }
            Decoded::Request { request, bytes } => Some((self.begin(id, &request), bytes)),
            Decoded::Refused(refused) => Some((self.begin_refused(id, &refused), refused.bytes)),
            Decoded::Close { answer, reason } => {
                if self.complaints.is_due(reason, self.core.known.now) {
                    let client = self.session(id).map(|session| session.client.as_str());
                    tracing::warn!(client, "closing a connection, and others like it: {}", reason.as_str());
                }
                if let Some(answer) = answer {
                    self.say(id, answer);
                }
                Some((Began::Close, input.len()))
            }
        }
    }

    fn begin(&mut self, id: u32, request: &Request<'_>) -> Began {
        let plain = |op, key, wanted| Asked { op, key: MetaKey::plain(key), flags: b"", value: b"", wanted };
        match *request {
            Request::Get { keys, versions } => self.begin_get(id, keys, versions),
            Request::GetAndTouch { keys, exptime, versions } => {
                self.begin_get_and_touch(id, keys, exptime, versions)
            }
            Request::Store { verb, key, flags, exptime, value, answer } => {
                let op = Op::Store { verb, flags, exptime };
                self.begin_one(id, Asked { value, ..plain(op, key, answer) })
            }
            Request::Count { verb, key, delta, answer } => {
                self.begin_one(id, plain(Op::Count { verb, delta }, key, answer))
            }
            Request::Touch { key, exptime, answer } => {
                self.begin_one(id, plain(Op::Touch { exptime }, key, answer))
            }
            Request::Delete { key, answer } => self.begin_one(id, plain(Op::Delete, key, answer)),
            Request::Inspect(key) => {
                let flags = base64_flag(key);
                self.begin_one(id, Asked { op: Op::Inspect, key, flags, value: b"", wanted: Wanted::Wanted })
            }
            Request::Meta(request) => self.begin_meta(id, &request),
            Request::FlushAll { exptime, answer } => self.begin_flush_all(id, exptime, answer),
            Request::Quit => Began::Close,
            Request::Noop => self.say(id, "MN"),
            Request::Version => self.say(id, administration::VERSION_LINE),
            Request::Verbosity { answer: Wanted::Wanted, .. } => self.say(id, "OK"),
            Request::Verbosity { .. } => Began::Yes,
            Request::Admin { verb, answer, .. } => match administration::answer(verb, &self.shared) {
                _ if answer == Wanted::Unwanted => Began::Yes,
                words => self.say(id, words),
            },
            Request::Stats(about) => {
                self.publish();
                let mut out = self.core.buffers.take();
                administration::stats(&mut out, about, self);
                let now = self.core.known.now;
                let Self { core, .. } = self;
                if let Some(session) = core.sessions.get_mut(id as usize) {
                    session.say(&mut core.buffers, now, &out);
                }
                core.buffers.put(out);
                core.mark(id);
                Began::Yes
            }
        }
    }

    /// A request that must not be executed. Like memcached, a `set` that fails takes the old value away.
    fn begin_refused(&mut self, id: u32, refused: &Refused<'_>) -> Began {
        let began = match refused.forget {
            Some(key) => {
                let wanted = if refused.answer.is_some() { Wanted::Wanted } else { Wanted::Unwanted };
                let op = Op::Forget(refused.answer.unwrap_or_default());
                self.begin_one(id, Asked { op, key, flags: base64_flag(key), value: b"", wanted })
            }
            None => match refused.answer {
                Some(answer) => self.say(id, answer),
                None => Began::Yes,
            },
        };
        if !began.is_delayed()
            && let Some(session) = self.session(id)
        {
            session.swallow = refused.swallow;
        }
        began
    }

    /// Answers a line in its turn.
    pub(super) fn say(&mut self, id: u32, line: &str) -> Began {
        let Self { core, .. } = self;
        let now = core.known.now;
        let mut text = core.buffers.take();
        response::line(&mut text, line.as_bytes());
        if let Some(session) = core.sessions.get_mut(id as usize) {
            session.say(&mut core.buffers, now, &text);
        }
        core.buffers.put(text);
        core.mark(id);
        Began::Yes
    }

    fn begin_get(&mut self, id: u32, keys: Keys<'_>, versions: Versions) -> Began {
        match keys.single() {
            Some(key) => {
                let (op, key) = (Op::Get(versions), MetaKey::plain(key));
                self.begin_one(id, Asked { op, key, flags: b"", value: b"", wanted: Wanted::Wanted })
            }
            None => self.begin_many(id, keys, versions),
        }
    }

    fn begin_many(&mut self, id: u32, keys: Keys<'_>, versions: Versions) -> Began {
        let Some(session) = self.core.sessions.get(id as usize) else { return Began::Yes };
        let mode = session.plans(many::mode(versions));
        if let Some(peer) = self.full_for_many(keys, mode).filter(|_| !self.is_overdue(id)) {
            return Began::Parked(peer);
        }
        let known = &self.core.known;
        let deadline = known.request_deadline();
        let mut many = self.core.buffers.take_many();
        many.begin(versions, mode, deadline);
        keys.iter().for_each(|key| many.add(key));
        let started = self.core.known.now;
        let answer = self.core.buffers.take();
        let Some(session) = self.core.sessions.get_mut(id as usize) else { return Began::Yes };
        let token = Token { session: id, slot: session.next_slot(), part: 0 };
        session.push(Slot::new(Work::Many(many), answer, started));
        self.core.todo.push(Todo::Many(token));
        self.ask_noted();
        Began::Yes
    }

    /// A full link that a multiget needs.
    fn full_for_many(&self, keys: Keys<'_>, mode: Mode) -> Option<PeerIndex> {
        let topology = &self.core.known.topology;
        // Mostly none is full, and nothing has to be planned to find that out.
        topology.indexes().find(|&peer| self.is_full(peer))?;
        let first = |key: Key<'_>| match router::plan_reading(topology, key.as_bytes(), mode) {
            Some((set, _, Step::Ask(positions, _))) => {
                positions.lowest().map(|position| router::peer_at(&set, position))
            }
            _ => None,
        };
        keys.iter().filter_map(first).find(|&peer| self.is_full(peer))
    }

    /// Each key is a request of its own; the last one's answer ends them all.
    fn begin_get_and_touch(&mut self, id: u32, keys: Keys<'_>, exptime: i64, versions: Versions) -> Began {
        let mut each = keys.iter().peekable();
        if each.peek().is_none() {
            return self.say(id, "END");
        }
        let begun = self.session(id).map_or(0, |session| std::mem::take(&mut session.keys_begun));
        if self.core.known.topology.ring().is_none() {
            // Said once, and not for each key.
            return self.say(id, NO_PEERS);
        }
        let mut each = each.enumerate().skip(begun).peekable();
        while let Some((number, key)) = each.next() {
            let bytes_full = self.core.bytes_full();
            let Some(session) = self.session(id).filter(|session| session.is_heard()) else { break };
            // The first of them that is looked at was let in with the request.
            let has_room = number == begun || session.has_room(bytes_full);
            let op = Op::GetAndTouch { exptime, versions, last: each.peek().is_none() };
            let (key, wanted) = (MetaKey::plain(key), Wanted::Wanted);
            let asked = Asked { op, key, flags: b"", value: b"", wanted };
            let began = if has_room { self.begin_one(id, asked) } else { Began::Waiting };
            let Some(session) = self.session(id) else { break };
            if began.is_delayed() {
                session.keys_begun = number;
                return began;
            }
            session.parked_at = None;
        }
        Began::Yes
    }

    fn begin_meta(&mut self, id: u32, request: &MetaRequest<'_>) -> Began {
        let op = Op::Meta(meta::op(request));
        let mut flags = self.core.buffers.take();
        meta::push_flags(&mut flags, request);
        let (key, value) = (request.key, request.value);
        let began = self.begin_one(id, Asked { op, key, flags: &flags, value, wanted: Wanted::Wanted });
        self.core.buffers.put(flags);
        began
    }

    /// Begins a request for one key, unless a link that it needs is full.
    fn begin_one(&mut self, id: u32, asked: Asked<'_>) -> Began {
        let mut plan = self.plan(id, &asked);
        if let Some(plan) = &mut plan {
            self.heed_dialects(&asked, plan);
        }
        if let Some(Plan { set, first: Step::Ask(positions, _), .. }) = &plan {
            let mut asked = positions.iter().map(|position| router::peer_at(set, position));
            if let Some(peer) = asked.find(|&peer| self.is_full(peer)).filter(|_| !self.is_overdue(id)) {
                return Began::Parked(peer);
            }
        }
        let place = match self.take_turn(id, &asked) {
            Turn::Now(place) => place,
            Turn::Later => return Began::Waiting,
            Turn::Over => {
                plan.iter_mut().for_each(|plan| plan.first = Step::Settled(refused(GIVEN_UP.to_owned())));
                None
            }
        };
        self.start_one(id, asked, plan, place);
        Began::Yes
    }

    #[inline]
    fn plan(&self, id: u32, asked: &Asked<'_>) -> Option<Plan> {
        let mode = self.core.sessions.get(id as usize)?.plans(asked.op.mode());
        router::plan_named(&self.core.known.topology, asked.key.placement().as_ref(), mode)
    }

    /// Begins a request for one key as it was planned.
    fn start_one(&mut self, id: u32, asked: Asked<'_>, plan: Option<Plan>, place: Option<Place>) {
        let Self { core, peers, .. } = self;
        let Asked { op, key, flags, value, wanted } = asked;
        let Some(session) = core.sessions.get_mut(id as usize) else { return };
        let Some(Plan { set, gather, first }) = plan else {
            core.counts.errors += 1;
            let mut line = core.buffers.take();
            if wanted == Wanted::Wanted {
                response::line(&mut line, NO_PEERS.as_bytes());
            }
            session.say(&mut core.buffers, core.known.now, &line);
            core.buffers.put(line);
            return core.mark(id);
        };
        let token = Token { session: id, slot: session.next_slot(), part: 0 };
        let deadline = core.known.request_deadline();
        let kept = if op.keeps_value() { value } else { b"" };
        let one = One {
            op,
            set,
            gather,
            deadline,
            wanted,
            kept: None,
            held: None,
            place,
            bytes: RequestBytes::keep(core.buffers.take(), key.text(), flags, kept),
        };
        let mut unsent = Positions::NONE;
        let mut sent = Positions::NONE;
        if let Step::Ask(positions, ask) = &first {
            let attempt = core.known.attempt_deadline(deadline);
            for position in positions.iter() {
                let index = router::peer_at(&set, position).get();
                let peer = &mut peers[index];
                if peer.link.room().is_err() {
                    unsent.insert(position);
                    continue;
                }
                let token = Token { part: u16::from(position), ..token };
                let how = How {
                    ask: *ask,
                    dialect: peer.dialect.unwrap_or(Dialect::Classic),
                    tag: core.known.tags[index],
                };
                push(&mut peer.link, &how, &op, (key.text(), flags, value), (token, attempt));
                sent.insert(position);
            }
        }
        let answer = core.buffers.take();
        session.leading += usize::from(matches!(op.mode(), Mode::LeaderThen(_)));
        session.push(Slot::new(Work::One(one), answer, core.known.now));
        if let Step::Settled(_) = first {
            core.step(token, first, None);
        }
        for position in sent.iter() {
            self.mark_peer(router::peer_at(&set, position).get());
        }
        for position in unsent.iter() {
            self.not_sent(Token { part: u16::from(position), ..token });
        }
    }
}

/// The flag that goes with a key in base64.
fn base64_flag(key: MetaKey<'_>) -> &'static [u8] {
    if key.is_base64() { b" b" } else { b"" }
}

/// What an empty network answers.
pub(super) const NO_PEERS: &str = "SERVER_ERROR No peers available.";
