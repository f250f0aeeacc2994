//! One client's side of the conversation: what came and is not taken in yet, the order of answers, and what
//! is to be sent.
//!
//! A session is bounded: it begins nothing new while enough is in flight or unsent, and one whose client
//! takes no answers at all is cut before it costs everybody's memory (P-60). It outlives its client until
//! its last request has ended, because a write that was begun has to be carried to its verdict; what peers
//! still answer then is thrown away as it comes.

use super::access::Access;
use super::buffers::Buffers;
use super::orders::Place;
use super::pace::Pace;
use super::patience::Patience;
use super::slot::{Slot, Work};
use peercache_core::router::Mode;
use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

/// Requests in flight at which nothing new is begun.
const IN_FLIGHT_MAX: usize = 1024;

/// The same while the size of answers is not known.
const IN_FLIGHT_AT_FIRST: usize = 16;

/// Keys of multigets in flight at which nothing new is begun.
const KEYS_IN_FLIGHT_MAX: usize = 1024;

/// The same while the size of values is not known: what clients usually ask for at a time, in one round trip.
const KEYS_IN_FLIGHT_AT_FIRST: usize = 128;

/// What the empty buffers of all sessions together keep for the next answers, in bytes, as long as their
/// clients are not silent; and one at most: as much as is written at a time.
const KEPT_BYTES_TOTAL: usize = 64 << 20;
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// Bytes of answers at which nothing new is begun.
pub(crate) const HELD_BYTES_FULL: usize = 256 * 1024;

/// What an empty buffer keeps, in bytes: there may be thousands of sessions.
pub(crate) const IDLE_BYTES_MAX: usize = 16 * 1024;

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
    /// It has waited for too long and has none any more.
    Over,
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
    /// How many of the slots are led by one replica, which the others have not followed yet.
    pub(crate) leading: usize,
    /// What is to be sent.
    pub(crate) out: Vec<u8>,
    /// How much of `out` was sent.
    pub(crate) sent: usize,
    /// Bytes of answers that wait for their turn, and of multigets' windows that are not whole.
    waiting_bytes: usize,
    /// Keys of multigets in flight.
    pub(crate) keys_in_flight: usize,
    /// How many bytes of answers its worker believes it holds.
    pub(crate) counted_bytes: usize,
    patience: Patience,
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
    /// Whether it stands in the queue of a link that has no room.
    pub(crate) is_parked: bool,
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

