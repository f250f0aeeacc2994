//! `network list`: every network, one a line.

use crate::cli::{Context, Ended};
use crate::output::{Table, joined};
use anyhow::Result;
use clap::Args;

/// List all networks
#[derive(Debug, Args)]
pub(in crate::cli) struct List {}

impl List {
    pub(super) fn run(self, context: &Context) -> Result<Ended> {
        let networks = context.state.read(crate::state::Reader::networks)?;
        context.output.list(&networks, || {
            let mut table = Table::new(["NAME", "REPLICATION", "VNODES", "HASH", "ON_DOWN", "READ", "PEERS"]);
            for network in &networks {
                table.row([
                    network.name.to_string(),
                    network.replication.to_string(),
                    network.vnodes.to_string(),
                    network.hash.to_string(),
                    network.on_down.to_string(),
                    network.read.to_string(),
                    if network.peers.is_empty() { "-".to_owned() } else { joined(&network.peers) },
                ]);
            }
            table
        })?;
        Ok(Ended::Done)
    }
}
