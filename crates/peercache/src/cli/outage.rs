//! Who missed writes on a peer, as the commands that show peers tell it (P-11).

use super::Context;
use anyhow::{Context as _, Result};
use peercache_control::{Ledger, Outage};
use peercache_core::spec::PeerId;
use serde::Serialize;

/// One process that missed writes.
#[derive(Debug, Serialize)]
pub(super) struct OutageView {
    /// None where its entry does not say.
    pid: Option<u32>,
    since_unix_s: Option<u64>,
    /// Whether it lives, and so will clean the peer itself.
    alive: bool,
}

/// All that is recorded of a peer.
pub(super) fn outages(context: &Context, peer: &PeerId) -> Result<Vec<OutageView>> {
    let outages =
        Ledger::at(context.state.root()).outages(peer).context("the outage ledger cannot be read")?;
    Ok(outages.into_iter().map(OutageView::from).collect())
}

impl From<Outage> for OutageView {
    fn from(Outage { pid, since_unix_s, is_held: alive }: Outage) -> Self {
        Self { pid, since_unix_s, alive }
    }
}

impl OutageView {
    /// The line under a table.
    pub(super) fn line(&self, peer: &str) -> String {
        let who = self.pid.map_or("somebody".to_owned(), |pid| format!("process {pid}"));
        let then = if self.alive {
            "and empties it when it answers"
        } else {
            "and is gone: the next get or set, or whatever runs on this network, empties it when it answers"
        };
        format!("{peer} is not read: {who} missed writes on it, {then}\n")
    }
}
