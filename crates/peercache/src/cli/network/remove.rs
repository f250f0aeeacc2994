//! `network remove`: peers leave a network. They go on running, with what they hold.

use super::failure;
use crate::cli::context::refuse_duplicates;
use crate::cli::{Context, Ended, words};
use crate::fleet::unknown_network;
use crate::output::{joined, quoted};
use anyhow::Result;
use clap::Args;
use peercache_core::spec::{NetworkName, PeerId};
use serde_json::json;

/// Take peers out of a network; they go on running
#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// The network
    name: NetworkName,
    /// The peers
    #[arg(required = true, value_name = "ID", value_parser = words::peer_id)]
    ids: Vec<PeerId>,
}

impl Remove {
    pub(super) fn run(self, context: &Context) -> Result<Ended> {
        let Self { name, ids } = &self;
        refuse_duplicates(ids)?;
        let network = context.state.change(|state| {
            let mut network = state.network(name)?.ok_or_else(|| unknown_network(name))?;
            if let Some(stranger) = ids.iter().find(|id| !network.peers.contains(id)) {
                let sentence = format!("peer {stranger} is not in network {name}");
                let hint = context.command(&format!("network show {name}"));
                return Err(failure(sentence, hint));
            }
            network.peers.retain(|id| !ids.contains(id));
            state.put_network(&network)?;
            state.end_warming(ids)?;
            anyhow::Ok(network)
        })?;
        let removed: Vec<String> = ids.iter().map(ToString::to_string).collect();
        context.output.result(&json!({ "network": network, "removed": removed }), || {
            let (removed, rest) = (joined(&removed), quoted(&network.peers));
            let old = match network.peers.len() {
                0 => "",
                _ => {
                    "; its other peers may still have old copies of keys that were moved from them before: \
                     flush_all empties them, if that would hurt"
                }
            };
            let lost = "what they hold is lost to it";
            format!("removed {removed} from network {name}, which now has {rest}; {lost}{old}\n")
        })?;
        Ok(Ended::Done)
    }
}
