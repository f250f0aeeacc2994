//! `peer list`: every peer, one a line.

use super::{PeerView, or_dash};
use crate::cli::{Context, Ended};
use crate::output::Table;
use crate::state::StateError;
use anyhow::Result;
use clap::Args;
use futures_util::future::try_join_all;

/// List all peers
#[derive(Debug, Args)]
pub(in crate::cli) struct List {}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let (peers, networks) =
            context.state.read(|state| Ok::<_, StateError>((state.peers()?, state.networks()?)))?;
        let views = try_join_all(peers.iter().map(|peer| PeerView::of(context, peer, &networks))).await?;
        context.output.list(&views, || {
            let header = ["ID", "ENGINE", "ADDRESS", "PID", "STATE", "MEMORY_MB", "WEIGHT", "NETWORK"];
            let mut table = Table::new(header);
            for view in &views {
                table.row([
                    view.id.clone(),
                    view.engine.to_owned(),
                    view.address.clone(),
                    or_dash(view.pid),
                    view.state_shown(),
                    or_dash(view.memory_mb),
                    view.weight.to_string(),
                    or_dash(view.network.as_ref()),
                ]);
            }
            table
        })?;
        Ok(Ended::Done)
    }
}
