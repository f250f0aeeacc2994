//! Peers that know no meta commands are never sent one. They would execute what stands behind the line of an
//! `ms` as commands, and answer once for each line of it, so that all answers of their link would be taken
//! for those to other requests (S2).
//!
//! A meta command for a key that has such a peer among its replicas is refused. Others follow only where they
//! can do the same; a peer that turns out not to know what it is to be asked next is passed over, and misses
//! the write as it would if it were down.

use super::asked::Asked;
use super::hub::Hub;
use super::peers::Peer;
use super::turns::refused;
use peercache_core::protocol::memcached::command::Dialect;
use peercache_core::replication::{Ask, Step};
use peercache_core::router::Plan;

impl Peer {
    /// Whether it was met and knows no meta commands.
    pub(super) fn is_classic(&self) -> bool {
        self.dialect == Some(Dialect::Classic)
    }
}

impl Hub {
    /// Refuses in `plan` what a replica would not understand.
    pub(super) fn heed_dialects(&self, asked: &Asked<'_>, plan: &mut Plan) {
        if !asked.op.asks_meta(Ask::Request, asked.flags) {
            return;
        }
        let mut replicas = plan.set.as_slice().iter();
        let Some(&classic) = replicas.find(|peer| self.peers[peer.get()].is_classic()) else { return };
        let spec = &self.core.known.topology.peer(classic).spec;
        let (id, address) = (&spec.id, spec.address);
        let words = format!("SERVER_ERROR {id} ({address}) knows no meta commands, so its keys take none");
        plan.first = Step::Settled(refused(words));
    }
}
