//! `peer show`: everything that is known of one peer.

use super::{PeerView, or_dash};
use crate::cli::{Context, Ended, words};
use crate::output::Table;
use crate::state::Reader;
use anyhow::Result;
use clap::Args;
use peercache_core::spec::PeerId;

/// Show one peer
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The peer
    #[arg(value_parser = words::peer_id)]
    id: PeerId,
}

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let peer = super::existing(context, &self.id)?;
        let networks = context.state.read(Reader::networks)?;
        let view = PeerView::of(context, &peer, &networks).await?;
        context.output.list(&view, || {
            let mut table = Table::new(["FIELD", "VALUE"]);
            let mut row = |field: &str, value: String| table.row([field.to_owned(), value]);
            row("id", view.id.clone());
            row("engine", view.engine.to_owned());
            row("address", view.address.clone());
            row("pid", or_dash(view.pid));
            row("state", view.state_shown());
            row("memory_mb", or_dash(view.memory_mb));
            row("weight", view.weight.to_string());
            row("ring_name", or_dash(view.ring_name.as_ref()));
            row("auth_file", or_dash(view.auth_file.as_ref()));
            row("network", or_dash(view.network.as_ref()));
            row("run by", if view.managed { "peercache" } else { "somebody else (attached)" }.to_owned());
            row("warming", if view.warming { "yes" } else { "no" }.to_owned());
            row(
                "log",
                or_dash(view.log.as_ref().map(|log| context.state.root().join(log).display().to_string())),
            );
            row("started_at", or_dash(view.started_at.as_ref()));
            table
        })?;
        Ok(Ended::Done)
    }
}
