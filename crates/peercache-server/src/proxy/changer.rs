//! Changes the network of a running proxy: every worker at one moment, so that no two of them write one key
//! to different replicas.

use peercache_client::Network;
use peercache_core::topology::Topology;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Barrier, Semaphore, watch};

/// One change, as the workers are told of it.
#[derive(Debug)]
pub(crate) struct Change {
    /// The network from now on.
    pub(crate) topology: Arc<Topology>,
    /// Where workers that have stopped wait for the others.
    stopped: Barrier,
    /// A permit for each worker that goes on.
    done: Semaphore,
}

/// What a worker hears of changes.
pub(crate) type Changes = watch::Receiver<Option<Arc<Change>>>;

/// Changes the network of a proxy.
#[derive(Debug, Clone)]
pub struct Changer {
    network: Arc<Network>,
    changes: watch::Sender<Option<Arc<Change>>>,
    workers: usize,
}

impl Changer {
    pub(crate) fn new(network: &Arc<Network>, workers: usize) -> (Self, Changes) {
        let (changes, changed) = watch::channel(None);
        (Self { network: Arc::clone(network), changes, workers }, changed)
    }

    /// Has every worker go over to `topology`, the epoch behind the network's own, and then makes it the
    /// network's. Requests that are in progress end first, those that come meanwhile wait: a moment, or for
    /// as long as a request may take where a peer hangs. One change at a time. Returns at once when the proxy
    /// has ended.
    pub async fn change(&mut self, topology: Arc<Topology>) {
        let change = Arc::new(Change {
            topology: Arc::clone(&topology),
            stopped: Barrier::new(self.workers),
            done: Semaphore::new(0),
        });
        self.changes.send_replace(Some(Arc::clone(&change)));
        let workers = u32::try_from(self.workers).unwrap_or(u32::MAX);
        tokio::select! {
            _ = change.done.acquire_many(workers) => {}
            () = self.changes.closed() => {}
        }
        self.network.change(topology);
    }
}

impl Change {
    /// Waits until all workers have stopped; but for nobody who has not after `within`.
    pub(crate) async fn all_stopped(&self, within: Duration) {
        if tokio::time::timeout(within, self.stopped.wait()).await.is_err() {
            tracing::warn!("a worker does not stop for a change of the network; the others go on");
        }
    }

    /// One more worker goes on.
    pub(crate) fn worker_goes_on(&self) {
        self.done.add_permits(1);
    }
}
