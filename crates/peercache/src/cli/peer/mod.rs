//! `peer`: one cache daemon with an id and an address.

mod attach;
mod detach;
mod list;
mod logs;
mod pairs;
mod restart;
mod show;
mod start;
mod stats;
mod stop;

use super::outage::{OutageView, outages};
use super::{Context, Ended};
use crate::fleet::{Condition, look, unknown_peer};
use crate::state::{NetworkRecord, PeerRecord, StateError};
use anyhow::Result;
use clap::Subcommand;
use peercache_core::spec::PeerId;
use serde::Serialize;

/// Start, stop and look at peers
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    Start(start::Start),
    Stop(stop::Stop),
    Restart(restart::Restart),
    List(list::List),
    Show(show::Show),
    Stats(stats::Stats),
    Logs(logs::Logs),
    Attach(attach::Attach),
    Detach(detach::Detach),
}

impl Verb {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        match self {
            Self::Start(start) => start.run(context).await,
            Self::Stop(stop) => stop.run(context).await,
            Self::Restart(restart) => restart.run(context).await,
            Self::List(list) => list.run(context).await,
            Self::Show(show) => show.run(context).await,
            Self::Stats(stats) => stats.run(context).await,
            Self::Logs(logs) => logs.run(context),
            Self::Attach(attach) => attach.run(context).await,
            Self::Detach(detach) => detach.run(context),
        }
    }
}

/// A peer as programs read it; `peer list -o json` is an array of these.
#[derive(Debug, Serialize)]
struct PeerView {
    id: String,
    engine: &'static str,
    address: String,
    host: String,
    port: u16,
    pid: Option<u32>,
    state: String,
    memory_mb: Option<u32>,
    weight: u32,
    ring_name: Option<String>,
    /// Where its users stand; none where it asks nobody who they are.
    auth_file: Option<String>,
    network: Option<String>,
    managed: bool,
    warming: bool,
    log: Option<String>,
    started_at: Option<String>,
    /// Who missed writes on it; until they are cleaned for, nobody reads it.
    outages: Vec<OutageView>,
}

impl PeerView {
    fn new(peer: &PeerRecord, condition: Condition, network: Option<String>) -> Self {
        let runs = condition == Condition::Running;
        Self {
            id: peer.id.to_string(),
            engine: peer.engine.as_str(),
            address: peer.address().to_string(),
            host: peer.host.to_string(),
            port: peer.port,
            pid: peer.pid.filter(|_| runs),
            state: condition.to_string(),
            memory_mb: peer.memory_mb,
            weight: peer.weight.get(),
            ring_name: peer.ring_name.as_ref().map(ToString::to_string),
            auth_file: peer.auth_file.as_ref().map(ToString::to_string),
            network,
            managed: peer.managed,
            warming: peer.warming,
            log: peer.log.clone(),
            started_at: peer.started_at.clone(),
            outages: Vec::new(),
        }
    }

    async fn of(context: &Context, peer: &PeerRecord, networks: &[NetworkRecord]) -> Result<Self> {
        let network = networks.iter().find(|network| network.peers.contains(&peer.id));
        let outages = outages(context, &peer.id)?;
        let view = Self::new(peer, look(peer).await?, network.map(|network| network.name.to_string()));
        Ok(Self { outages, ..view })
    }

    /// Its state in a table.
    fn state_shown(&self) -> String {
        if self.outages.is_empty() { self.state.clone() } else { format!("{}, not read", self.state) }
    }
}

/// The record of `id`, or the error that it does not exist.
fn existing(context: &Context, id: &PeerId) -> Result<PeerRecord> {
    let read = |state: &crate::state::Reader| -> Result<_, StateError> { state.peer(id) };
    context.state.read(read)?.ok_or_else(|| unknown_peer(id))
}

/// A missing value in a table.
fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
