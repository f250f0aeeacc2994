//! A change of the network under a worker's clients: no connection ends, and no request is planned over one
//! network and carried out over another.
//!
//! Nothing is begun from [`Hub::begin_change`] to [`Hub::end_change`]. What was begun ends by itself, at the
//! latest at its deadline; then the worker [is quiet](Hub::is_quiet) and nothing of it counts peers by their
//! places any more, so the places may change. A multiget is quiet between two of its windows: it may stay
//! there for as long as its client reads nothing. Peers that stay keep their links and connections.

use super::hub::Hub;
use super::known::Known;
use super::peers::Peer;
use super::session::{Session, Ticket};
use super::slot::Work;
use peercache_core::topology::Topology;
use std::mem;
use std::sync::Arc;

impl Hub {
    /// Begins nothing more.
    pub(crate) fn begin_change(&mut self) {
        self.is_changing = true;
    }

    /// Whether nothing is in progress any more.
    pub(crate) fn is_quiet(&self) -> bool {
        let is_done = |work: &Work| match work {
            Work::Done => true,
            Work::Many(many) => many.is_window_done() && !many.wants_asking(),
            Work::One(_) | Work::Flush(_) | Work::Everywhere(_) => false,
        };
        self.is_changing && self.core.sessions.iter().all(|(_, session)| session.works().all(is_done))
    }

    /// Takes `topology` for the network, while it [is quiet](Self::is_quiet). Tells for each peer that there
    /// was its place now, if it has one.
    pub(crate) fn change(&mut self, topology: &Arc<Topology>) -> Vec<Option<usize>> {
        let known = mem::replace(&mut self.core.known, Known::new(Arc::clone(topology)));
        self.core.known.now = known.now;
        self.unpark_all();
        let mut gone_or_here: Vec<_> = mem::take(&mut self.peers).into_iter().map(Some).collect();
        let mut moves = vec![None; gone_or_here.len()];
        let silence = topology.policy().silence;
        for (to, peer) in topology.peers().iter().enumerate() {
            let is_same = |before: &_| Arc::ptr_eq(&peer.cell, before);
            let from = known.topology.peers().iter().position(|before| is_same(&before.cell));
            let stays = from.and_then(|from| {
                moves[from] = Some(to);
                self.core.known.tags[to] = known.tags[from];
                self.core.known.troubles[to].clone_from(&known.troubles[from]);
                gone_or_here[from].take()
            });
            self.peers.push(stays.unwrap_or_else(|| Peer::new(peer, silence)));
        }
        for mut gone in gone_or_here.into_iter().flatten() {
            gone.link.abandon(|token, lost| self.core.lost(token, lost));
        }
        self.by_peer.resize_with(self.peers.len(), Vec::new);
        self.mark_all_peers();
        moves
    }

    /// Goes on.
    pub(crate) fn end_change(&mut self) {
        self.is_changing = false;
        let ids: Vec<_> = self.core.sessions.iter().map(|(id, _)| id as u32).collect();
        for id in ids {
            self.core.mark(id);
            let is_awaited = |session: &mut Session| matches!(session.ticket, Some(Ticket::Granted(_)));
            if self.session(id).is_some_and(is_awaited) {
                // Its turn came meanwhile, and others wait behind it, whatever its client takes.
                self.resume(id);
            }
        }
        self.turn();
    }

    /// The network as this worker knows it.
    pub(crate) fn topology(&self) -> &Arc<Topology> {
        &self.core.known.topology
    }
}
