//! Peers as a worker has them: what their connections tell goes to their links, and what those learn goes to
//! whoever waits.

use super::hub::Hub;
use super::slot::Token;
use peercache_client::direct::{DirectError, Greeting};
use peercache_core::health::{Identified, Transition};
use peercache_core::link::{End, Link, Next};
use peercache_core::pipeline::{Malformed, PipelineLimits};
use peercache_core::protocol::memcached::command::Dialect;
use peercache_core::replication::Lost;
use peercache_core::topology::TopologyPeer;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// A peer as a worker has it.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) link: Link<Token>,
    /// How it can be asked; none before it was met.
    pub(crate) dialect: Option<Dialect>,
    /// Sessions whose next request waits for the link to drain, see [`super::parking`].
    pub(super) parked: VecDeque<u32>,
    /// Whether the flusher knows that there is something to send.
    is_dirty: bool,
}

impl Peer {
    /// A peer that nobody is connected to yet.
    pub(super) fn new(peer: &TopologyPeer, silence: Duration) -> Self {
        let link = Link::new(Arc::clone(&peer.cell), PipelineLimits::default(), silence);
        Self { link, dialect: None, parked: VecDeque::new(), is_dirty: false }
    }
}

impl Hub {
    /// What to do about the link to a peer.
    pub(crate) fn poll_peer(&mut self, peer: usize) -> Next {
        let now = self.core.known.now;
        self.peers[peer].link.poll(now)
    }

    /// A connection to a peer stands.
    pub(crate) fn peer_connected(&mut self, index: usize, greeting: &Greeting) {
        let Self { core, peers, .. } = self;
        let (peer, now) = (&mut peers[index], core.known.now);
        let lost = |token, lost| core.lost(token, lost);
        let identified = peer.link.handle_connected(greeting.incarnation, now, lost);
        peer.dialect = Some(greeting.dialect);
        if greeting.dialect == Dialect::Classic {
            // What waits was written for somebody else, or before anybody was met.
            peer.link.lose_unsent_meta(|token| core.lost(token, Lost::NotSent));
        }
        core.known.met(index, greeting.incarnation);
        if identified == Identified::New {
            let spec = &core.known.topology.peers()[index].spec;
            tracing::info!(peer = %spec.id, address = %spec.address, "another incarnation answers");
        }
        self.mark_peer(index);
        self.pass_on_news(index);
    }

    /// A peer could not be connected to.
    pub(crate) fn peer_not_connected(&mut self, index: usize, error: &DirectError) {
        let Self { core, peers, .. } = self;
        let (link, now, chance) = (&mut peers[index].link, core.known.now, rand::random());
        core.known.troubles[index] = Some(error.to_string());
        if error.is_our_own() {
            link.handle_unable(now, chance, |token, lost| core.lost(token, lost));
        } else {
            link.handle_refused(now, chance, |token, lost| core.lost(token, lost));
        }
        self.pass_on_news(index);
    }

    /// The connection to a peer has ended.
    pub(crate) fn peer_ended(&mut self, index: usize, end: End, trouble: String) {
        let Self { core, peers, .. } = self;
        core.known.troubles[index] = Some(trouble);
        peers[index].link.handle_end(end, |token, lost| core.lost(token, lost));
        self.pass_on_news(index);
    }

    /// A peer sent something.
    pub(crate) fn peer_input(&mut self, index: usize, bytes: &[u8]) -> Result<(), Malformed> {
        let Self { core, peers, .. } = self;
        let now = core.known.now;
        let handled = peers[index].link.handle_input(bytes, now, |answered| core.answered(answered));
        self.pass_on_news(index);
        handled
    }

    /// Moves what a peer is to be sent behind `out`.
    pub(crate) fn peer_output(&mut self, index: usize, out: &mut Vec<u8>) {
        let Self { core, peers, .. } = self;
        let now = core.known.now;
        peers[index].link.take_output(now, out, |token, lost| core.lost(token, lost));
        self.turn();
    }

    /// Nobody drives the links any more: what was sent and not answered is missing on its peer, as far as
    /// anybody knows.
    pub(crate) fn abandon_links(&mut self) {
        for index in 0..self.peers.len() {
            let Self { core, peers, .. } = self;
            peers[index].link.abandon(|token, lost| core.lost(token, lost));
            self.pass_on_news(index);
        }
    }

    /// How many bytes peers are to be sent.
    pub(crate) fn output_bytes(&self) -> usize {
        self.dirty_peers.iter().map(|&peer| self.peers[peer].link.output_bytes()).sum()
    }

    /// Takes out the peers that have something to be sent.
    pub(crate) fn take_dirty_peers(&mut self, into: &mut Vec<usize>) {
        for &peer in &self.dirty_peers {
            self.peers[peer].is_dirty = false;
        }
        into.append(&mut self.dirty_peers);
    }

    pub(super) fn pass_on_news(&mut self, index: usize) {
        if self.peers[index].link.has_news() {
            let news = self.peers[index].link.take_news();
            let spec = &self.core.known.topology.peers()[index].spec;
            for (Transition { from, to }, event) in &news.transitions {
                tracing::info!(peer = %spec.id, address = %spec.address, "{from} → {to}: {}", event.as_str());
            }
            self.core.stirred |= news.stirred;
        }
        self.turn();
    }

    /// Every peer is looked at, whatever was noted of those before.
    pub(super) fn mark_all_peers(&mut self) {
        self.dirty_peers.clear();
        for index in 0..self.peers.len() {
            self.peers[index].is_dirty = false;
            self.mark_peer(index);
        }
    }

    pub(super) fn mark_peer(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        if !peer.is_dirty {
            peer.is_dirty = true;
            self.dirty_peers.push(index);
        }
    }
}
