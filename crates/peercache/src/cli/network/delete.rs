//! `network delete`: the network is forgotten; its peers go on running.

use crate::cli::{Context, Ended};
use crate::fleet::unknown_network;
use crate::output::joined;
use anyhow::Result;
use clap::Args;
use peercache_core::spec::NetworkName;
use serde_json::json;

/// Delete a network; its peers go on running
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    /// The network
    name: NetworkName,
}

impl Delete {
    pub(super) fn run(self, context: &Context) -> Result<Ended> {
        let name = &self.name;
        let network = context.state.change(|state| {
            let network = state.network(name)?.ok_or_else(|| unknown_network(name))?;
            state.remove_network(name)?;
            state.end_warming(&network.peers)?;
            anyhow::Ok(network)
        })?;
        let ids: Vec<String> = network.peers.iter().map(ToString::to_string).collect();
        context.output.result(&json!({ "name": name.to_string(), "deleted": true, "peers": ids }), || {
            let peers = match ids.as_slice() {
                [] => "it had no peers".to_owned(),
                ids => format!("its peers stay as they are, with what they hold: {}", joined(ids)),
            };
            format!("deleted network {name}; {peers}\n")
        })?;
        Ok(Ended::Done)
    }
}
