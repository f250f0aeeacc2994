//! One pipelined connection to one peer, without the connection: what goes out, who waits for which answer,
//! and what is lost when it ends.
//!
//! Answers come in the order of the requests, so a queue of waiting entries is the whole bookkeeping. An
//! attempt whose time is over gives its token back, but its entry stays: the peer still owes that answer, and
//! until it has come nobody may believe that the request was not executed (P-13, P-31).
//!
//! Times are durations since an origin that the driver chooses; this module reads no clock.

use crate::protocol::memcached::command::{Command, Effect};
use crate::protocol::memcached::reply::{Decoded, Reply, Shape, decode};
use crate::replication::Lost;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use memchr::memchr;

/// Bounds of one link (P-60).
#[derive(Debug, Clone, Copy)]
pub struct PipelineLimits {
    /// Unsent bytes at which it counts as full (4 MiB). One request may go over: its size is bounded
    /// elsewhere.
    pub output_bytes_max: usize,
    /// Unanswered requests at which it counts as full (4096).
    pub waiting_max: usize,
    /// The largest value a peer may answer (128 MiB: the largest item limit of memcached).
    pub value_bytes_max: usize,
}

impl Default for PipelineLimits {
    fn default() -> Self {
        Self { output_bytes_max: 4 << 20, waiting_max: 4096, value_bytes_max: 128 << 20 }
    }
}

/// What a buffer keeps when it is empty; one that held a large value gives its memory back.
const IDLE_BYTES_MAX: usize = 64 * 1024;

/// For how many requests there is still room then.
const IDLE_WAITING_MAX: usize = 256;

#[derive(Debug)]
struct Waiting<T> {
    /// Who waits; none when its attempt is over.
    token: Option<T>,
    shape: Shape,
    effect: Effect,
    deadline: Duration,
    /// Bytes of the request, for taking it back unsent.
    bytes: usize,
}

/// A piece of an answer, for whoever waits for it.
#[derive(Debug)]
pub enum Answered<'a, T> {
    /// More pieces follow.
    Part(&'a mut T, Reply<'a>),
    /// The answer is complete.
    Last(T, Reply<'a>),
}

/// The peer sent something that is no answer to what it was asked; the link must be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// The two directions of one link. `T` is whatever the driver wants back with an answer.
#[derive(Debug)]
pub struct Pipeline<T> {
    limits: PipelineLimits,
    output: Vec<u8>,
    input: Vec<u8>,
    waiting: VecDeque<Waiting<T>>,
    /// How many of `waiting`, from the front, were handed to the network.
    sent: usize,
    /// How many of the sent whose attempts are over are writes.
    abandoned_writes: usize,
    /// No attempt ends before this. It may be too early, when the one that would have has been answered.
    next_deadline: Option<Duration>,
}

impl<T> Pipeline<T> {
    /// An idle pipeline.
    #[must_use]
    pub fn new(limits: PipelineLimits) -> Self {
        Self {
            limits,
            output: Vec::new(),
            input: Vec::new(),
            waiting: VecDeque::new(),
            sent: 0,
            abandoned_writes: 0,
            next_deadline: None,
        }
    }

