//! What happens to a worker's requests when peers answer, or do not: the side of the [hub](super::hub) that
//! has sessions and no links.
//!
//! Answers arrive while their link is being read, so nothing can be asked of other peers here; what a gather
//! wants asked next is noted in `todo`, and the hub sees to it before the turn ends.

use super::budget::BYTES_CROWDED;
use super::buffers::Buffers;
use super::counts::Counts;
use super::everywhere::{self, Recorded};
use super::known::Known;
use super::orders::Orders;
use super::pace::Pace;
use super::say;
use super::session::{self, Session, Stage};
use super::slot::{self, One, Token, Work};
use peercache_core::pipeline::Answered;
use peercache_core::protocol::memcached::reply::{self, Reply};
use peercache_core::protocol::memcached::request::Answer as Wanted;
use peercache_core::replication::{Answer, Ask, Lost, Outcome, PeerSet, Positions, Step, Verdict};
use peercache_core::router::{self, Mode};
use slab::Slab;
use std::collections::HashMap;
use std::sync::Arc;

/// What a gather wants asked or done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Todo {
    /// These replicas of the one key of a slot.
    One(Token, Positions, Ask),
    /// The keys of a multiget that have to be asked elsewhere, or have not been asked yet.
    Many(Token),
    /// What was pending is to be cancelled: the flush of this slot is done.
    Cancel(Token, u64),
}

/// A worker's sessions and what they share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) known: Known,
    pub(crate) sessions: Slab<Session>,
    /// By session, the number of the next slot. Whoever takes the place of a session that is over goes on
    /// counting, so an answer that comes late, whatever it was to, never finds a slot of somebody else.
    pub(crate) slots_begun: Vec<u32>,
    pub(crate) buffers: Buffers,
    pub(crate) counts: Counts,
    /// How many requests were planned, for reads that are spread.
    pub(crate) planned: u32,
    pub(crate) todo: Vec<Todo>,
    /// Sessions that have something to send, or may have ended.
    pub(crate) dirty: Vec<u32>,
    /// Answers that are held until an outage is on disk (P-11).
    pub(crate) held: Vec<Token>,
    /// Writes that wait for their turn, by request: their sessions.
    pub(crate) waiting: HashMap<u32, u32>,
    /// Requests whose turn has come.
    pub(crate) granted: Vec<u32>,
    pub(crate) orders: Arc<Orders>,
    /// Which of the workers this is.
    pub(crate) number: u16,
    /// Whether whoever heals has to look.
    pub(crate) stirred: bool,
    /// The pace of the last multiget, from which newcomers learn.
    pub(super) values: Pace,
    /// Bytes of answers that all sessions hold, and at how many it is crowded.
    pub(super) bytes_held: usize,
    pub(crate) bytes_crowded: usize,
}

impl Core {
    /// A worker's side of the sessions, while there are none.
    pub(crate) fn new(known: Known, orders: Arc<Orders>, number: u16) -> Self {
        Self {
            known,
            sessions: Slab::new(),
            slots_begun: Vec::new(),
            buffers: Buffers::default(),
            counts: Counts::default(),
            planned: 0,
            todo: Vec::new(),
            dirty: Vec::new(),
            held: Vec::new(),
            waiting: HashMap::new(),
            granted: Vec::new(),
            orders,
            number,
            stirred: false,
            values: session::values_at_first(),
            bytes_held: 0,
            bytes_crowded: BYTES_CROWDED,
        }
    }

    /// A peer answered, wholly or in part.
    pub(crate) fn answered(&mut self, answered: Answered<'_, Token>) {
        match answered {
            Answered::Part(token, reply) => self.part(*token, &reply),
            Answered::Last(token, reply) => self.last(token, &reply),
        }
    }

    fn part(&mut self, token: Token, reply: &Reply<'_>) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let is_heard = session.is_heard();
        let Some(slot) = session.slot(token.slot) else { return };
        match &mut slot.work {
            Work::One(one) => {
                let position = token.part as u8;
                if is_heard {
                    say::keep(&mut slot.answer, one.op, reply, self.known.tag(&one.set, position));
                }
                one.kept = Some(position);
            }
            Work::Many(many) => {
                let before = many.window_bytes();
                many.value(token.part, reply, &self.known);
                let come = many.window_bytes() - before;
                session.note_waiting(come);
                self.recount(token.session);
            }
            Work::Done | Work::Flush(_) | Work::Everywhere(_) => {}
        }
    }

