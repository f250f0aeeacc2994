//! `peer detach`: forgets an attached peer, or one of ours that does not run. Stops nothing.

use crate::cli::{Context, Ended, words};
use crate::fleet::{Condition, condition, unknown_peer};
use crate::output::Failure;
use anyhow::Result;
use clap::Args;
use peercache_core::spec::PeerId;
use serde_json::json;

/// Forget a peer: an attached one, or one that is stopped
#[derive(Debug, Args)]
pub(in crate::cli) struct Detach {
    /// The peer
    #[arg(value_parser = words::peer_id)]
    id: PeerId,
}

impl Detach {
    pub(super) fn run(self, context: &Context) -> Result<Ended> {
        let id = &self.id;
        let peer = context.state.change(|state| {
            let peer = state.peer(id)?.ok_or_else(|| unknown_peer(id))?;
            if let Some(network) = state.network_of(id)? {
                let name = &network.name;
                let hint = context.command(&format!("network remove {name} {id}"));
                return Err(Failure::new(format!("peer {id} is in network {name}"), hint).into());
            }
            let now = condition(&peer)?;
            if peer.managed && !matches!(now, Condition::Stopped | Condition::Dead { .. }) {
                let hint = context.command(&format!("peer stop {id}"));
                return Err(Failure::new(format!("peer {id} is not stopped ({now})"), hint).into());
            }
            state.end_peer(&peer)?;
            anyhow::Ok(peer)
        })?;
        let rest = if peer.managed { "" } else { "; its daemon goes on running" };
        let document = json!({ "id": id.to_string(), "detached": true });
        context.output.result(&document, || format!("detached {id}{rest}\n"))?;
        Ok(Ended::Done)
    }
}
