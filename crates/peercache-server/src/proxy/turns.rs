//! Writes that wait for others of their key (P-16), and how long they do: no longer than a request may take,
//! inside or not, as core's order of writes wants it.

use super::asked::Asked;
use super::core::Core;
use super::hub::Hub;
use super::orders::Place;
use super::session::Ticket;
use peercache_core::protocol::Refusal;
use peercache_core::replication::order::{Entered, Together, Who};
use peercache_core::replication::{Answer, Positions, Verdict};
use peercache_core::router::Mode;
use std::time::Duration;

/// What a client is told whose write had no turn in time.
pub(super) const GIVEN_UP: &str =
    "SERVER_ERROR this write has waited in vain for others of its key, and was not done";

/// Whether a write may begin.
pub(super) enum Turn {
    /// It may, and has this place if it needs one.
    Now(Option<Place>),
    Later,
    /// It has waited for too long.
    Over,
}

impl Hub {
    /// Where copies are kept, writes of one key go out in one order (P-16).
    #[inline]
    pub(super) fn take_turn(&mut self, id: u32, asked: &Asked<'_>) -> Turn {
        let together = match asked.op.mode() {
            Mode::Read | Mode::Fetch => return Turn::Now(None),
            Mode::WriteAll => Together::Parallel,
            Mode::LeaderThen(_) => Together::Exclusive,
        };
        let has_siblings = self.core.known.topology.has_siblings();
        let Some(session) = self.core.sessions.get_mut(id as usize) else { return Turn::Later };
        match session.ticket {
            Some(Ticket::Granted(place)) => {
                session.ticket = None;
                return Turn::Now(Some(place));
            }
            Some(Ticket::Over) => {
                session.ticket = None;
                return Turn::Over;
            }
            Some(Ticket::Waiting(_)) if has_siblings => return Turn::Later,
            // The network has stopped keeping copies meanwhile.
            Some(Ticket::Waiting(_)) => self.drop_ticket(id),
            None => {}
        }
        if !has_siblings {
            return Turn::Now(None);
        }
        self.next_request = self.next_request.wrapping_add(1);
        let who = Who { worker: self.core.number, request: self.next_request };
        let (place, entered) = self.core.orders.enter(who, asked.key.placement().as_ref(), together);
        if entered == Entered::Granted {
            return Turn::Now(Some(place));
        }
        self.await_turn(id, place);
        Turn::Later
    }

    /// A session's write waits for its turn.
    fn await_turn(&mut self, id: u32, place: Place) {
        let now = self.core.known.now;
        let Some(session) = self.core.sessions.get_mut(id as usize) else { return };
        session.ticket = Some(Ticket::Waiting(place));
        let since = session.parked_at.unwrap_or(now);
        self.core.waiting.insert(place.request, id);
        let behind = self.turns.iter().rev().take_while(|(other, _)| *other > since).count();
        self.turns.insert(self.turns.len() - behind, (since, place.request));
    }

    /// Lets the writes go on whose turn has come; tells whether there were any.
    pub(super) fn grant(&mut self) -> bool {
        if self.core.granted.is_empty() {
            return false;
        }
        for request in std::mem::take(&mut self.core.granted) {
            let Some(id) = self.core.waiting.remove(&request) else { continue };
            let Some(session) = self.core.sessions.get_mut(id as usize) else { continue };
            if let Some(Ticket::Waiting(place)) = session.ticket {
                session.ticket = Some(Ticket::Granted(place));
                self.resume(id);
            }
        }
        true
    }

    /// Other workers have let in writes of this one.
    pub(crate) fn look_at_granted(&mut self) {
        let Core { orders, granted, number, .. } = &mut self.core;
        orders.take_granted(usize::from(*number), granted);
        self.turn();
    }

    /// Gives up a write that waits for its turn, or has it and has not begun.
    pub(super) fn drop_ticket(&mut self, id: u32) {
        let Some(session) = self.core.sessions.get_mut(id as usize) else { return };
        if let Some(Ticket::Waiting(place) | Ticket::Granted(place)) = session.ticket.take() {
            let Core { orders, granted, number, waiting, .. } = &mut self.core;
            waiting.remove(&place.request);
            orders.leave(*number, place, granted);
        }
    }

    /// Gives up the write that has waited for too long; tells whether there was one.
    pub(super) fn give_up_turn(&mut self) -> bool {
        while let Some(&(since, request)) = self.turns.front() {
            let waits = self.core.waiting.get(&request).copied();
            if waits.is_some() && self.turn_ends(since) > self.core.known.now {
                return false;
            }
            self.turns.pop_front();
            let Some(id) = waits else { continue };
            self.drop_ticket(id);
            if let Some(session) = self.session(id) {
                session.ticket = Some(Ticket::Over);
            }
            self.resume(id);
            return true;
        }
        false
    }

    /// When the next write is given up that waits for its turn. It may have had that already.
    pub(super) fn next_turn_over(&self) -> Option<Duration> {
        self.turns.front().map(|&(since, _)| self.turn_ends(since))
    }

    fn turn_ends(&self, since: Duration) -> Duration {
        since + self.core.known.topology.policy().request
    }
}

/// What becomes of a request that nobody is asked for; the client is told why.
pub(super) fn refused(words: String) -> Verdict {
    Verdict { answer: Answer::Refused(0, Refusal::Other(words)), unreadable: Positions::NONE }
}