    fn last(&mut self, token: Token, reply: &Reply<'_>) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let Some(slot) = session.slot(token.slot) else { return };
        match &mut slot.work {
            Work::One(one) => {
                let position = token.part as u8;
                let outcome = match reply {
                    // The value came before, as a part.
                    Reply::End if one.kept == Some(position) => Outcome::Hit,
                    _ => one.op.outcome(reply),
                };
                let rank = slot::rank(position, &outcome);
                if one.keeps(rank) {
                    say::keep(&mut slot.answer, one.op, reply, self.known.tag(&one.set, position));
                    one.kept = Some(rank);
                }
                let (topology, is_miss) = (&self.known.topology, outcome == Outcome::Miss);
                let step = router::observe(topology, &one.set, &mut one.gather, position, outcome);
                self.counts.failovers += u64::from(!is_miss && is_next(&step));
                self.step(token, step, Some(reply));
            }
            Work::Many(many) => {
                many.part_ended(token.part, reply, &self.known);
                self.look_at_many(token);
            }
            Work::Everywhere(_) => {
                let outcome = match reply {
                    Reply::Refused(line) => Outcome::Refused(reply::refusal(line)),
                    _ => Outcome::Done,
                };
                self.hear_everywhere(token, outcome);
            }
            Work::Done | Work::Flush(_) => {}
        }
    }

