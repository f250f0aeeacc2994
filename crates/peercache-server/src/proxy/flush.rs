//! `flush_all`: now, or at a time (P-18).
//!
//! What is pending is kept in files, which may take a moment, so it is read and changed aside and the request
//! waits for that. No peer is told of a delayed flush: it is written down, and whoever heals the network
//! carries it out. One at once goes to every peer, and when it is done it cancels what was pending when it
//! began: not before, because then neither would come where no peer can be reached or the proxy ends.

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

/// A look at what is pending, or a change of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Note {
    token: Token,
    errand: Errand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errand {
    /// Flush at this time, in seconds since 1970, instead of what is pending.
    Set(u64),
    /// Before a flush at once: what is pending?
    Look,
    /// After it: that is not pending any more.
    Cancel(u64),
}

impl Note {
    /// Sees to it; tells the number of what is pending, where that was asked. Blocks for a disk's time.
    pub(crate) fn run(self, pending: &dyn PendingFlush) -> io::Result<Option<u64>> {
        match self.errand {
            Errand::Set(at) => pending.set(at).map(|()| None),
            Errand::Look => pending.pending(),
            Errand::Cancel(number) => pending.cancel(number).map(|()| None),
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
        let errand = administration::flush_at(exptime).map_or(Errand::Look, Errand::Set);
        let note = Note { token, errand };
        if self.shared.pending_flush.is_some() {
            self.notes.push_back(note);
            if let Some(session) = self.session(id) {
                session.is_flushing = true;
            }
        } else {
            let kept = Err(io::Error::other("this proxy keeps no state"));
            self.noted(note, if errand == Errand::Look { Ok(None) } else { kept });
        }
        Began::Yes
    }

    /// A flush at once is done: what was pending before it is not any more.
    pub(super) fn cancel_pending(&mut self, token: Token, number: u64) {
        self.notes.push_back(Note { token, errand: Errand::Cancel(number) });
    }

    /// The next look at what is pending or change of it, and who keeps it.
    pub(crate) fn next_note(&mut self) -> Option<(Note, Arc<dyn PendingFlush>)> {
        self.notes.pop_front().zip(self.shared.pending_flush.clone())
    }

    /// Whether there is such a one.
    pub(crate) fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// What is pending was read or changed, or could not be.
    pub(crate) fn noted(&mut self, note: Note, found: io::Result<Option<u64>>) {
        self.carry_out(note, found);
        if !matches!(note.errand, Errand::Cancel(_))
            && let Some(session) = self.session(note.token.session)
        {
            session.is_flushing = false;
        }
        self.core.mark(note.token.session);
    }

    fn carry_out(&mut self, note: Note, found: io::Result<Option<u64>>) {
        let Some(session) = self.core.sessions.get_mut(note.token.session as usize) else { return };
        let Some(slot) = session.slot(note.token.slot) else { return };
        let &mut Work::Flush(wanted) = &mut slot.work else { return };
        match (found, note.errand) {
            (Ok(pending), Errand::Look) => return self.flush_now(note.token, wanted, pending),
            (Ok(_), Errand::Set(_) | Errand::Cancel(_)) => tell(slot, wanted, "OK"),
            (Err(error), errand) => {
                let what = match errand {
                    Errand::Set(_) => "a flush cannot be kept for its time",
                    Errand::Look => "a flush cannot be put in the place of a delayed one",
                    Errand::Cancel(_) => "this is done, but a delayed flush before it cannot be cancelled",
                };
                tracing::warn!("flush_all: {what}: {error}");
                slot.answer.clear();
                if wanted == Wanted::Wanted {
                    say::server_error(&mut slot.answer, &format!("{what}: {error}"));
                }
            }
        }
        self.core.finish(note.token);
    }

    fn flush_now(&mut self, token: Token, wanted: Wanted, pending: Option<u64>) {
        let deadline = self.core.known.request_deadline();
        let gather = router::plan_broadcast(&self.core.known.topology);
        let Some(session) = self.core.sessions.get_mut(token.session as usize) else { return };
        let Some(slot) = session.slot(token.slot) else { return };
        let Some(gather) = gather else {
            tell(slot, wanted, NO_PEERS);
            return self.core.finish(token);
        };
        let ask: Vec<_> = gather.waiting().iter().collect();
        slot.work = Work::Everywhere(Box::new(Everywhere::new(gather, (wanted, pending), deadline)));
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
