//! What happens to a worker's requests when peers answer, or do not: the side of the [hub](super::hub) that
//! has sessions and no links.
//!
//! Answers arrive while their link is being read, so nothing can be asked of other peers here; what a gather
//! wants asked next is noted in `todo`, and the hub sees to it before the turn ends.

use super::buffers::Buffers;
use super::counts::Counts;
use super::known::Known;
use super::say;
use super::session::{Session, Stage};
use super::slot::{One, Token, Work};
use peercache_core::health::Entry;
use peercache_core::pipeline::Answered;
use peercache_core::protocol::memcached::reply::Reply;
use peercache_core::replication::{Answer, Ask, Lost, Outcome, Positions, Step, Verdict};
use peercache_core::router::{self, Mode};
use slab::Slab;

/// What a gather wants asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Todo {
    /// These replicas of the one key of a slot.
    One(Token, Positions, Ask),
    /// The keys of a multiget that have to be asked elsewhere, or have not been asked yet.
    Many(Token),
}

/// A worker's sessions and what they share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) known: Known,
    pub(crate) sessions: Slab<Session>,
    pub(crate) buffers: Buffers,
    pub(crate) counts: Counts,
    pub(crate) todo: Vec<Todo>,
    /// Sessions that have something to send, or may have ended.
    pub(crate) dirty: Vec<u32>,
    /// Answers that are held until an outage is on disk (P-11).
    pub(crate) held: Vec<Token>,
    /// Whether whoever heals has to look.
    pub(crate) stirred: bool,
}

impl Core {
    /// A peer answered, wholly or in part.
    pub(crate) fn answered(&mut self, answered: Answered<'_, Token>) {
        match answered {
            Answered::Part(token, reply) => self.part(*token, &reply),
            Answered::Last(token, reply) => self.last(token, &reply),
        }
    }

