//! Opening a connection and learning who answers, before the first request (P-33): the simulated
//! counterpart of the client crate's `direct::open_greeted`, with its two time-outs.

use crate::stage::{Endpoint, Stage};
use crate::wire::ConnectionId;
use peercache_core::health::Incarnation;
use peercache_core::protocol::memcached::command::Command;
use peercache_core::protocol::memcached::reply::{Decoded, Reply, Shape, decode, number};
use peercache_core::spec::Policy;
use std::time::Duration;

/// What a peer says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Greeting {
    pub(super) incarnation: Incarnation,
    pub(super) items: u64,
}

/// A connection that is being opened.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) connection: ConnectionId,
    /// When the current half of it is given up.
    until: Duration,
    input: Vec<u8>,
}

/// What the peer's bytes amount to so far.
pub(super) enum Greeted {
    NotYet,
    Done(Greeting),
    Stranger,
}

impl Opening {
    pub(super) fn begin(endpoint: Endpoint, peer: usize, policy: &Policy, stage: &mut Stage) -> Self {
        let until = stage.now + policy.connect;
        stage.alarm(endpoint, until);
        Self { connection: stage.dial(endpoint, peer), until, input: Vec::new() }
    }

    /// The connection stands: greets.
    pub(super) fn connected(&mut self, endpoint: Endpoint, policy: &Policy, stage: &mut Stage) {
        let mut request = Vec::new();
        Command::Stats.encode(&mut request);
        stage.send_to_peer(self.connection, &request);
        self.until = stage.now + policy.attempt;
        stage.alarm(endpoint, self.until);
    }

    pub(super) fn handle_input(&mut self, bytes: &[u8]) -> Greeted {
        self.input.extend_from_slice(bytes);
        read_stats(&self.input)
    }

    pub(super) fn is_late(&self, now: Duration) -> bool {
        self.until <= now
    }
}

fn read_stats(mut input: &[u8]) -> Greeted {
    let (mut pid, mut time, mut uptime, mut items) = (0, 0, 0, 0);
    loop {
        let (reply, taken) = match decode(Shape::Stats, input, 0) {
            Decoded::Incomplete(_) => return Greeted::NotYet,
            Decoded::Malformed => return Greeted::Stranger,
            Decoded::Reply(reply, taken) => (reply, taken),
        };
        input = &input[taken..];
        let Reply::Stat { name, value } = reply else { break };
        let Some(value) = number(value) else { continue };
        match name {
            b"pid" => pid = value,
            b"time" => time = value,
            b"uptime" => uptime = value,
            b"curr_items" => items = value,
            _ => {}
        }
    }
    let incarnation = Incarnation { pid: pid as u32, started_s: (time - uptime) as u32 };
    Greeted::Done(Greeting { incarnation, items })
}
