//! What all links of one process share about a network: its topology, a clock, and a bell for changes.
//!
//! The topology is immutable and exchanged whole. Whoever counts peers by their places keeps the one that it
//! counts in.

use crate::register::Register;
use peercache_core::health::{Entry, Event, Transition};
use peercache_core::link::News;
use peercache_core::replication::Positions;
use peercache_core::ring::ReplicaSet;
use peercache_core::router;
use peercache_core::spec::{PeerId, Policy};
use peercache_core::topology::{Topology, TopologyPeer};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::Instant;

/// One network as one process sees it.
#[derive(Debug)]
pub struct Network {
    topology: RwLock<Arc<Topology>>,
    register: Option<Arc<dyn Register>>,
    origin: Instant,
    stirred: Notify,
    /// Why the outage ledger could not be written the last time, in words for users.
    ledger_trouble: Mutex<Option<String>>,
}

/// An outage that is not on disk: the write that it belongs to must not be acknowledged (P-11).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot record the outage of {peer}: {reason}")]
pub struct Unrecorded {
    /// The peer that missed the write.
    pub peer: PeerId,
    /// What is wrong with the ledger.
    pub reason: String,
}

impl Network {
    /// Shares `topology`. Whoever answers at a peer's address is taken for the peer.
    #[must_use]
    pub fn new(topology: Arc<Topology>) -> Arc<Self> {
        Self::over(topology, None)
    }

    /// As [`Self::new`], where `register` knows which daemon each peer is, and any other one is left alone.
    #[must_use]
    pub fn with_register(topology: Arc<Topology>, register: Arc<dyn Register>) -> Arc<Self> {
        Self::over(topology, Some(register))
    }

    fn over(topology: Arc<Topology>, register: Option<Arc<dyn Register>>) -> Arc<Self> {
        let (origin, stirred) = (Instant::now(), Notify::new());
        let (topology, ledger_trouble) = (RwLock::new(topology), Mutex::new(None));
        Arc::new(Self { topology, register, origin, stirred, ledger_trouble })
    }

    /// The network's topology now.
    #[must_use]
    pub fn topology(&self) -> Arc<Topology> {
        Arc::clone(&self.topology.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who knows which daemon each peer is, if anybody does.
    pub(crate) fn register(&self) -> Option<&Arc<dyn Register>> {
        self.register.as_ref()
    }

    /// How requests behave.
    #[must_use]
    pub fn policy(&self) -> Policy {
        *self.topology().policy()
    }

    /// Exchanges the topology for the epoch behind it. Those who have links see to those first: a client that
    /// is open keeps the topology that it was opened with.
    pub fn change(&self, next: Arc<Topology>) {
        *self.topology.write().unwrap_or_else(PoisonError::into_inner) = next;
        self.stir();
    }

    /// The time since this value was made: the clock of its pipelines.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The instant that is `since` after the origin.
    #[must_use]
    pub fn instant(&self, since: Duration) -> Instant {
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

    /// Tells those who hold an answer for it that the outage of `peer` is, or cannot be, on disk. For the
    /// keeper of the ledger.
    pub fn entry_written(&self, peer: &TopologyPeer, written: Result<(), String>) {
        match written {
            Ok(()) => peer.cell.entry_recorded(),
            Err(reason) => {
                *self.ledger_trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
                peer.cell.entry_failed();
            }
        }
        self.stir();
    }

    /// Holds an answer until the outages at `positions` (what [`router::settle`] left unrecorded) are on
    /// disk, for at most the policy's `request`. `set` counts in `topology`.
    ///
    /// # Errors
    /// [`Unrecorded`]: the write must be answered by an error, whoever confirmed it.
    pub async fn recorded(
        &self,
        topology: &Topology,
        set: &ReplicaSet,
        positions: Positions,
    ) -> Result<(), Unrecorded> {
        for position in positions.iter() {
            self.outage_recorded(topology.peer(router::peer_at(set, position))).await?;
        }
        Ok(())
    }

    /// As [`Self::recorded`], for one peer that was made unreadable.
    ///
    /// # Errors
    /// [`Unrecorded`]: other processes cannot be told, or not in time.
    pub async fn outage_recorded(&self, peer: &TopologyPeer) -> Result<(), Unrecorded> {
        let within = self.policy().request;
        let reason = match tokio::time::timeout(within, self.entry_settled(peer)).await {
            Ok(Entry::Failed) => self.ledger_trouble(),
            Err(_) => format!("it was not written within {} ms", within.as_millis()),
            // Where there is no entry any more, the peer was cleaned in the meantime.
            Ok(Entry::None | Entry::Recorded | Entry::Wanted) => return Ok(()),
        };
        Err(Unrecorded { peer: peer.spec.id.clone(), reason })
    }

    /// Waits until the peer's entry is not wanted any more; tells what became of it.
    async fn entry_settled(&self, peer: &TopologyPeer) -> Entry {
        loop {
            let mut stirred = pin!(self.stirred());
            stirred.as_mut().enable();
            match peer.cell.state().entry() {
                Entry::Wanted => stirred.await,
                settled => return settled,
            }
        }
    }

    fn ledger_trouble(&self) -> String {
        let trouble = self.ledger_trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone().unwrap_or_else(|| "it could not be written".to_owned())
    }
}