/// The pace of multigets while nothing is known of the size of values.
pub(super) fn values_at_first() -> Pace {
    Pace::new(KEYS_IN_FLIGHT_AT_FIRST, KEYS_IN_FLIGHT_MAX)
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
            leading: 0,
            out: Vec::new(),
            sent: 0,
            waiting_bytes: 0,
            keys_in_flight: 0,
            counted_bytes: 0,
            patience: Patience::default(),
            stage: Stage::Open,
            answers: Pace::new(IN_FLIGHT_AT_FIRST, IN_FLIGHT_MAX),
            values: values_at_first(),
            access,
            active_at: now,
            parked_at: None,
            is_parked: false,
            ticket: None,
            keys_begun: 0,
            is_flushing: false,
            is_dirty: false,
            reader: None,
            client,
        }
    }

    /// Whether a new request may be begun, where that is not done at `bytes_full` of answers.
    #[inline]
    pub(crate) fn has_room(&self, bytes_full: usize) -> bool {
        !self.is_flushing
            && self.slots.len() < self.answers.at_once()
            && self.keys_in_flight < self.values.at_once()
            && self.held_bytes() < bytes_full
    }

    /// Whether more of what was begun may be asked for. Others wait behind it, so they do not count.
    pub(crate) fn has_room_to_write(&self, bytes_full: usize) -> bool {
        self.unsent() < bytes_full
    }

    /// Bytes of answers that its client has not taken yet.
    pub(crate) fn held_bytes(&self) -> usize {
        self.unsent() + self.waiting_bytes
    }

    /// Whether somebody listens to what is answered from now on.
    pub(crate) fn is_heard(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Ending)
    }

    fn unsent(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Whether more may be read from the client.
    pub(crate) fn wants_input(&self) -> bool {
        self.stage == Stage::Open && self.parked_at.is_none() && self.has_room(HELD_BYTES_FULL)
    }

    /// Whether it has to be cut: it holds much, and its client took nothing while that came together.
    pub(crate) fn is_over_budget(&mut self) -> bool {
        let (held, waits) = (self.held_bytes(), self.unsent() == 0);
        self.patience.is_over(held, waits)
    }

    /// How what it asks in `mode` is planned now. What it reads behind a command that one replica leads is
    /// asked of that one, over the same link, until the others have followed.
    #[inline]
    pub(crate) fn plans(&self, mode: Mode) -> Mode {
        if mode == Mode::Read && self.leading > 0 { Mode::Fetch } else { mode }
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

    /// Whether what is answered for the slot can be sent at once.
    #[inline]
    pub(crate) fn is_due(&self, slot: u32) -> bool {
        slot == self.first && self.is_heard()
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

    /// A window has been written, or thrown away: so many of its bytes wait no more.
    pub(crate) fn note_written(&mut self, bytes: usize) {
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
    }

    /// Moves the answers whose turn has come to what is to be sent, also what there is of a multiget.
    #[inline]
    pub(crate) fn release(&mut self, buffers: &mut Buffers) {
        while let Some(Slot { work: Work::Done, answer, is_last, .. }) = self.slots.front_mut() {
            let (answer, is_last) = (std::mem::take(answer), *is_last);
            self.slots.pop_front();
            self.first = self.first.wrapping_add(1);
            self.take_answer(buffers, answer);
            if is_last {
                (self.stage, self.held, self.parked_at) = (Stage::Cut, Vec::new(), None);
                self.is_parked = false;
            }
        }
        if let Some(Slot { work: Work::Many(_), answer, .. }) = self.slots.front_mut() {
            let answer = std::mem::take(answer);
            self.take_answer(buffers, answer);
        }
        if !self.is_heard() {
            self.silence();
        }
    }

    /// It is this answer's turn.
    #[inline]
    fn take_answer(&mut self, buffers: &mut Buffers, answer: Vec<u8>) {
        if !answer.is_empty() {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(answer.len());
            if matches!(self.stage, Stage::Open | Stage::Ending) {
                self.out.extend_from_slice(&answer);
            }
        }
        buffers.put(answer);
    }

    /// Nobody will hear what waits for its turn.
    fn silence(&mut self) {
        for slot in &mut self.slots {
            match &mut slot.work {
                Work::Done => slot.answer = Vec::new(),
                Work::Many(many) => {
                    slot.answer = Vec::new();
                    many.silence();
                }
                Work::One(_) | Work::Flush(_) | Work::Everywhere(_) => {}
            }
        }
        self.waiting_bytes = 0;
    }

    /// So many more bytes of what is to be sent were sent; there are so many `sessions`.
    pub(crate) fn note_sent(&mut self, bytes: usize, sessions: usize) {
        self.sent += bytes;
        self.patience.note_taken();
        if self.sent == self.out.len() {
            self.out.clear();
            let share = KEPT_BYTES_TOTAL / sessions.max(1);
            self.out.shrink_to(share.clamp(IDLE_BYTES_MAX, KEPT_BYTES_MAX));
            self.sent = 0;
        } else if self.sent > HELD_BYTES_FULL.max(self.out.len() / 2) {
            // A client that always has more to take would have all of it kept.
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Its client has been silent for a while: gives back all memory that is not used.
    pub(crate) fn shrink(&mut self) {
        self.held.shrink_to_fit();
        self.out.shrink_to_fit();
        self.slots.shrink_to_fit();
    }

    /// What it holds is not taken in any more, save for a request that is half begun.
    pub(crate) fn begin_no_more(&mut self) {
        if self.keys_begun > 0 {
            let line = self.held.iter().position(|&byte| byte == b'\n');
            self.held.truncate(line.map_or(0, |end| end + 1));
        } else {
            (self.held, self.parked_at, self.is_parked) = (Vec::new(), None, false);
        }
    }

    /// Nobody listens any more.
    pub(crate) fn hang_up(&mut self) {
        self.stage = Stage::Gone;
        (self.held, self.out, self.sent, self.parked_at) = (Vec::new(), Vec::new(), 0, None);
        self.is_parked = false;
        self.silence();
    }
}
