//! Connections that carry real bytes in both directions: in order, late by a seeded delay, torn where chance
//! wants it, and lost with what was on its way.
//!
//! What a peer's host has received stays received: a peer executes it even when the connection is long
//! gone, as real daemons do after SIGCONT (P-13). A window bounds what a peer can owe its host, as a socket
//! buffer does.

use crate::stage::{Endpoint, Event, Stage};
use std::collections::BTreeMap;
use std::time::Duration;

/// One connection of the run; none is ever reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(u32);

#[derive(Debug)]
struct Connection {
    endpoint: Endpoint,
    peer: usize,
    /// Whether the client's end still wants to hear and may send.
    client_open: bool,
    /// Whether the peer's end still wants to send.
    peer_open: bool,
    /// When the last bytes on their way arrive, by direction.
    to_peer_at: Duration,
    to_client_at: Duration,
    /// What arrives at the peer later than this was lost with the connection.
    lost_after: Option<Duration>,
    /// Bytes sent that the peer has not taken yet.
    untaken: usize,
}

/// Every connection of a run, and what is wrong with the ways between.
#[derive(Debug)]
pub(crate) struct Wire {
    connections: BTreeMap<ConnectionId, Connection>,
    /// Unread bytes that a connection holds at most.
    window: usize,
    /// Until when, and by how much, each peer's bytes are slower than usual.
    slow: BTreeMap<usize, (Duration, Duration)>,
    /// Until when nothing passes between a process and a peer.
    cut: BTreeMap<(usize, usize), Duration>,
}

impl Wire {
    pub(crate) fn new(window: usize) -> Self {
        Self { connections: BTreeMap::new(), window, slow: BTreeMap::new(), cut: BTreeMap::new() }
    }

    pub(crate) fn slow_down(&mut self, peer: usize, until: Duration, by: Duration) {
        self.slow.insert(peer, (until, by));
    }

    pub(crate) fn cut_off(&mut self, process: usize, peer: usize, until: Duration) {
        self.cut.insert((process, peer), until);
    }

    fn connection(&mut self, id: ConnectionId) -> &mut Connection {
        self.connections.get_mut(&id).expect("connections stay in the table for the whole run")
    }

    /// Who holds the client's end.
    pub(crate) fn endpoint(&self, id: ConnectionId) -> Endpoint {
        self.connections[&id].endpoint
    }

    pub(crate) fn peer(&self, id: ConnectionId) -> usize {
        self.connections[&id].peer
    }

    /// Whether the client still listens.
    pub(crate) fn is_heard(&self, id: ConnectionId) -> bool {
        self.connections[&id].client_open
    }

    /// The connections that lead to `peer` and are open at its end.
    pub(crate) fn of_peer(&self, peer: usize) -> Vec<ConnectionId> {
        let open = self.connections.iter().filter(|(_, c)| c.peer == peer && c.peer_open);
        open.map(|(&id, _)| id).collect()
    }
}

impl Stage {
    /// When something sent now arrives at the other end.
    fn arrival(&mut self, id: ConnectionId) -> Duration {
        let (process, peer) = (self.wire.endpoint(id).process, self.wire.peer(id));
        let usual = self.dice.number(50..800);
        let hiccup = if self.dice.chance(4) { self.dice.number(1_000..40_000) } else { 0 };
        let mut at = self.now + Duration::from_micros(usual + hiccup);
        if let Some(&(until, by)) = self.wire.slow.get(&peer)
            && self.now < until
        {
            at += by;
        }
        match self.wire.cut.get(&(process, peer)) {
            // What is kept back is sent again once the way is open.
            Some(&until) if self.now < until => at.max(until + Duration::from_micros(usual)),
            _ => at,
        }
    }

    /// When the next bytes arrive at the peer: never before those sent earlier.
    fn arrival_at_peer(&mut self, id: ConnectionId) -> Duration {
        let at = self.arrival(id);
        let connection = self.wire.connection(id);
        connection.to_peer_at = connection.to_peer_at.max(at);
        connection.to_peer_at
    }

    fn arrival_at_client(&mut self, id: ConnectionId) -> Duration {
        let at = self.arrival(id);
        let connection = self.wire.connection(id);
        connection.to_client_at = connection.to_client_at.max(at);
        connection.to_client_at
    }

