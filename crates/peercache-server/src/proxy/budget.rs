//! What all the sessions of a worker may hold together (P-60).
//!
//! Each session is bounded, but there may be thousands. What is counted are answers that clients have not
//! taken yet, looked at when something is sent or kept: between two looks lies no more than a turn.

use super::core::Core;
use super::session::{HELD_BYTES_FULL, Session};

/// Bytes of answers in all sessions of a worker at which it is crowded: nothing new is begun then for a
/// session that holds more than a small share, until clients have taken enough (P-60).
pub(crate) const BYTES_CROWDED: usize = 512 << 20;

/// The share that a session may have then and still go on.
const SHARE_BYTES_MAX: usize = 64 * 1024;

/// By what the windows of multigets are divided then: to 16 keys where sizes are not known.
const CROWDED_DIVISOR: usize = 8;

impl Core {
    /// What a session holds has changed.
    pub(crate) fn recount(&mut self, session: u32) {
        let Some(session) = self.sessions.get_mut(session as usize) else { return };
        let held = session.held_bytes();
        self.bytes_held = self.bytes_held + held - session.counted_bytes;
        session.counted_bytes = held;
    }

    /// A session is over.
    pub(crate) fn forget(&mut self, id: u32) -> Session {
        let session = self.sessions.remove(id as usize);
        self.bytes_held -= session.counted_bytes;
        let places = self.slots_begun.len().max(id as usize + 1);
        self.slots_begun.resize(places, 0);
        self.slots_begun[id as usize] = session.next_slot();
        session
    }

    /// Bytes of answers in a session at which nothing new is begun for it.
    pub(crate) fn bytes_full(&self) -> usize {
        if self.is_crowded() { SHARE_BYTES_MAX } else { HELD_BYTES_FULL }
    }

    /// How many keys of a multiget are asked at a time where a session may have so many in flight.
    pub(crate) fn window_keys(&self, at_once: usize) -> usize {
        // What does not fit is only known when it comes.
        if self.is_crowded() { at_once.div_ceil(CROWDED_DIVISOR) } else { at_once }
    }

    fn is_crowded(&self) -> bool {
        self.bytes_held >= self.bytes_crowded
    }
}
