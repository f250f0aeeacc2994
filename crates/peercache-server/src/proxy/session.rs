//! One client's side of the conversation: what came and is not taken in yet, the order of answers, and what
//! is to be sent.
//!
//! A session is bounded: it begins nothing new while enough is in flight or unsent, and one whose client
//! takes no answers at all is cut before it costs everybody's memory (P-60). It outlives its client until
//! its last request has ended, because a write that was begun has to be carried to its verdict.

use super::access::Access;
use super::buffers::Buffers;
use super::many::{PART_KEYS_MAX, WINDOW_KEYS_MAX};
use super::orders::Place;
use super::pace::Pace;
use super::slot::{Slot, Work};
use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

/// Requests in flight at which nothing new is begun.
const IN_FLIGHT_MAX: usize = 1024;

/// The same while the size of answers is not known.
const IN_FLIGHT_AT_FIRST: usize = 16;

/// Unsent bytes at which nothing new is begun.
const OUT_BYTES_FULL: usize = 256 * 1024;

/// Bytes of answers at which a session is cut: its client asks for much and reads nothing.
const HELD_BYTES_MAX: usize = 256 << 20;

/// What an idle buffer keeps, in bytes: there may be thousands of sessions.
const IDLE_BYTES_MAX: usize = 16 * 1024;

/// How a session stands with its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It talks.
    Open,
    /// The client has said all it will; what it asked is answered.
    Ending,
    /// What is to be sent is the last that is sent.
    Cut,
    /// Nobody listens any more; what was begun ends unheard.
    Gone,
}

/// A write's place among the writes of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ticket {
    Waiting(Place),
    Granted(Place),
}

/// One client's conversation.
#[derive(Debug)]
pub(crate) struct Session {
    /// What came and is not taken in; it begins with a request.
    pub(crate) held: Vec<u8>,
    /// What is held is not whole before there are so many bytes.
    pub(crate) bytes_needed: usize,
    /// Bytes to come that belong to a request that was refused.
    pub(crate) swallow: u64,
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    first: u32,
    /// What is to be sent.
    pub(crate) out: Vec<u8>,
    /// How much of `out` was sent.
    pub(crate) sent: usize,
    /// Bytes of answers that wait for their turn.
    waiting_bytes: usize,
    pub(crate) stage: Stage,
    /// How many requests are in flight at once.
    pub(crate) answers: Pace,
    /// How many keys of a multiget are.
    pub(crate) values: Pace,
    /// Whether its client may be served.
    pub(crate) access: Access,
    /// When its client last sent or took something.
    pub(crate) active_at: Duration,
    /// Since when a request waits for room or for its turn.
    pub(crate) parked_at: Option<Duration>,
    /// The place of the write that waits for its turn, and whether that has come (P-16).
    pub(crate) ticket: Option<Ticket>,
    /// How many keys of the `gat` at the start of what is held have been begun.
    pub(crate) keys_begun: usize,
    /// A `flush_all` of it has not gone out yet: what it asks behind that must come after it.
    pub(crate) is_flushing: bool,
    /// Whether the flusher knows that it has to look.
    pub(crate) is_dirty: bool,
    /// Wakes whoever reads from the client.
    pub(crate) reader: Option<Waker>,
    /// Where the client is, for the log.
    pub(crate) client: String,
}

impl Session {
    /// A conversation that has not begun, and whose first slot will have the number `first`.
    pub(crate) fn new(client: String, access: Access, now: Duration, first: u32) -> Self {
        Self {
            held: Vec::new(),
            bytes_needed: 0,
            swallow: 0,
            slots: VecDeque::new(),
            first,
            out: Vec::new(),
            sent: 0,
            waiting_bytes: 0,
            stage: Stage::Open,
            answers: Pace::new(IN_FLIGHT_AT_FIRST, IN_FLIGHT_MAX),
            values: Pace::new(PART_KEYS_MAX, WINDOW_KEYS_MAX),
            access,
            active_at: now,
            parked_at: None,
            ticket: None,
            keys_begun: 0,
            is_flushing: false,
            is_dirty: false,
            reader: None,
            client,
        }
    }

