//! Sessions whose next request waits for room on a link (P-60): where they wait, and when they go on.
//!
//! Each waits for one link, the first full one of those that its request needs, and stands in that link's
//! queue, so that a link that stays full holds up nobody who waits for another. Queues are sorted by when
//! their sessions began to wait: the front is who has waited longest. A session that has gone, or that was
//! let go elsewhere, is left where it stands and passed over at the front.

use super::hub::Hub;
use peercache_core::link::Busy;
use peercache_core::ring::PeerIndex;
use std::time::Duration;

impl Hub {
    /// Has a session wait for a link.
    pub(super) fn park(&mut self, id: u32, peer: PeerIndex) {
        let Some(session) = self.core.sessions.get_mut(id as usize) else { return };
        session.is_parked = true;
        let since = session.parked_at;
        let sessions = &self.core.sessions;
        let since_of = |id: u32| sessions.get(id as usize).and_then(|session| session.parked_at);
        let queue = &mut self.peers[peer.get()].parked;
        let behind = queue.iter().rev().take_while(|&&other| since_of(other) > since).count();
        queue.insert(queue.len() - behind, id);
        self.parked += 1;
    }

    /// Whether the link to a peer takes no more for now.
    pub(super) fn is_full(&self, peer: PeerIndex) -> bool {
        self.peers[peer.get()].link.room() == Err(Busy::Full)
    }

    /// Lets the first session try again that can go on; tells whether there was one.
    pub(super) fn unpark(&mut self) -> bool {
        if self.parked == 0 {
            return false;
        }
        for index in 0..self.peers.len() {
            while let Some(&id) = self.peers[index].parked.front() {
                let is_there = self.session(id).is_some_and(|session| session.is_parked);
                if is_there && self.is_full(PeerIndex::new(index as u16)) && !self.is_overdue(id) {
                    break;
                }
                self.peers[index].parked.pop_front();
                self.parked -= 1;
                if is_there {
                    self.let_go(id);
                    self.resume(id);
                    return true;
                }
            }
        }
        false
    }

    /// The sessions that wait for a link begin anew: peers have other places now.
    pub(super) fn unpark_all(&mut self) {
        for index in 0..self.peers.len() {
            let parked = std::mem::take(&mut self.peers[index].parked);
            parked.into_iter().for_each(|id| self.let_go(id));
        }
        self.parked = 0;
    }

    fn let_go(&mut self, id: u32) {
        if let Some(session) = self.session(id) {
            session.is_parked = false;
        }
    }

    /// Whether the session's next request has waited for so long that it must go on as it can.
    pub(super) fn is_overdue(&self, id: u32) -> bool {
        let known = &self.core.known;
        let parked_at = self.core.sessions.get(id as usize).and_then(|session| session.parked_at);
        parked_at.is_some_and(|at| at + known.topology.policy().request <= known.now)
    }

    /// When the first of those who wait for a link is overdue.
    pub(super) fn next_overdue(&self) -> Option<Duration> {
        if self.parked == 0 {
            return None;
        }
        let request = self.core.known.topology.policy().request;
        let fronts = self.peers.iter().filter_map(|peer| peer.parked.front());
        let since = fronts.filter_map(|&id| self.core.sessions.get(id as usize)?.parked_at);
        since.min().map(|at| at + request)
    }
}
