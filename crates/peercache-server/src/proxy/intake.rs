//! Takes in what clients ask: reads requests off a session's bytes and begins each.
//!
//! A request that cannot be begun now (a link is full, or enough is in flight) parks its session: nothing
//! behind it is looked at until it could begin, so a client's requests are begun in the order it sent them.

use super::access::Access;
use super::asked::Asked;
use super::hub::Hub;
use super::op::Op;
use super::session::{IDLE_BYTES_MAX, Stage, Ticket};
use super::{administration, meta};
use peercache_core::protocol::memcached::request::{
    Answer as Wanted, Decoded, Edition, Keys, Limits, MetaKey, MetaRequest, Refused, Request, VALUE_END,
    Versions, decode,
};
use peercache_core::protocol::memcached::response;
use peercache_core::ring::PeerIndex;

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
        let value_bytes_max = self.core.known.topology.policy().value_bytes_max;
        let limits = Limits { value_bytes_max, edition: Edition::Common };
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
            Decoded::Announced { bytes, value_bytes, .. } => {
                session.bytes_needed = bytes + value_bytes + VALUE_END.len();
                session.parked_at = None;
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
            Request::Stats { about, .. } => {
                self.publish();
                let mut out = self.core.buffers.take();
                administration::stats(&mut out, about, self);
                self.core.say(id, out);
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
        let mut text = self.core.buffers.take();
        response::line(&mut text, line.as_bytes());
        self.core.say(id, text);
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
}

/// The flag that goes with a key in base64.
fn base64_flag(key: MetaKey<'_>) -> &'static [u8] {
    if key.is_base64() { b" b" } else { b"" }
}

/// What an empty network answers.
pub(super) const NO_PEERS: &str = "SERVER_ERROR No peers available.";
