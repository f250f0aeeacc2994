//! `peer show`: everything that is known of one peer, and what its daemon says of itself in names of ours.

use super::{PeerView, or_dash};
use crate::cli::{Context, Ended, words};
use crate::fleet::{Condition, condition, statistics};
use crate::output::{Table, joined};
use crate::state::{PeerRecord, Reader};
use anyhow::Result;
use clap::Args;
use peercache_agent::supervise::{Ability, Statistic, engine};
use peercache_core::spec::PeerId;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the daemon may take to say how it does; what else is known is shown without it.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// Show one peer
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The peer
    #[arg(value_parser = words::peer_id)]
    id: PeerId,
}

/// A peer as programs read it, with what its daemon says.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    view: PeerView,
    version: Option<String>,
    /// What its engine can do in this version; none where nobody knows.
    can: Option<Vec<Ability>>,
    statistics: BTreeMap<&'static str, Option<u64>>,
}

impl Shown {
    async fn of(view: PeerView, peer: &PeerRecord) -> Result<Self> {
        // Of a peer that does not run, somebody else may have the port.
        let answer = match condition(peer)? {
            Condition::Running => statistics(peer, ANSWER_WITHIN).await.unwrap_or_default(),
            _ => Vec::new(),
        };
        let engine = engine::of(peer.engine);
        let version = engine.statistic(&answer, Statistic::Version);
        let figure = |&which: &Statistic| (which.as_str(), engine.number(&answer, which));
        Ok(Self {
            view,
            version: version.map(str::to_owned),
            can: version.and_then(|version| engine.abilities_at(version)),
            statistics: Statistic::FIGURES.iter().map(figure).collect(),
        })
    }
}

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let peer = super::existing(context, &self.id)?;
        let networks = context.state.read(Reader::networks)?;
        let shown = Shown::of(PeerView::of(context, &peer, &networks).await?, &peer).await?;
        context.output.list(&shown, || table(context, &shown))?;
        Ok(Ended::Done)
    }
}

fn table(context: &Context, shown: &Shown) -> Table {
    let view = &shown.view;
    let mut table = Table::new(["FIELD", "VALUE"]);
    let mut row = |field: &str, value: String| table.row([field.to_owned(), value]);
    row("id", view.id.clone());
    row("engine", view.engine.to_owned());
    row("version", or_dash(shown.version.as_ref()));
    row("can", or_dash(shown.can.as_ref().map(|can| joined(can))));
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
    row("log", or_dash(view.log.as_ref().map(|log| context.state.root().join(log).display().to_string())));
    row("started_at", or_dash(view.started_at.as_ref()));
    for which in Statistic::FIGURES {
        row(which.as_str(), or_dash(shown.statistics.get(which.as_str()).copied().flatten()));
    }
    table
}
