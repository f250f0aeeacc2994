//! `network show`: a network's peers, where they are, how they stand, and how much of the ring each has.

use crate::cli::outage::{OutageView, outages};
use crate::cli::{Context, Ended};
use crate::fleet::{Condition, condition, read_network, running_proxies, topology, version};
use crate::output::{Table, joined};
use crate::state::{NetworkRecord, PeerRecord, ProxyRecord};
use anyhow::Result;
use clap::Args;
use futures_util::future::try_join_all;
use peercache_core::spec::{HashKind, NetworkName};
use serde::Serialize;

/// Show a network: its peers, their phases and their exact shares of the keys
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The network
    name: NetworkName,
}

#[derive(Debug, Serialize)]
struct NetworkView<'a> {
    #[serde(flatten)]
    network: &'a NetworkRecord,
    members: Vec<MemberView>,
    /// The proxies of this host that serve it.
    proxies: Vec<ProxyRecord>,
}

#[derive(Debug, Serialize)]
struct MemberView {
    id: String,
    address: String,
    engine: &'static str,
    weight: u32,
    /// What its points on a ketama ring are made of, where that is not its id.
    ring_name: Option<String>,
    /// `up`, `warming` or `down`, as this command finds it.
    phase: &'static str,
    state: String,
    /// Who missed writes on it; until they are cleaned for, nobody reads it.
    outages: Vec<OutageView>,
    /// The part of all keys that it owns, from 0 to 1.
    owned: f64,
    /// The part of all keys that it keeps a copy of, from 0 to 1.
    held: f64,
}

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let ((network, peers), mut proxies) = context
            .state
            .read(|state| anyhow::Ok((read_network(state, &self.name)?, running_proxies(state)?)))?;
        proxies.retain(|proxy| proxy.network == self.name);
        let members = members(context, &network, &peers).await?;
        let view = NetworkView { network: &network, members, proxies };
        context.output.result(&view, || text(&view))?;
        Ok(Ended::Done)
    }
}

async fn members(
    context: &Context,
    network: &NetworkRecord,
    peers: &[PeerRecord],
) -> Result<Vec<MemberView>> {
    let topology = topology(&context.settings, network, peers)?;
    let shares = topology.ring().map(|ring| ring.shares(network.replication)).unwrap_or_default();
    let members = peers.iter().zip(shares).map(async |(peer, share)| {
        let condition = condition(peer)?;
        anyhow::Ok(MemberView {
            id: peer.id.to_string(),
            address: peer.address().to_string(),
            engine: peer.engine.as_str(),
            weight: peer.weight.get(),
            ring_name: peer.ring_name.as_ref().map(ToString::to_string),
            phase: phase(context, peer, condition).await,
            state: condition.to_string(),
            outages: outages(context, &peer.id)?,
            owned: share.owned,
            held: share.held,
        })
    });
    try_join_all(members).await
}

/// A command that lives for a moment knows no history: a peer that answers in time is up.
async fn phase(context: &Context, peer: &PeerRecord, condition: Condition) -> &'static str {
    let within = context.settings.policy.request;
    if condition != Condition::Running || version(peer, within).await.is_err() {
        "down"
    } else if peer.warming {
        "warming"
    } else {
        "up"
    }
}

fn text(view: &NetworkView<'_>) -> String {
    let NetworkRecord { name, replication, vnodes, hash, on_down, read, .. } = view.network;
    let hash = match hash {
        HashKind::Ketama(ketama) => format!("{hash} ({ketama})"),
        HashKind::Xxh3 | HashKind::Md5 => hash.to_string(),
    };
    let head = format!(
        "network {name}: replication {replication}, vnodes {vnodes}, hash {hash}, on-down {on_down}, \
         read {read}\n"
    );
    if view.members.is_empty() {
        return format!("{head}No peers available.\n{}", served(view));
    }
    let mut table = Table::new(["PEER", "ADDRESS", "ENGINE", "WEIGHT", "PHASE", "OWNS", "HOLDS"]);
    for member in &view.members {
        table.row([
            member.id.clone(),
            member.address.clone(),
            member.engine.to_owned(),
            member.weight.to_string(),
            if member.outages.is_empty() {
                member.phase.to_owned()
            } else {
                format!("{}, not read", member.phase)
            },
            percent(member.owned),
            percent(member.held),
        ]);
    }
    let lines = view.members.iter().flat_map(|member| {
        let line = |outage: &OutageView| outage.line(&member.id);
        member.outages.iter().map(line)
    });
    head + &table.aligned() + &lines.collect::<String>() + &served(view)
}

/// A line for each proxy.
fn served(view: &NetworkView<'_>) -> String {
    let line = |proxy: &ProxyRecord| {
        format!("served on {} by a proxy (pid {})\n", joined(&proxy.listen), proxy.process.pid)
    };
    view.proxies.iter().map(line).collect()
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}
