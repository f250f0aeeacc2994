//! One worker of the proxy without sockets: bytes of clients and peers go in, bytes for clients and peers
//! come out, and time passes by being told.
//!
//! Sessions and links meet here and nowhere else. Whatever arrives is worked through to its end in one
//! *turn*: requests are begun, answers find their slots, and what has to be asked next is asked. What there
//! is to send is left in buffers and noted as dirty; whoever owns the sockets sends it once, after all that
//! was ready has been taken in. That is the only flush.

use super::complaints::Complaints;
use super::core::{Core, Todo};
use super::flush::Note;
use super::known::Known;
use super::orders::Orders;
use super::peers::Peer;
use super::session::{Session, Stage, Ticket};
use super::shared::Shared;
use super::slot::Token;
use peercache_core::replication::Lost;
use peercache_core::topology::Topology;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// One worker without sockets.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(super) core: Core,
    pub(super) peers: Vec<Peer>,
    /// How many sessions stand in the queues of peers.
    pub(super) parked: usize,
    /// Writes that wait for their turn, by request, and since when; some of them do no longer.
    pub(super) turns: VecDeque<(Duration, u32)>,
    /// Where what is worked off is kept meanwhile; empty between uses.
    todos: Vec<Todo>,
    /// For each peer, the keys of a multiget that it is about to be asked; empty between uses.
    pub(super) by_peer: Vec<Vec<u16>>,
    /// Peers with something to send.
    pub(super) dirty_peers: Vec<usize>,
    pub(super) shared: Arc<Shared>,
    /// The number of the next write that needs an order.
    pub(super) next_request: u32,
    /// Nothing is begun while the network changes.
    pub(super) is_changing: bool,
    /// What was said about clients.
    pub(super) complaints: Complaints,
    /// Looks at the flush that is pending, and changes of it.
    pub(super) notes: VecDeque<Note>,
}

impl Hub {
    /// A worker with no clients and no connections.
    pub(crate) fn new(topology: Arc<Topology>, shared: Arc<Shared>, number: usize) -> Self {
        let silence = topology.policy().silence;
        let peers: Vec<_> = topology.peers().iter().map(|peer| Peer::new(peer, silence)).collect();
        Self {
            by_peer: peers.iter().map(|_| Vec::new()).collect(),
            peers,
            core: Core::new(Known::new(topology), Arc::clone(&shared.orders), number as u16),
            parked: 0,
            turns: VecDeque::new(),
            todos: Vec::new(),
            dirty_peers: Vec::new(),
            shared,
            next_request: 0,
            complaints: Complaints::default(),
            is_changing: false,
            notes: VecDeque::new(),
        }
    }

    /// The time, for all that happens until it is told again.
    pub(crate) fn set_now(&mut self, now: Duration) {
        self.core.known.now = now;
    }

    /// The order of writes that the workers share, and which worker this is.
    pub(crate) fn orders(&self) -> (Arc<Orders>, usize) {
        (Arc::clone(&self.core.orders), usize::from(self.core.number))
    }

    /// A client has come.
    pub(crate) fn open_session(&mut self, client: String) -> u32 {
        let place = self.core.sessions.vacant_key();
        let first = self.core.slots_begun.get(place).copied().unwrap_or_default();
        let mut session = Session::new(client, self.access(), self.core.known.now, first);
        // Where values are large, the first window of each of many clients would be too much already.
        session.values = self.core.values.beside(session.values);
        self.core.sessions.insert(session) as u32
    }

    /// A session.
    pub(crate) fn session(&mut self, id: u32) -> Option<&mut Session> {
        self.core.sessions.get_mut(id as usize)
    }

    /// The client has said all that it will.
    pub(crate) fn client_ended(&mut self, id: u32) {
        if let Some(session) = self.session(id).filter(|session| session.stage == Stage::Open) {
            session.stage = Stage::Ending;
        }
        self.core.mark(id);
    }

    /// Nobody listens to the session any more.
    pub(crate) fn client_gone(&mut self, id: u32) {
        if let Some(session) = self.session(id) {
            session.hang_up();
        }
        self.drop_ticket(id);
        self.core.mark(id);
        self.turn();
    }

    /// Every client is answered what it has asked, and no more.
    pub(crate) fn end_all(&mut self) {
        self.session_ids().into_iter().for_each(|id| self.client_ended(id));
    }

    /// What clients have asked and nobody has begun is not answered any more.
    pub(crate) fn begin_no_more(&mut self) {
        for id in self.session_ids() {
            self.drop_ticket(id);
            self.core.sessions[id as usize].begin_no_more();
            self.core.mark(id);
        }
        self.turn();
    }

    fn session_ids(&self) -> Vec<u32> {
        self.core.sessions.iter().map(|(id, _)| id as u32).collect()
    }

    /// The session has to be looked at again.
    pub(crate) fn touch(&mut self, id: u32) {
        self.core.mark(id);
    }

    /// The session's socket is full: whoever waits for it touches the session again.
    pub(crate) fn touch_later(&mut self, id: u32) {
        if let Some(session) = self.session(id) {
            session.is_dirty = false;
        }
        self.core.recount(id);
    }

