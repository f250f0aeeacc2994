//! What all links of one process share about a network: its topology, a clock, and a bell for changes.

use peercache_core::health::{Event, Transition};
use peercache_core::link::News;
use peercache_core::topology::{Topology, TopologyPeer};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// One network as one process sees it.
#[derive(Debug)]
pub struct Network {
    topology: Arc<Topology>,
    origin: Instant,
    stirred: Notify,
}

impl Network {
    /// Shares `topology`.
    #[must_use]
    pub fn new(topology: Arc<Topology>) -> Arc<Self> {
        Arc::new(Self { topology, origin: Instant::now(), stirred: Notify::new() })
    }

    /// The network's topology.
    #[must_use]
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// The time since this value was made: the clock of its pipelines.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The instant that is `since` after the origin.
    pub(crate) fn instant(&self, since: Duration) -> Instant {
        self.origin + since
    }

    /// Tells the peer's cell what a link saw, logs a transition, and rings for whoever heals.
    pub fn observe(&self, peer: &TopologyPeer, event: Event) {
        let Some(Transition { from, to }) = peer.cell.observe(event) else { return };
        let (id, address) = (&peer.spec.id, peer.spec.address);
        tracing::info!(peer = %id, %address, "{from} → {to}: {}", event.as_str());
        self.stir();
    }

    /// Logs what happened on a link, and rings for whoever heals.
    pub(crate) fn pass_on(&self, peer: &TopologyPeer, news: &News) {
        let (id, address) = (&peer.spec.id, peer.spec.address);
        for (Transition { from, to }, event) in &news.transitions {
            tracing::info!(peer = %id, %address, "{from} → {to}: {}", event.as_str());
        }
        if news.stirred {
            self.stir();
        }
    }

    /// Something changed that whoever heals may wait for: a phase, a readable bit, a debt.
    pub fn stir(&self) {
        self.stirred.notify_waiters();
    }

    /// Waits for the next change. To miss none, enable the future before looking.
    pub fn stirred(&self) -> tokio::sync::futures::Notified<'_> {
        self.stirred.notified()
    }
}