    /// A peer did not answer in time, or not at all.
    pub(crate) fn lost(&mut self, token: Token, lost: Lost) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let Some(slot) = session.slot(token.slot) else { return };
        match &mut slot.work {
            Work::One(one) => {
                let (topology, position) = (&self.known.topology, token.part as u8);
                if one.kept == Some(position) {
                    // Half an answer is none: whoever is asked next may say something else.
                    one.kept = None;
                    slot.answer.clear();
                }
                let outcome = Outcome::Lost(lost);
                let step = router::observe(topology, &one.set, &mut one.gather, position, outcome);
                self.counts.failovers += u64::from(is_next(&step));
                self.step(token, step, None);
            }
            Work::Many(many) => {
                many.part_lost(token.part, lost, &self.known);
                self.look_at_many(token);
            }
            Work::Everywhere(_) => self.hear_everywhere(token, Outcome::Lost(lost)),
            Work::Done | Work::Flush(_) => {}
        }
    }

    /// Does, or notes, what a gather says comes next.
    pub(crate) fn step(&mut self, token: Token, step: Step, reply: Option<&Reply<'_>>) {
        match step {
            Step::Pending => {}
            Step::Ask(positions, ask) => self.todo.push(Todo::One(token, positions, ask)),
            Step::Settled(verdict) => self.settle(token, verdict, reply),
        }
    }

    /// Carries out a verdict, and tells the client unless the ledger has to be waited for.
    fn settle(&mut self, token: Token, verdict: Verdict, reply: Option<&Reply<'_>>) {
        if verdict.unreadable.is_empty() {
            return self.tell(token, &verdict.answer, reply);
        }
        let Some(one) = self.one(token) else { return };
        let set = one.set;
        let settled = router::settle(&self.known.topology, &set, &verdict);
        for position in settled.cleared.iter() {
            let peer = self.known.topology.peer(router::peer_at(&set, position));
            tracing::info!(peer = %peer.spec.id, "unreadable: it may miss a write");
        }
        self.stirred = true;
        if settled.unrecorded.is_empty() {
            return self.tell(token, &verdict.answer, reply);
        }
        if let Some(one) = self.one(token) {
            one.held = Some(Box::new((verdict.answer, settled.unrecorded)));
            self.held.push(token);
        }
    }

    fn one(&mut self, token: Token) -> Option<&mut One> {
        match &mut self.sessions.get_mut(token.session as usize)?.slot(token.slot)?.work {
            Work::One(one) => Some(one),
            Work::Done | Work::Many(_) | Work::Flush(_) | Work::Everywhere(_) => None,
        }
    }

    /// Looks again at the answers that are held for the ledger.
    pub(crate) fn release_held(&mut self) {
        for token in std::mem::take(&mut self.held) {
            let Some(session) = self.sessions.get_mut(token.session as usize) else { continue };
            let Some(slot) = session.slot(token.slot) else { continue };
            let now = self.known.now;
            let held = match &slot.work {
                Work::One(One { held: Some(held), set, deadline, .. }) => {
                    let (_, positions) = &**held;
                    let peers = positions.iter().map(|position| router::peer_at(set, position)).collect();
                    Some((peers, *deadline))
                }
                Work::Everywhere(everywhere) => {
                    everywhere.held.as_ref().map(|(_, peers)| (peers.clone(), everywhere.deadline))
                }
                _ => None,
            };
            let Some((peers, deadline)) = held else { continue };
            match everywhere::recorded(&peers, &self.known) {
                Recorded::NotYet if now < deadline => self.held.push(token),
                Recorded::NotYet | Recorded::Failed => self.tell_unrecorded(token, &peers),
                Recorded::All => self.tell_held(token),
            }
        }
    }

    fn tell_held(&mut self, token: Token) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        match session.slot(token.slot).map(|slot| &mut slot.work) {
            Some(Work::One(one)) => {
                if let Some(held) = one.held.take() {
                    self.tell(token, &held.0, None);
                }
            }
            Some(Work::Everywhere(everywhere)) => {
                if let Some((verdict, _)) = everywhere.held.take() {
                    self.tell_everywhere(token, &verdict.answer);
                }
            }
            _ => {}
        }
    }

    /// The write is not acknowledged, because an outage is not on disk.
    fn tell_unrecorded(&mut self, token: Token, peers: &PeerSet) {
        let ids = peers.iter().map(|peer| self.known.topology.peer(peer).spec.id.to_string());
        let ids = ids.collect::<Vec<_>>().join(", ");
        let words = format!("cannot record the outage of {ids}, so this is not acknowledged");
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        if let Some(slot) = session.slot(token.slot) {
            let wanted = match &slot.work {
                Work::One(one) => one.wanted,
                Work::Everywhere(everywhere) => everywhere.wanted,
                Work::Done | Work::Many(_) | Work::Flush(_) => Wanted::Wanted,
            };
            slot.answer.clear();
            if wanted == Wanted::Wanted {
                say::server_error(&mut slot.answer, &words);
            }
            slot.is_last = matches!(&slot.work, Work::One(one) if one.op.has_more_behind());
        }
        self.counts.errors += 1;
        self.finish(token);
    }

    /// Tells the client what was decided.
    fn tell(&mut self, token: Token, answer: &Answer, reply: Option<&Reply<'_>>) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let is_first = session.is_due(token.slot);
        let Some((slot, out)) = session.slot_and_out(token.slot) else { return };
        let Work::One(one) = &slot.work else { return };
        let unsent = out.len();
        if !say::uses_kept(one, answer) {
            slot.answer.clear();
        }
        // The usual case: it is this answer's turn, so it is written where it will be sent from.
        let target = if is_first && slot.answer.is_empty() { out } else { &mut slot.answer };
        say::one(target, one, answer, reply, &self.known);
        self.counts
            .told(one.op, if say::is_miss(one.op, answer, &self.known) { &Answer::Miss } else { answer });
        // The keys of one `gat` are requests of their own with one end. Behind an error in their middle
        // nothing that is sent could be understood.
        slot.is_last = one.op.has_more_behind() && !say::uses_kept(one, answer);
        let bytes = slot.answer.len() + session.out.len() - unsent;
        session.answers.note(bytes);
        self.finish(token);
    }

    /// The slot's answer is complete.
    pub(crate) fn finish(&mut self, token: Token) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let is_heard = session.is_heard();
        let Some(slot) = session.slot(token.slot) else { return };
        if !is_heard {
            slot.answer = Vec::new();
        }
        let mut waiting = slot.answer.len();
        self.counts.latency.record(self.known.now.saturating_sub(slot.started));
        if let Work::One(one) = &mut slot.work {
            self.buffers.put(std::mem::take(&mut one.bytes).into_buffer());
            if let Some(place) = one.place {
                self.orders.leave(self.number, place, &mut self.granted);
            }
            let is_led = matches!(one.mode, Mode::LeaderThen(_));
            slot.work = Work::Done;
            session.leading -= usize::from(is_led);
        } else if let Work::Many(many) = std::mem::replace(&mut slot.work, Work::Done) {
            self.buffers.put_many(many);
            // It was counted window by window.
            waiting = 0;
        }
        session.note_waiting(waiting);
        let is_first = session.is_first(token.slot);
        if is_first {
            session.release(&mut self.buffers);
        }
        let is_cut = is_heard && session.is_over_budget();
        if is_cut {
            tracing::warn!(client = session.client, "cut: it asks for much and reads nothing");
            session.hang_up();
        }
        if is_first || is_cut {
            self.mark(token.session);
        } else {
            self.recount(token.session);
        }
    }

    /// Answers a request in its turn that nobody has to be asked for; `text` is one of the buffers.
    pub(crate) fn say(&mut self, session: u32, text: Vec<u8>) {
        if let Some(session) = self.sessions.get_mut(session as usize) {
            session.say(&mut self.buffers, self.known.now, &text);
        }
        self.buffers.put(text);
        self.mark(session);
    }

    /// The session has something to send, or may have ended.
    pub(crate) fn mark(&mut self, session: u32) {
        let Some(there) = self.sessions.get_mut(session as usize) else { return };
        if there.stage == Stage::Gone {
            // Nobody listens; what was released is not sent.
            (there.out, there.sent) = (Vec::new(), 0);
        }
        if !there.is_dirty {
            there.is_dirty = true;
            self.dirty.push(session);
        }
    }
}

/// Whether another replica is asked because one could not answer.
fn is_next(step: &Step) -> bool {
    matches!(step, Step::Ask(_, Ask::Request))
}
