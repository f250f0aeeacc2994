//! The client for Rust programs: requests, and the healing of the peers behind them, in one handle.

use peercache_control::Healer;
use peercache_core::ring::RingError;
use peercache_core::spec::NetworkSpec;
use peercache_core::topology::Topology;
use std::ops::Deref;
use std::sync::Arc;

/// A client of a network whose peers are brought back when they were away.
///
/// It is a [`peercache_client::Client`] in every respect; its methods are `get`, `get_many`, `set` and
/// `delete`. Clones share connections; the last of them ends the healing.
#[derive(Debug, Clone)]
pub struct Client {
    requests: peercache_client::Client,
    healer: Arc<Healer>,
}

impl Client {
    /// A client of `network`. Must be called inside a tokio runtime; connects when it is first used.
    ///
    /// # Errors
    /// [`RingError`]: two peers with one id, or more points than a ring takes.
    pub fn open(network: &NetworkSpec) -> Result<Self, RingError> {
        Ok(Self::over(Topology::build(network)?))
    }

    /// As [`Self::open`], for a topology that somebody built with what is known of its peers.
    #[must_use]
    pub fn over(topology: Topology) -> Self {
        let requests = peercache_client::Client::open(Arc::new(topology));
        let healer = Arc::new(Healer::spawn(requests.network()));
        Self { requests, healer }
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
