//! The client for Rust programs: requests, and the healing of the peers behind them, in one handle.

use crate::state::Records;
use peercache_client::Network;
use peercache_control::{Healer, Ledger};
use peercache_core::ring::RingError;
use peercache_core::spec::NetworkSpec;
use peercache_core::topology::Topology;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;

/// A client of a network whose peers are brought back when they were away.
///
/// It is a [`peercache_client::Client`] in every respect; its methods are `get`, `get_many`, `set` and
/// `delete`. Clones share connections; the last of them ends the healing.
#[derive(Debug, Clone)]
pub struct Client {
    requests: peercache_client::Client,
    healer: Arc<Healer>,
}

/// Why there is no client. Nothing was connected to and nothing written.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Two peers with one id, or more points than a ring takes.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// The state directory has an outage ledger that cannot be read.
    #[error("the outage ledger cannot be read: {0}")]
    Ledger(#[from] io::Error),
}

impl Client {
    /// A client of `network` that shares nothing with other processes: it reads no old value of its own
    /// writes, and may read one that another process overwrote while a peer hung (P-12). Must be called
    /// inside a tokio runtime; connects when it is first used.
    ///
    /// # Errors
    /// [`RingError`]: two peers with one id, or more points than a ring takes.
    pub fn open(network: &NetworkSpec) -> Result<Self, RingError> {
        let requests = peercache_client::Client::open(Arc::new(Topology::build(network)?));
        let healer = Arc::new(Healer::spawn(requests.network()));
        Ok(Self { requests, healer })
    }

    /// A client of `network` that shares with all processes that use the same state directory what each of
    /// them missed on which peer (P-11, P-12). Of a peer that `peercache` started there, only the daemon that
    /// its record names is taken for it (P-33). Must be called inside a tokio runtime; connects when it is
    /// first used, and writes into `state_dir` only when a peer misses a write. A relative path is meant from
    /// the folder that the process is in at this moment.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_with_state(network: &NetworkSpec, state_dir: &Path) -> Result<Self, OpenError> {
        let state_dir = std::path::absolute(state_dir)?;
        Ok(Self::over(Topology::build(network)?, &Arc::new(Ledger::at(&state_dir)))?)
    }

    /// As [`Self::open_with_state`], for a topology that somebody built with what is known of its peers.
    pub(crate) fn over(topology: Topology, ledger: &Arc<Ledger>) -> io::Result<Self> {
        let records = Arc::new(Records::at(ledger.state_dir()));
        let network = Network::with_register(Arc::new(topology), records);
        let requests = peercache_client::Client::over(network);
        let healer = Arc::new(Healer::spawn_with_ledger(requests.network(), ledger)?);
        Ok(Self { requests, healer })
    }

    /// Who brings the peers back.
    pub(crate) fn healer(&self) -> &Healer {
        &self.healer
    }

    /// A client with connections of its own, for another worker. What one learns of a peer, all know.
    #[must_use]
    pub fn worker(&self) -> Self {
        Self { requests: self.requests.worker(), healer: Arc::clone(&self.healer) }
    }
}

impl Deref for Client {
    type Target = peercache_client::Client;

    fn deref(&self) -> &Self::Target {
        &self.requests
    }
}
