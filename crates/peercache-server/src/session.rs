//! One client's conversation, without a socket.
//!
//! Bytes go in as they come, answers come out in the order of the requests. The session keeps what is not yet
//! a whole request, but for large values, which the store takes as they come. It stops when it has said
//! enough for one turn (256 KiB), even within a multiget: whoever asks for much and reads slowly makes nobody
//! keep it for him.

use crate::connections::Doing;
use crate::engine::Engine;
use crate::execute::{self, Done, Progress};
use crate::login::{self, FAILURES_MAX, Login, NOT_ADMITTED};
use crate::upload::{self, Upload};
use peercache_core::protocol::memcached::request::{Decoded, Edition, Limits, Reason, VALUE_END, decode};
use peercache_core::protocol::memcached::response;
use peercache_engine::Now;
use std::sync::atomic::Ordering::Relaxed;

/// How many bytes of answers end a turn. One more value, at most, comes on top.
pub(crate) const OUT_BYTES_MAX: usize = 256 * 1024;

/// How much of an empty buffer is kept for the next request, in bytes.
const HELD_BYTES_KEPT: usize = 16 * 1024;

/// What to do after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Send the answers, then read more.
    Continue,
    /// Send the answers, then call again, without new bytes: there is more to answer.
    Again,
    /// Send the answers, then close the connection.
    Close,
}

/// One client's conversation.
#[derive(Debug, Default)]
pub struct Session {
    /// What came and is not answered; it begins with a request.
    held: Vec<u8>,
    /// What is held is not whole before there are so many bytes.
    bytes_needed: usize,
    /// Bytes to come that belong to a request that was refused.
    swallow: u64,
    /// How often the client failed to say who it is; none where it need not say so, or has.
    failures: Option<u8>,
    /// How much of the request at the start of what is held has been answered.
    progress: Progress,
    /// The large value that is coming.
    upload: Option<Upload>,
}