    /// Begins to connect.
    pub(crate) fn dial(&mut self, endpoint: Endpoint, peer: usize) -> ConnectionId {
        let id = ConnectionId(self.wire.connections.len() as u32);
        let connection = Connection {
            endpoint,
            peer,
            client_open: true,
            peer_open: false,
            to_peer_at: self.now,
            to_client_at: self.now,
            lost_after: None,
            untaken: 0,
        };
        self.wire.connections.insert(id, connection);
        let at = self.arrival_at_peer(id);
        self.queue.push(at, Event::Knock(id));
        id
    }

    /// The peer's host answers somebody who knocked.
    pub(crate) fn open_door(&mut self, id: ConnectionId, listens: bool) {
        self.wire.connection(id).peer_open = listens;
        let at = self.arrival_at_client(id);
        self.queue.push(at, if listens { Event::Connected(id) } else { Event::Refused(id) });
    }

    /// Sends from the client. Returns how many bytes the connection took.
    pub(crate) fn send_to_peer(&mut self, id: ConnectionId, bytes: &[u8]) -> usize {
        let room = self.wire.window.saturating_sub(self.wire.connection(id).untaken);
        let taken = room.min(bytes.len());
        self.wire.connection(id).untaken += taken;
        for chunk in self.torn(&bytes[..taken]) {
            let at = self.arrival_at_peer(id);
            self.queue.push(at, Event::ToPeer(id, chunk));
        }
        taken
    }

    /// The peer took bytes out of its host's queue.
    pub(crate) fn took(&mut self, id: ConnectionId, bytes: usize) {
        let window = self.wire.window;
        let connection = self.wire.connection(id);
        let was_full = connection.untaken >= window;
        connection.untaken -= bytes;
        if was_full {
            let at = self.arrival_at_client(id);
            self.queue.push(at, Event::Room(id));
        }
    }

    /// Sends from the peer, if its end is still open.
    pub(crate) fn send_to_client(&mut self, id: ConnectionId, bytes: &[u8]) {
        if !self.wire.connection(id).peer_open {
            return;
        }
        for chunk in self.torn(bytes) {
            let at = self.arrival_at_client(id);
            self.queue.push(at, Event::ToClient(id, chunk));
        }
    }

    /// Bytes in one piece or two: a stream keeps no boundaries.
    fn torn(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        if bytes.len() > 1 && self.dice.chance(20) {
            let (first, second) = bytes.split_at(1 + self.dice.index(bytes.len() - 1));
            return vec![first.to_vec(), second.to_vec()];
        }
        if bytes.is_empty() { Vec::new() } else { vec![bytes.to_vec()] }
    }

    /// The client closes its end; what it sent still arrives.
    pub(crate) fn leave(&mut self, id: ConnectionId) {
        self.wire.connection(id).client_open = false;
        let at = self.arrival_at_peer(id);
        self.queue.push(at, Event::LeftByClient(id));
    }

    /// The peer's end is gone; the client learns it.
    pub(crate) fn hang_up(&mut self, id: ConnectionId) {
        self.wire.connection(id).peer_open = false;
        let at = self.arrival_at_client(id);
        self.queue.push(at, Event::Gone(id));
    }

    /// The peer's end hears no more of a client that left.
    pub(crate) fn left(&mut self, id: ConnectionId) {
        self.wire.connection(id).peer_open = false;
    }

    /// Loses a connection at both ends: of what was on its way to the peer, the first part may still arrive.
    pub(crate) fn reset(&mut self, id: ConnectionId) {
        let grace = Duration::from_micros(self.dice.number(0..2_000));
        self.wire.connection(id).lost_after = Some(self.now + grace);
        self.wire.connection(id).peer_open = false;
        // The client's kernel knows at once; answers on their way do not arrive any more.
        self.queue.push(self.now + Duration::from_micros(1), Event::Gone(id));
    }

    /// Whether bytes that arrive at the peer now were not lost with their connection.
    pub(crate) fn arrives(&mut self, id: ConnectionId) -> bool {
        let now = self.now;
        self.wire.connection(id).lost_after.is_none_or(|lost| now <= lost)
    }
}