    /// Wakes whoever reads from the client.
    pub(crate) fn wake_reader(&mut self, id: u32) {
        if let Some(reader) = self.session(id).and_then(|session| session.reader.take()) {
            reader.wake();
        }
    }

    /// So many bytes were sent to a client.
    pub(crate) fn note_written(&mut self, id: u32, bytes: usize) {
        let (now, sessions) = (self.core.known.now, self.core.sessions.len());
        if let Some(session) = self.session(id) {
            session.note_sent(bytes, sessions);
            session.active_at = now;
        }
        self.core.counts.bytes_written += bytes as u64;
    }

    /// Whether there is something to send.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.core.dirty.is_empty() || !self.dirty_peers.is_empty()
    }

    /// Takes out the sessions that have something to send or may have ended.
    pub(crate) fn take_dirty_sessions(&mut self, into: &mut Vec<u32>) {
        into.append(&mut self.core.dirty);
    }

    /// Called when the session's output was sent as far as the socket takes it. Tells whether the session is
    /// over, and then forgets it.
    pub(crate) fn sent(&mut self, id: u32) -> bool {
        self.core.recount(id);
        let (has_siblings, now) = (self.core.known.topology.has_siblings(), self.core.known.now);
        let bytes_full = self.core.bytes_full();
        let Some(session) = self.core.sessions.get_mut(id as usize) else { return true };
        session.is_dirty = false;
        // A write that waits for others of its key is told when it may begin: who asks, asks without end.
        let waits_for_turn = matches!(session.ticket, Some(Ticket::Waiting(_))) && has_siblings;
        let is_delayed = session.parked_at.is_some() && !waits_for_turn;
        let may_begin = is_delayed && !session.is_parked && session.has_room(bytes_full);
        if may_begin && !self.is_changing {
            // Until now it has waited for its client, and for nobody else.
            session.parked_at = Some(now);
            self.resume(id);
        }
        self.go_on_with_many(id);
        self.turn();
        let Some(session) = self.core.sessions.get_mut(id as usize) else { return true };
        if session.wants_input()
            && let Some(reader) = session.reader.take()
        {
            reader.wake();
        }
        let is_over = match session.stage {
            Stage::Open => false,
            Stage::Ending => session.is_settled() && session.out.is_empty() && session.parked_at.is_none(),
            Stage::Cut => session.is_settled() && session.out.is_empty(),
            Stage::Gone => session.is_settled(),
        };
        if is_over {
            self.drop_ticket(id);
            let session = self.core.forget(id);
            session.reader.into_iter().for_each(std::task::Waker::wake);
            // Its place may have been all that others waited for.
            self.turn();
        }
        is_over
    }

    /// When [`Self::alarm`] may have something to do.
    pub(crate) fn next_alarm(&self) -> Option<Duration> {
        let request = self.core.known.topology.policy().request;
        let held = (!self.core.held.is_empty()).then(|| self.core.known.now + request / 4);
        let links = self.peers.iter().filter_map(|peer| peer.link.next_alarm());
        links.chain(self.next_overdue()).chain(self.next_turn_over()).chain(held).min()
    }

    /// Time has passed.
    pub(crate) fn alarm(&mut self) {
        for index in 0..self.peers.len() {
            let Self { core, peers, .. } = self;
            let now = core.known.now;
            peers[index].link.handle_alarm(now, |token, lost| core.lost(token, lost));
            self.pass_on_news(index);
        }
        self.look_at_held();
    }

    /// The network was stirred: an outage may be on disk now.
    pub(crate) fn look_at_held(&mut self) {
        self.core.release_held();
        self.turn();
    }

    /// Whether whoever heals has to look; asked once.
    pub(crate) fn take_stirred(&mut self) -> bool {
        std::mem::take(&mut self.core.stirred)
    }

    /// Makes the counts readable for others.
    pub(crate) fn publish(&self) {
        self.shared.published[usize::from(self.core.number)].publish(&self.core.counts);
    }

    /// Works off what is to be asked, and lets parked sessions go on where there is room again.
    pub(super) fn turn(&mut self) {
        loop {
            self.ask_noted();
            if !self.grant() && !self.give_up_turn() && !self.unpark() {
                return;
            }
        }
    }

    /// Works off what is to be asked, and begins nothing: whoever is beginning something may call it. In the
    /// order in which it was noted: a read that fails over must not overtake a write that does.
    pub(super) fn ask_noted(&mut self) {
        while !self.core.todo.is_empty() {
            let mut todos = std::mem::replace(&mut self.core.todo, std::mem::take(&mut self.todos));
            for todo in todos.drain(..) {
                match todo {
                    Todo::One(token, positions, ask) => {
                        positions.iter().for_each(|position| {
                            let token = Token { part: u16::from(position), ..token };
                            self.ask_one(token, ask);
                        });
                    }
                    Todo::Many(token) => self.ask_many(token),
                    Todo::Cancel(token, number) => self.cancel_pending(token, number),
                }
            }
            self.todos = todos;
        }
    }

    /// Tells a slot that a peer cannot be asked.
    pub(super) fn not_sent(&mut self, token: Token) {
        self.core.lost(token, Lost::NotSent);
    }
}