    fn part(&mut self, token: Token, reply: &Reply<'_>) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let Some(slot) = session.slot(token.slot) else { return };
        match &mut slot.work {
            Work::One(one) => {
                let position = token.part as u8;
                say::keep(&mut slot.answer, one.op, reply, self.known.tag(&one.set, position));
                one.kept = Some(position);
            }
            Work::Many(many) => many.value(token.part, reply, &self.known),
            Work::Done | Work::Everywhere(_) => {}
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
                if keeps(one, position) {
                    say::keep(&mut slot.answer, one.op, reply, self.known.tag(&one.set, position));
                    one.kept = Some(position);
                }
                let topology = &self.known.topology;
                let step = router::observe(topology, &one.set, &mut one.gather, position, outcome);
                self.step(token, step, Some(reply));
            }
            Work::Many(many) => {
                many.part_ended(token.part, reply, &self.known);
                self.look_at_many(token);
            }
            Work::Everywhere(everywhere) => {
                everywhere.answered(usize::from(token.part), reply);
                self.look_at_everywhere(token);
            }
            Work::Done => {}
        }
    }

    /// A peer did not answer in time, or not at all.
    pub(crate) fn lost(&mut self, token: Token, lost: Lost) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let Some(slot) = session.slot(token.slot) else { return };
        match &mut slot.work {
            Work::One(one) => {
                let (topology, position) = (&self.known.topology, token.part as u8);
                let outcome = Outcome::Lost(lost);
                let step = router::observe(topology, &one.set, &mut one.gather, position, outcome);
                self.step(token, step, None);
            }
            Work::Many(many) => {
                many.part_lost(token.part, lost, &self.known);
                self.look_at_many(token);
            }
            Work::Everywhere(everywhere) => {
                everywhere.lost(usize::from(token.part), lost);
                self.look_at_everywhere(token);
            }
            Work::Done => {}
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
        let Some(one) = self.one(token) else { return };
        let set = one.set;
        let settled = router::settle(&self.known.topology, &set, &verdict);
        for position in settled.cleared.iter() {
            let peer = self.known.topology.peer(router::peer_at(&set, position));
            tracing::info!(peer = %peer.spec.id, "unreadable: it may miss a write");
        }
        self.stirred |= !verdict.unreadable.is_empty();
        if settled.unrecorded.is_empty() {
            return self.tell(token, &verdict.answer, reply);
        }
        if let Some(one) = self.one(token) {
            one.held = Some((verdict.answer, settled.unrecorded));
            self.held.push(token);
        }
    }

    fn one(&mut self, token: Token) -> Option<&mut One> {
        match &mut self.sessions.get_mut(token.session as usize)?.slot(token.slot)?.work {
            Work::One(one) => Some(one),
            Work::Done | Work::Many(_) | Work::Everywhere(_) => None,
        }
    }

    /// Looks again at the answers that are held for the ledger.
    pub(crate) fn release_held(&mut self) {
        for token in std::mem::take(&mut self.held) {
            let topology = std::sync::Arc::clone(&self.known.topology);
            let is_over = |deadline| self.known.now >= deadline;
            let Some(one) = self.sessions.get_mut(token.session as usize).and_then(|s| s.slot(token.slot)) else {
                continue;
            };
            let Work::One(one) = &mut one.work else { continue };
            let Some((answer, positions)) = one.held.take() else { continue };
            let entry = |position| topology.peer(router::peer_at(&one.set, position)).cell.state().entry();
            let is_wanted = positions.iter().any(|position| entry(position) == Entry::Wanted);
            let failed = positions.iter().find(|&position| entry(position) == Entry::Failed);
            match failed {
                Some(position) => self.tell_unrecorded(token, position),
                None if is_wanted && is_over(one.deadline) => {
                    self.tell_unrecorded(token, positions.lowest().unwrap_or_default());
                }
                None if is_wanted => {
                    one.held = Some((answer, positions));
                    self.held.push(token);
                }
                None => self.tell(token, &answer, None),
            }
        }
    }

    /// The write is nowhere acknowledged: its outage is not on disk.
    fn tell_unrecorded(&mut self, token: Token, position: u8) {
        let Some(one) = self.one(token) else { return };
        let set = one.set;
        let id = self.known.topology.peer(router::peer_at(&set, position)).spec.id.clone();
        let words = format!("cannot record the outage of {id}, so this write is not acknowledged");
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        if let Some(slot) = session.slot(token.slot) {
            slot.answer.clear();
            say::server_error(&mut slot.answer, &words);
        }
        self.finish(token);
    }

    /// Tells the client what was decided.
    fn tell(&mut self, token: Token, answer: &Answer, reply: Option<&Reply<'_>>) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let is_first = session.is_first(token.slot);
        let Some((slot, out)) = session.slot_and_out(token.slot) else { return };
        let Work::One(one) = &slot.work else { return };
        if !say::uses_kept(one, answer) {
            slot.answer.clear();
        }
        // The usual case: it is this answer's turn, so it is written where it will be sent from.
        let target = if is_first && slot.answer.is_empty() { out } else { &mut slot.answer };
        say::one(target, one, answer, reply, &self.known);
        self.counts.told(one.op, answer);
        self.finish(token);
    }

    /// The slot's answer is complete.
    pub(crate) fn finish(&mut self, token: Token) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let Some(slot) = session.slot(token.slot) else { return };
        let waiting = slot.answer.len();
        self.counts.latency.record(self.known.now.saturating_sub(slot.started));
        if let Work::One(one) = std::mem::replace(&mut slot.work, Work::Done) {
            self.buffers.put(one.bytes.into_buffer());
        }
        session.note_waiting(waiting);
        if session.is_first(token.slot) {
            session.release(&mut self.buffers);
            self.mark(token.session);
        } else if session.is_over_budget() {
            tracing::warn!(client = session.client, "cut: it asks for much and reads nothing");
            session.hang_up();
            self.mark(token.session);
        }
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

/// Whether this replica's answer may be what the client is told.
fn keeps(one: &One, position: u8) -> bool {
    match one.op.mode() {
        Mode::Read | Mode::Fetch => true,
        Mode::LeaderThen(_) => one.kept.is_none(),
        Mode::WriteAll => one.kept.is_none_or(|kept| position < kept),
    }
}