    /// Whether a request must wait before it is pushed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= self.limits.waiting_max || self.output.len() >= self.limits.output_bytes_max
    }

    /// Appends a request. Its answer is waited for until `deadline`.
    pub fn push(&mut self, command: &Command<'_>, token: T, deadline: Duration) {
        self.next_deadline = Some(self.next_deadline.map_or(deadline, |next| next.min(deadline)));
        let before = self.output.len();
        command.encode(&mut self.output);
        self.waiting.push_back(Waiting {
            token: Some(token),
            shape: command.shape(),
            effect: command.effect(),
            deadline,
            bytes: self.output.len() - before,
        });
    }

    /// Appends the request that was pushed last to `other` and is unsent there: what all are asked is written
    /// once.
    pub fn push_like(&mut self, other: &Self, token: T) {
        let Some(&Waiting { shape, effect, deadline, bytes, .. }) = other.waiting.back() else { return };
        self.next_deadline = Some(self.next_deadline.map_or(deadline, |next| next.min(deadline)));
        self.output.extend_from_slice(&other.output[other.output.len() - bytes..]);
        self.waiting.push_back(Waiting { token: Some(token), shape, effect, deadline, bytes });
    }

    /// Whether there is something to send.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Gives back memory that is not in use.
    pub fn shrink(&mut self) {
        if self.output.is_empty() {
            self.output.shrink_to(IDLE_BYTES_MAX);
        }
        self.waiting.shrink_to(IDLE_WAITING_MAX);
    }

    /// How many bytes there are to send.
    #[must_use]
    pub fn output_bytes(&self) -> usize {
        self.output.len()
    }

    /// Moves everything to send behind `out`. From now on it counts as sent: what happens to it is unknown.
    pub fn take_output(&mut self, out: &mut Vec<u8>) {
        if out.is_empty() {
            core::mem::swap(out, &mut self.output);
        } else {
            out.append(&mut self.output);
        }
        self.sent = self.waiting.len();
    }

    /// Takes bytes from the peer and hands every piece of an answer to `deliver`.
    ///
    /// # Errors
    /// [`Malformed`]: the link must be closed; [`Self::lose_sent`] tells the rest.
    pub fn handle_input(
        &mut self,
        bytes: &[u8],
        mut deliver: impl FnMut(Answered<'_, T>),
    ) -> Result<(), Malformed> {
        let mut rest = bytes;
        if !self.input.is_empty() {
            let mut input = core::mem::take(&mut self.input);
            let is_whole = self.complete(&mut input, &mut rest);
            if is_whole {
                self.decode_all(&input, &mut deliver)?;
                input.clear();
            }
            if !input.is_empty() || input.capacity() <= IDLE_BYTES_MAX {
                self.input = input;
            }
            if !is_whole {
                return Ok(());
            }
        }
        let (used, bytes_needed) = self.decode_all(rest, &mut deliver)?;
        if used < rest.len() {
            self.input.reserve(bytes_needed);
            self.input.extend_from_slice(&rest[used..]);
        }
        Ok(())
    }

    /// Moves what the piece in `input` lacks from the front of `rest`, and nothing of the next one: only what
    /// was split is copied. Tells whether there is something to decode.
    fn complete(&self, input: &mut Vec<u8>, rest: &mut &[u8]) -> bool {
        let Some(shape) = self.waiting.front().map(|front| front.shape) else { return true };
        while let Decoded::Incomplete(bytes_needed) = decode(shape, input, self.limits.value_bytes_max) {
            let mut lacks = bytes_needed - input.len();
            if lacks == 1 {
                // It may be a line, whose end is where it is found; the end of a value is one too.
                lacks = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            }
            let (more, behind) = rest.split_at(lacks.min(rest.len()));
            if more.is_empty() {
                return false;
            }
            input.reserve(lacks);
            input.extend_from_slice(more);
            *rest = behind;
        }
        true
    }

    /// Decodes pieces off the start of `input`; tells how many bytes those have, and how many the next one
    /// has at least.
    fn decode_all(
        &mut self,
        input: &[u8],
        deliver: &mut impl FnMut(Answered<'_, T>),
    ) -> Result<(usize, usize), Malformed> {
        let (mut used, mut bytes_needed) = (0, 0);
        while used < input.len() {
            // Nothing was asked, so nothing may be answered.
            let front = self.waiting.front_mut().filter(|_| self.sent > 0).ok_or(Malformed)?;
            match decode(front.shape, &input[used..], self.limits.value_bytes_max) {
                Decoded::Malformed => return Err(Malformed),
                Decoded::Incomplete(needed) => {
                    bytes_needed = needed;
                    break;
                }
                Decoded::Reply(reply, taken) => {
                    used += taken;
                    if !reply.is_last() {
                        if let Some(token) = &mut front.token {
                            deliver(Answered::Part(token, reply));
                        }
                    } else if let Some(token) = self.pop_answered() {
                        deliver(Answered::Last(token, reply));
                    }
                }
            }
        }
        Ok((used, bytes_needed))
    }

    fn pop_answered(&mut self) -> Option<T> {
        let entry = self.waiting.pop_front()?;
        self.sent -= 1;
        if entry.token.is_none() {
            self.abandoned_writes -= usize::from(entry.effect.is_write());
        }
        entry.token
    }

    /// Ends the attempts whose deadline is not after `now`. Those that were sent stay owed; the others are
    /// taken back and will never be sent.
    pub fn expire(&mut self, now: Duration, mut lost: impl FnMut(T, Lost)) {
        if self.next_deadline.is_none_or(|next| next > now) {
            return;
        }
        for entry in self.waiting.range_mut(..self.sent).filter(|entry| entry.deadline <= now) {
            if let Some(token) = entry.token.take() {
                self.abandoned_writes += usize::from(entry.effect.is_write());
                lost(token, Lost::Ambiguous);
            }
        }
        self.take_back_unsent(|entry| entry.deadline <= now, |token| lost(token, Lost::NotSent));
        let waited_for = self.waiting.iter().filter(|entry| entry.token.is_some());
        self.next_deadline = waited_for.map(|entry| entry.deadline).min();
    }

    /// When [`Self::expire`] may have something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.next_deadline
    }

    /// Whether the peer owes an answer.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        self.sent > 0
    }

    /// Whether the peer owes an answer to a write, whoever waits for it: such a link is never closed by us.
    #[must_use]
    pub fn is_owed_writes(&self) -> bool {
        self.waiting.range(..self.sent).any(|entry| entry.effect.is_write())
    }

    /// How many writes are unanswered whose attempts are over: this link is a barrier to a return (P-31).
    #[must_use]
    pub fn abandoned_writes(&self) -> usize {
        self.abandoned_writes
    }

    /// The connection is gone: what was sent is lost, what was not can go over the next one. Tells whether
    /// writes were sent and not answered; the peer may still execute those.
    pub fn lose_sent(&mut self, mut lost: impl FnMut(T)) -> bool {
        let mut wrote = false;
        for entry in self.waiting.drain(..self.sent) {
            wrote |= entry.effect.is_write();
            entry.token.into_iter().for_each(&mut lost);
        }
        self.input = Vec::new();
        (self.sent, self.abandoned_writes) = (0, 0);
        wrote
    }

    /// There will be no connection: gives back what was never sent.
    pub fn lose_unsent(&mut self, mut lost: impl FnMut(T)) {
        self.output = Vec::new();
        for entry in self.waiting.drain(self.sent..) {
            entry.token.into_iter().for_each(&mut lost);
        }
    }

    /// The peer may not be read any more: gives back what was never sent and needs a peer that may. Whatever
    /// else is unsent may go.
    pub fn lose_unsent_reads(&mut self, lost: impl FnMut(T)) {
        self.take_back_unsent(|entry| entry.effect.needs_readable(), lost);
    }

    /// The peer knows no meta commands: gives back those that were never sent.
    pub fn lose_unsent_meta(&mut self, lost: impl FnMut(T)) {
        self.take_back_unsent(|entry| entry.shape == Shape::Meta, lost);
    }

    /// Removes unsent entries, with their bytes.
    fn take_back_unsent(&mut self, is_taken: impl Fn(&Waiting<T>) -> bool, mut lost: impl FnMut(T)) {
        if !self.waiting.range(self.sent..).any(&is_taken) {
            return;
        }
        let mut from = 0;
        let mut kept = Vec::new();
        for entry in self.waiting.split_off(self.sent) {
            let to = from + entry.bytes;
            if is_taken(&entry) {
                entry.token.into_iter().for_each(&mut lost);
            } else {
                kept.extend_from_slice(&self.output[from..to]);
                self.waiting.push_back(entry);
            }
            from = to;
        }
        self.output = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;
    use crate::protocol::memcached::request::{CountVerb, StoreVerb, Versions};
    use alloc::vec;

    const SECOND: Duration = Duration::from_secs(1);

    fn key(text: &str) -> Key<'_> {
        Key::new(text.as_bytes()).unwrap()
    }

    fn set(pipeline: &mut Pipeline<u32>, token: u32, deadline: Duration) {
        pipeline.push(
            &Command::Store { verb: StoreVerb::Set, key: key("k"), flags: 0, exptime: 0, value: b"v" },
            token,
            deadline,
        );
    }

    fn get(pipeline: &mut Pipeline<u32>, token: u32, deadline: Duration) {
        pipeline.push(&Command::Get(&[key("k")], Versions::Hidden), token, deadline);
    }

    fn send(pipeline: &mut Pipeline<u32>) -> Vec<u8> {
        let mut out = Vec::new();
        pipeline.take_output(&mut out);
        out
    }

    fn answers(pipeline: &mut Pipeline<u32>, bytes: &[u8]) -> Vec<u32> {
        let mut tokens = vec![];
        let deliver = |answered: Answered<'_, u32>| {
            if let Answered::Last(token, _) = answered {
                tokens.push(token);
            }
        };
        pipeline.handle_input(bytes, deliver).unwrap();
        tokens
    }

    fn losses(pipeline: &mut Pipeline<u32>, now: Duration) -> Vec<(u32, Lost)> {
        let mut lost = vec![];
        pipeline.expire(now, |token, fate| lost.push((token, fate)));
        lost
    }

    #[test]
    fn answers_find_their_tokens_in_order_at_every_split() {
        let wire = b"VALUE k 0 2\r\n\r\n\r\nEND\r\nSTORED\r\nEND\r\n";
        for split in 0..wire.len() {
            let mut pipeline = Pipeline::new(PipelineLimits::default());
            get(&mut pipeline, 1, SECOND);
            set(&mut pipeline, 2, SECOND);
            get(&mut pipeline, 3, SECOND);
            send(&mut pipeline);
            let mut tokens = answers(&mut pipeline, &wire[..split]);
            tokens.extend(answers(&mut pipeline, &wire[split..]));
            assert_eq!(tokens, [1, 2, 3], "split at {split}");
            assert!(!pipeline.is_owed());
        }
    }

    #[test]
    fn answers_are_the_same_however_they_are_cut_into_packets() {
        let wire = b"VALUE k 0 2\r\n\r\n\r\nEND\r\nSTORED\r\nVALUE k 7 0\r\n\r\nEND\r\nEND\r\nSTORED\r\n";
        for packet in 1..wire.len() {
            let mut pipeline = Pipeline::new(PipelineLimits::default());
            for token in [1, 3, 4] {
                get(&mut pipeline, token, SECOND);
                if token != 3 {
                    set(&mut pipeline, token + 1, SECOND);
                }
            }
            send(&mut pipeline);
            let mut tokens = vec![];
            for piece in wire.chunks(packet) {
                tokens.extend(answers(&mut pipeline, piece));
            }
            assert_eq!(tokens, [1, 2, 3, 4, 5], "packets of {packet}");
            assert!(pipeline.input.is_empty());
        }
    }

    #[test]
    fn only_the_answer_that_was_split_is_copied() {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        (0..1001).for_each(|token| get(&mut pipeline, token, SECOND));
        send(&mut pipeline);
        let one = b"VALUE k 0 30\r\n012345678901234567890123456789\r\nEND\r\n";
        let mut wire = one.repeat(1001);
        let last = wire.split_off(wire.len() - 20);
        assert_eq!(answers(&mut pipeline, &wire[..20]), []);
        assert_eq!(answers(&mut pipeline, &wire[20..]).len(), 1000);
        assert!(pipeline.input.capacity() < 1000, "{} bytes", pipeline.input.capacity());
        assert_eq!(answers(&mut pipeline, &last), [1000]);
    }

    #[test]
    fn a_large_value_is_given_its_room_at_once() {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        get(&mut pipeline, 1, SECOND);
        send(&mut pipeline);
        assert_eq!(answers(&mut pipeline, b"VALUE k 0 1000000\r\nabc"), []);
        let room = pipeline.input.capacity();
        assert!(room >= 1_000_000);
        for _ in 0..999 {
            assert_eq!(answers(&mut pipeline, &[b'x'; 1000]), []);
        }
        assert_eq!(pipeline.input.capacity(), room, "it never moves");
        assert_eq!(answers(&mut pipeline, &[&[b'x'; 997][..], b"\r\nEND\r\n"].concat()), [1]);
        assert_eq!(pipeline.input.capacity(), 0, "and is given back");
    }

    #[test]
    fn a_split_answer_to_nothing_is_malformed() {
        let mut pipeline: Pipeline<u32> = Pipeline::new(PipelineLimits::default());
        get(&mut pipeline, 1, SECOND);
        send(&mut pipeline);
        assert_eq!(answers(&mut pipeline, b"EN"), []);
        assert_eq!(pipeline.handle_input(b"D\r\nEN", |_| {}), Err(Malformed));
        get(&mut pipeline, 2, SECOND);
        assert_eq!(pipeline.handle_input(b"x\r\n", |_| {}), Err(Malformed));
    }

    #[test]
    fn p13_a_sent_attempt_expires_as_ambiguous_and_its_answer_stays_owed() {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        set(&mut pipeline, 1, SECOND);
        send(&mut pipeline);
        set(&mut pipeline, 2, 2 * SECOND);
        assert_eq!(losses(&mut pipeline, SECOND), [(1, Lost::Ambiguous)]);
        assert_eq!(losses(&mut pipeline, SECOND), []);
        assert_eq!(pipeline.abandoned_writes(), 1);
        send(&mut pipeline);
        assert_eq!(answers(&mut pipeline, b"STORED\r\n"), [], "nobody waits for a late answer");
        assert_eq!(pipeline.abandoned_writes(), 0, "but with it the debt is paid");
        assert_eq!(answers(&mut pipeline, b"STORED\r\n"), [2]);
    }

    #[test]
    fn p13_an_unsent_attempt_expires_as_not_sent_and_is_never_sent() {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        set(&mut pipeline, 1, SECOND);
        get(&mut pipeline, 2, 2 * SECOND);
        assert_eq!(losses(&mut pipeline, SECOND), [(1, Lost::NotSent)]);
        assert_eq!(send(&mut pipeline), b"get k\r\n");
        assert_eq!(answers(&mut pipeline, b"END\r\n"), [2]);
    }

    #[test]
    fn p13_a_lost_connection_tells_sent_from_unsent() {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        get(&mut pipeline, 1, SECOND);
        send(&mut pipeline);
        set(&mut pipeline, 2, SECOND);
        let mut lost = vec![];
        assert!(!pipeline.lose_sent(|token| lost.push(token)), "no write was sent");
        assert_eq!(lost, [1]);
        assert_eq!(send(&mut pipeline), b"set k 0 0 1\r\nv\r\n", "what was not sent goes over the next one");
        assert!(pipeline.lose_sent(|_| {}), "the write may be executed after the connection is gone");
        assert!(!pipeline.has_output() && !pipeline.is_owed());
    }

    #[test]
    fn without_a_connection_the_unsent_is_given_back() {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        set(&mut pipeline, 1, SECOND);
        let mut lost = vec![];
        pipeline.lose_unsent(|token| lost.push(token));
        assert_eq!(lost, [1]);
        assert!(!pipeline.has_output());
    }

    #[test]
    fn unsent_reads_can_be_taken_back_and_nothing_else_is_lost() {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        set(&mut pipeline, 1, SECOND);
        get(&mut pipeline, 2, SECOND);
        set(&mut pipeline, 3, SECOND);
        let mut lost = vec![];
        pipeline.lose_unsent_reads(|token| lost.push(token));
        assert_eq!(lost, [2]);
        assert_eq!(send(&mut pipeline), b"set k 0 0 1\r\nv\r\nset k 0 0 1\r\nv\r\n");
        assert_eq!(answers(&mut pipeline, b"STORED\r\nSTORED\r\n"), [1, 3]);
    }

    #[test]
    fn what_depends_on_a_peers_items_is_taken_back_like_a_read_and_owed_like_a_write() {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        let incr = Command::Count { verb: CountVerb::Incr, key: key("k"), delta: 1 };
        pipeline.push(&incr, 1, SECOND);
        let mut lost = vec![];
        pipeline.lose_unsent_reads(|token| lost.push(token));
        assert_eq!(lost, [1]);
        assert!(!pipeline.has_output());
        pipeline.push(&incr, 2, SECOND);
        send(&mut pipeline);
        assert!(pipeline.is_owed_writes());
        losses(&mut pipeline, SECOND);
        assert_eq!(pipeline.abandoned_writes(), 1);
    }

    #[test]
    fn an_answer_to_nothing_is_malformed() {
        let mut pipeline: Pipeline<u32> = Pipeline::new(PipelineLimits::default());
        assert_eq!(pipeline.handle_input(b"STORED\r\n", |_| {}), Err(Malformed));
        get(&mut pipeline, 1, SECOND);
        assert_eq!(pipeline.handle_input(b"END\r\n", |_| {}), Err(Malformed), "it was not even sent");
    }

    #[test]
    fn the_next_deadline_is_that_of_the_oldest_attempt() {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        assert_eq!(pipeline.next_deadline(), None);
        get(&mut pipeline, 1, SECOND);
        send(&mut pipeline);
        get(&mut pipeline, 2, 2 * SECOND);
        assert_eq!(pipeline.next_deadline(), Some(SECOND));
        losses(&mut pipeline, SECOND);
        assert_eq!(pipeline.next_deadline(), Some(2 * SECOND));
    }

    #[test]
    fn attempts_end_at_their_own_deadlines_in_whatever_order_they_were_pushed() {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        get(&mut pipeline, 1, 5 * SECOND);
        set(&mut pipeline, 2, SECOND);
        send(&mut pipeline);
        get(&mut pipeline, 3, 5 * SECOND);
        set(&mut pipeline, 4, SECOND);
        assert_eq!(pipeline.next_deadline(), Some(SECOND));
        assert_eq!(losses(&mut pipeline, SECOND), [(2, Lost::Ambiguous), (4, Lost::NotSent)]);
        assert_eq!(pipeline.abandoned_writes(), 1);
        assert_eq!(pipeline.next_deadline(), Some(5 * SECOND));
        assert_eq!(send(&mut pipeline), b"get k\r\n", "what is late is not sent");
        assert_eq!(answers(&mut pipeline, b"END\r\nSTORED\r\nEND\r\n"), [1, 3]);
        assert_eq!(pipeline.abandoned_writes(), 0);
    }

    #[test]
    fn what_was_pushed_to_another_can_be_pushed_again_with_all_that_belongs_to_it() {
        let (mut first, mut second) =
            (Pipeline::new(PipelineLimits::default()), Pipeline::new(PipelineLimits::default()));
        get(&mut first, 1, 5 * SECOND);
        set(&mut first, 2, SECOND);
        get(&mut second, 3, 5 * SECOND);
        second.push_like(&first, 4);
        assert_eq!(losses(&mut second, SECOND), [(4, Lost::NotSent)], "its deadline");
        second.push_like(&first, 5);
        assert_eq!(send(&mut second), b"get k\r\nset k 0 0 1\r\nv\r\n");
        assert!(second.is_owed_writes(), "its effect");
        assert_eq!(answers(&mut second, b"END\r\nSTORED\r\n"), [3, 5]);
    }

    #[test]
    fn it_is_full_at_its_limits() {
        let limits = PipelineLimits { waiting_max: 2, ..PipelineLimits::default() };
        let mut pipeline = Pipeline::new(limits);
        get(&mut pipeline, 1, SECOND);
        assert!(!pipeline.is_full());
        get(&mut pipeline, 2, SECOND);
        assert!(pipeline.is_full());
    }
}
