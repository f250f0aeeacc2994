//! What the server counts about connections; what it counts about items is the store's.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Counts of connections and bytes, shared by all threads.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) connections: AtomicUsize,
    pub(crate) connections_total: AtomicU64,
    pub(crate) connections_refused: AtomicU64,
    /// Clients that were closed because they had been silent for too long.
    pub(crate) idle_kicks: AtomicU64,
    /// How often clients said who they are.
    pub(crate) logins: AtomicU64,
    /// How often that was not so.
    pub(crate) logins_refused: AtomicU64,
    /// How often a client had more to be answered and others had their turn first.
    pub(crate) yields: AtomicU64,
    pub(crate) read_bytes: AtomicU64,
    pub(crate) written_bytes: AtomicU64,
}

impl Gauges {
    /// Starts all that only grow from 0 again.
    pub(crate) fn reset(&self) {
        for total in [
            &self.connections_total,
            &self.connections_refused,
            &self.idle_kicks,
            &self.logins,
            &self.logins_refused,
            &self.yields,
            &self.read_bytes,
            &self.written_bytes,
        ] {
            total.store(0, Relaxed);
        }
    }
}