    /// Whether a new request may be begun.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        !self.is_flushing
            && self.slots.len() < self.answers.at_once()
            && self.unsent() + self.waiting_bytes < OUT_BYTES_FULL
    }

    /// Whether more of what was begun may be written. Others wait behind it, so they do not count.
    pub(crate) fn has_room_to_write(&self) -> bool {
        self.unsent() < OUT_BYTES_FULL
    }

    fn unsent(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Whether more may be read from the client.
    pub(crate) fn wants_input(&self) -> bool {
        self.stage == Stage::Open && self.parked_at.is_none() && self.has_room()
    }

    /// Whether its client holds so much that it has to be cut.
    pub(crate) fn is_over_budget(&self) -> bool {
        self.unsent() + self.waiting_bytes > HELD_BYTES_MAX
    }

    /// Whether everything that was begun has ended.
    pub(crate) fn is_settled(&self) -> bool {
        self.slots.is_empty()
    }

    /// What is being done for each request.
    pub(crate) fn works(&self) -> impl Iterator<Item = &Work> {
        self.slots.iter().map(|slot| &slot.work)
    }

    /// The number that the next slot will have.
    pub(crate) fn next_slot(&self) -> u32 {
        self.first.wrapping_add(self.slots.len() as u32)
    }

    /// Appends a slot.
    #[inline]
    pub(crate) fn push(&mut self, slot: Slot) {
        self.slots.push_back(slot);
    }

    /// The number of the slot whose answer is due next.
    pub(crate) fn first_slot(&self) -> u32 {
        self.first
    }

    /// Whether the slot is the one whose answer is due next.
    #[inline]
    pub(crate) fn is_first(&self, slot: u32) -> bool {
        slot == self.first
    }

    /// A slot that has not been answered yet.
    #[inline]
    pub(crate) fn slot(&mut self, slot: u32) -> Option<&mut Slot> {
        self.slots.get_mut(slot.wrapping_sub(self.first) as usize)
    }

    /// A slot, and what is to be sent.
    #[inline]
    pub(crate) fn slot_and_out(&mut self, slot: u32) -> Option<(&mut Slot, &mut Vec<u8>)> {
        Some((self.slots.get_mut(slot.wrapping_sub(self.first) as usize)?, &mut self.out))
    }

    /// Appends an answer to what is to be sent, or, while others come before it, keeps it for its turn.
    pub(crate) fn say(&mut self, buffers: &mut Buffers, started: Duration, line: &[u8]) {
        if self.slots.is_empty() {
            self.out.extend_from_slice(line);
            return;
        }
        let mut answer = buffers.take();
        answer.extend_from_slice(line);
        self.waiting_bytes += answer.len();
        self.slots.push_back(Slot::new(Work::Done, answer, started));
    }

    /// Counts an answer that waits for its turn.
    pub(crate) fn note_waiting(&mut self, bytes: usize) {
        self.waiting_bytes += bytes;
    }

    /// Moves the answers whose turn has come to what is to be sent.
    #[inline]
    pub(crate) fn release(&mut self, buffers: &mut Buffers) {
        let done = self.slots.iter().take_while(|slot| matches!(slot.work, Work::Done)).count();
        for slot in self.slots.range_mut(..done) {
            if !slot.answer.is_empty() && matches!(self.stage, Stage::Open | Stage::Ending) {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(slot.answer.len());
                self.out.extend_from_slice(&slot.answer);
            }
            if slot.is_last {
                (self.stage, self.held, self.parked_at) = (Stage::Cut, Vec::new(), None);
            }
            buffers.put(std::mem::take(&mut slot.answer));
        }
        self.slots.drain(..done);
        self.first = self.first.wrapping_add(done as u32);
    }

    /// So many more bytes of what is to be sent were sent.
    pub(crate) fn note_sent(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.sent == self.out.len() {
            self.out.clear();
            self.out.shrink_to(IDLE_BYTES_MAX);
            self.sent = 0;
        }
    }

    /// Nobody listens any more.
    pub(crate) fn hang_up(&mut self) {
        self.stage = Stage::Gone;
        (self.held, self.out, self.sent, self.parked_at) = (Vec::new(), Vec::new(), 0, None);
    }
}