impl Session {
    /// A conversation with `engine` that has not begun.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self { failures: engine.passwords.as_ref().map(|_| 0), ..Self::default() }
    }

    /// What it waits for between turns.
    pub(crate) fn awaits(&self) -> Doing {
        match self {
            _ if self.swallow > 0 => Doing::Swallowing,
            // A line is whole, and what it announces is not.
            _ if self.upload.is_some() || self.held.contains(&b'\n') => Doing::Receiving,
            _ => Doing::Reading,
        }
    }

    /// Takes what the client sent and appends the answers to `out`.
    pub fn handle_input(&mut self, engine: &Engine, input: &[u8], now: Now, out: &mut Vec<u8>) -> Step {
        if self.held.is_empty() {
            // The usual case: whole requests, answered from where they were read.
            let (taken, step) = self.advance(engine, input, now, out);
            self.held.extend_from_slice(&input[taken..]);
            return step;
        }
        self.held.extend_from_slice(input);
        if self.held.len() < self.bytes_needed {
            return Step::Continue;
        }
        let mut held = std::mem::take(&mut self.held);
        let (taken, step) = self.advance(engine, &held, now, out);
        held.drain(..taken);
        if held.is_empty() {
            held.shrink_to(HELD_BYTES_KEPT);
        }
        self.held = held;
        step
    }

    /// Answers all whole requests in `input`; says how many bytes of it are done.
    fn advance(&mut self, engine: &Engine, input: &[u8], now: Now, out: &mut Vec<u8>) -> (usize, Step) {
        let (mut taken, mut requests) = (0, 0);
        self.bytes_needed = 0;
        loop {
            taken += self.swallow(&input[taken..]);
            let rest = &input[taken..];
            if rest.is_empty() {
                return (taken, Step::Continue);
            }
            if out.len() > OUT_BYTES_MAX
                || engine.options.requests_per_turn.is_some_and(|max| requests >= max.get())
            {
                return (taken, Step::Again);
            }
            let turn = match self.failures {
                None if self.upload.is_some() => self.receive(engine, rest, now, out),
                None => self.answer(engine, rest, now, out),
                Some(failures) => self.log_in(engine, failures, rest, out),
            };
            match turn {
                Turn::Took(bytes) => {
                    taken += bytes;
                    requests += 1;
                }
                Turn::Over(step) => return (taken, step),
            }
        }
    }

    /// Answers the attempt to say who it is at the start of `input`; nothing else is understood before.
    fn log_in(&mut self, engine: &Engine, failures: u8, input: &[u8], out: &mut Vec<u8>) -> Turn {
        let (answer, bytes) = match login::decode(input) {
            Login::Incomplete => {
                self.bytes_needed = input.len() + 1;
                return Turn::Over(Step::Continue);
            }
            Login::Attempt { user, password, bytes } => {
                engine.gauges.logins.fetch_add(1, Relaxed);
                if engine.passwords.as_ref().is_none_or(|known| known.admits(user, password)) {
                    self.failures = None;
                    response::line(out, b"STORED");
                    return Turn::Took(bytes);
                }
                engine.gauges.logins_refused.fetch_add(1, Relaxed);
                (NOT_ADMITTED, bytes)
            }
            Login::Refused { answer, bytes } => (answer, bytes),
            Login::Close { answer } => {
                response::line(out, answer.as_bytes());
                return Turn::Over(Step::Close);
            }
        };
        response::line(out, answer.as_bytes());
        self.failures = Some(failures + 1);
        if failures + 1 < FAILURES_MAX { Turn::Took(bytes) } else { Turn::Over(Step::Close) }
    }

    /// Takes what `input` begins with of the value that is coming.
    fn receive(&mut self, engine: &Engine, input: &[u8], now: Now, out: &mut Vec<u8>) -> Turn {
        let Some(mut upload) = self.upload.take() else { return Turn::Took(0) };
        let taken = upload.take(engine, input, now);
        let (end, has_end) = match input.get(taken..taken + VALUE_END.len()) {
            Some(end) => (end, true),
            None => (&input[taken..], false),
        };
        if upload.is_whole() && has_end {
            upload.finish(engine, end, &limits(engine), now, out);
            return Turn::Took(taken + end.len());
        }
        self.upload = Some(upload);
        if taken > 0 {
            return Turn::Took(taken);
        }
        self.bytes_needed = VALUE_END.len();
        Turn::Over(Step::Continue)
    }

    /// Gives up what has not come whole. A session that ends must be told so.
    pub fn abandon(&mut self, engine: &Engine) {
        if let Some(upload) = self.upload.take() {
            upload.abandon(engine);
        }
    }

    /// Answers the request at the start of `input`.
    fn answer(&mut self, engine: &Engine, input: &[u8], now: Now, out: &mut Vec<u8>) -> Turn {
        match decode(input, &limits(engine)) {
            Decoded::Incomplete { bytes_needed } => {
                self.bytes_needed = bytes_needed;
                Turn::Over(Step::Continue)
            }
            Decoded::Announced { request, bytes, value_bytes } => {
                if value_bytes >= upload::VALUE_BYTES_MIN {
                    self.upload = Upload::of(engine, &request, &input[..bytes], value_bytes, now);
                    return Turn::Took(bytes);
                }
                self.bytes_needed = bytes + value_bytes + VALUE_END.len();
                Turn::Over(Step::Continue)
            }
            Decoded::Request { request, bytes } => {
                let progress = std::mem::take(&mut self.progress);
                let done = execute::execute(engine, &request, progress, now, out);
                match done {
                    Done::Answered => Turn::Took(bytes),
                    Done::Paused(progress) => {
                        self.progress = progress;
                        Turn::Over(Step::Again)
                    }
                    Done::Close => Turn::Over(Step::Close),
                }
            }
            Decoded::Refused(refused) => {
                if let Some(key) = refused.forget {
                    engine.store.forget(key.placement().as_ref(), now);
                }
                if let Some(answer) = refused.answer {
                    response::line(out, answer.as_bytes());
                }
                self.swallow = refused.swallow;
                Turn::Took(refused.bytes)
            }
            Decoded::Close { answer, reason } => {
                tracing::debug!(reason = reason.as_str(), "closing a connection");
                // memcached says nothing to whom it may not be talking to: to a line without an end.
                if let Some(answer) = answer.filter(|_| reason != Reason::LineTooLong) {
                    response::line(out, answer.as_bytes());
                }
                Turn::Over(Step::Close)
            }
        }
    }

    fn swallow(&mut self, input: &[u8]) -> usize {
        let gone = usize::try_from(self.swallow).unwrap_or(usize::MAX).min(input.len());
        self.swallow -= gone as u64;
        gone
    }
}

fn limits(engine: &Engine) -> Limits {
    Limits { value_bytes_max: engine.options.item_bytes_max, edition: Edition::Current }
}

/// What one request did to the turn.
enum Turn {
    /// It is answered and took so many bytes.
    Took(usize),
    /// The turn ends.
    Over(Step),
}
