//! `flush_all`: now, or at a time (P-18).
//!
//! What is pending is kept in files, which may take a moment, so it is changed aside and the request waits
//! for that. No peer is told of a delayed flush: an immediate one goes to every peer once what was pending is
//! cancelled, a delayed one is written down, and whoever heals the network carries it out.

use super::administration;
use super::everywhere::Everywhere;
use super::hub::Hub;
use super::intake::{Began, NO_PEERS};
use super::options::PendingFlush;
use super::say;
use super::slot::{Slot, Token, Work};
use peercache_core::protocol::memcached::request::Answer as Wanted;
use peercache_core::protocol::memcached::response;
use peercache_core::router;
use std::io;
use std::sync::Arc;

/// A change of what is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Note {
    token: Token,
    /// When to flush, in seconds since 1970; none is now, instead of what is pending.
    at_unix_s: Option<u64>,
}

impl Note {
    /// Writes it down. Blocks for a disk's time.
    pub(crate) fn write(self, pending: &dyn PendingFlush) -> io::Result<()> {
        match self.at_unix_s {
            Some(at) => pending.set(at),
            None => pending.clear(),
        }
    }
}

impl Hub {
    pub(super) fn begin_flush_all(&mut self, id: u32, exptime: i64, wanted: Wanted) -> Began {
        if !self.shared.flush_all {
            return match wanted {
                Wanted::Wanted => self.say(id, "CLIENT_ERROR flush_all not allowed"),
                Wanted::Unwanted => Began::Yes,
            };
        }
        let Some(session) = self.core.sessions.get(id as usize) else { return Began::Yes };
        tracing::info!(client = session.client, exptime, "flush_all");
        let token = Token { session: id, slot: session.next_slot(), part: 0 };
        self.core.counts.cmd_flush += 1;
        let (started, answer) = (self.core.known.now, self.core.buffers.take());
        if let Some(session) = self.session(id) {
            session.push(Slot::new(Work::Flush(wanted), answer, started));
        }
        let note = Note { token, at_unix_s: administration::flush_at(exptime) };
        if self.shared.pending_flush.is_some() {
            self.notes.push_back(note);
            if let Some(session) = self.session(id) {
                session.is_flushing = true;
            }
        } else {
            let kept = Err(io::Error::other("this proxy keeps no state"));
            self.noted(note, note.at_unix_s.map_or(Ok(()), |_| kept));
        }
        Began::Yes
    }

    /// The next change of what is pending, and who keeps it.
    pub(crate) fn next_note(&mut self) -> Option<(Note, Arc<dyn PendingFlush>)> {
        self.notes.pop_front().zip(self.shared.pending_flush.clone())
    }

    /// Whether there is such a change.
    pub(crate) fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// What is pending was changed, or could not be.
    pub(crate) fn noted(&mut self, note: Note, written: io::Result<()>) {
        self.carry_out(note, written);
        if let Some(session) = self.session(note.token.session) {
            session.is_flushing = false;
        }
        self.core.mark(note.token.session);
    }

    fn carry_out(&mut self, note: Note, written: io::Result<()>) {
        let Some(session) = self.core.sessions.get_mut(note.token.session as usize) else { return };
        let Some(slot) = session.slot(note.token.slot) else { return };
        let &mut Work::Flush(wanted) = &mut slot.work else { return };
        match (written, note.at_unix_s) {
            (Ok(()), None) => return self.flush_now(note.token, wanted),
            (Ok(()), Some(_)) => tell(slot, wanted, "OK"),
            (Err(error), at) => {
                tracing::warn!("flush_all is not carried out: {error}");
                let what =
                    if at.is_some() { "kept for its time" } else { "put in the place of a delayed one" };
                slot.answer.clear();
                if wanted == Wanted::Wanted {
                    say::server_error(&mut slot.answer, &format!("a flush cannot be {what}: {error}"));
                }
            }
        }
        self.core.finish(note.token);
    }

    fn flush_now(&mut self, token: Token, wanted: Wanted) {
        let deadline = self.core.known.request_deadline();
        let gather = router::plan_broadcast(&self.core.known.topology);
        let Some(session) = self.core.sessions.get_mut(token.session as usize) else { return };
        let Some(slot) = session.slot(token.slot) else { return };
        let Some(gather) = gather else {
            tell(slot, wanted, NO_PEERS);
            return self.core.finish(token);
        };
        let ask: Vec<_> = gather.waiting().iter().collect();
        slot.work = Work::Everywhere(Box::new(Everywhere::new(gather, wanted, deadline)));
        for peer in &ask {
            self.ask_flush(Token { part: peer.get() as u16, ..token });
        }
        if ask.is_empty() {
            self.core.nobody_to_flush(token);
        }
    }
}

fn tell(slot: &mut Slot, wanted: Wanted, line: &str) {
    if wanted == Wanted::Wanted {
        response::line(&mut slot.answer, line.as_bytes());
    }
}
