//! `network add`: peers enter a network, empty or as a whole fleet (P-40).
//!
//! What a peer held before could be served as this network's. So it enters empty, is emptied (`--flush`), or
//! is part of a whole fleet that was placed by this very ring before (`--adopt`).

use super::failure;
use crate::cli::context::refuse_duplicates;
use crate::cli::{Context, Ended, words};
use crate::fleet::{Condition, condition, refuse_while_starting, statistics, topology};
use crate::fleet::{unknown_network, unknown_peer};
use crate::output::{joined, quoted};
use crate::state::{NetworkRecord, PeerRecord, Reader, Records};
use anyhow::{Context as _, Result};
use clap::Args;
use futures_util::future::try_join_all;
use peercache_agent::supervise::{Statistic, engine};
use peercache_client::{Client, Network};
use peercache_core::spec::{NetworkName, PeerId};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long a peer may take to say what it holds.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Add peers to a network
#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// The network
    name: NetworkName,
    /// The peers
    #[arg(required = true, value_name = "ID", value_parser = words::peer_id)]
    ids: Vec<PeerId>,
    /// Empty the peers first
    #[arg(long, conflicts_with = "adopt")]
    flush: bool,
    /// Keep what they hold: they are a whole fleet that this placement filled before
    #[arg(long)]
    adopt: bool,
}

impl Add {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        refuse_duplicates(&self.ids)?;
        let (network, peers) = context.state.read(|state| self.check(context, state))?;
        if self.flush {
            try_join_all(peers.iter().map(|peer| empty(context, &network, peer))).await?;
        } else if !self.adopt {
            try_join_all(peers.iter().map(|peer| refuse_unless_empty(context, &self.name, peer))).await?;
        }
        let network = context.state.change(|state| {
            // Others may have changed it while the peers were asked.
            let (mut network, _) = self.check(context, state)?;
            let has_siblings = !network.peers.is_empty() && network.replication.get() > 1;
            if has_siblings {
                state.begin_warming(&self.ids)?;
            }
            network.peers.extend(self.ids.iter().cloned());
            let members = network.peers.iter().map(|id| state.peer(id)?.ok_or_else(|| unknown_peer(id)));
            // A ring that cannot be built is refused now and not by every command after this one.
            topology(&context.settings, &network, &members.collect::<Result<Vec<_>>>()?)?;
            state.put_network(&network)?;
            anyhow::Ok(network)
        })?;
        let added: Vec<String> = self.ids.iter().map(ToString::to_string).collect();
        context.output.result(&json!({ "network": network, "added": added }), || {
            let (name, all) = (&self.name, quoted(&network.peers));
            format!("added {} to network {name}, which now has {all}\n", joined(&added))
        })?;
        Ok(Ended::Done)
    }

    fn check(&self, context: &Context, state: &Reader) -> Result<(NetworkRecord, Vec<PeerRecord>)> {
        let name = &self.name;
        let network = state.network(name)?.ok_or_else(|| unknown_network(name))?;
        if self.adopt && !network.peers.is_empty() {
            let sentence = format!("network {name} has peers already, and only a whole fleet can be adopted");
            return Err(failure(sentence, "add empty peers, or --flush these".to_owned()));
        }
        let mut peers = Vec::with_capacity(self.ids.len());
        for id in &self.ids {
            let peer = state.peer(id)?.ok_or_else(|| unknown_peer(id))?;
            if let Some(other) = state.network_of(id)? {
                let other = &other.name;
                let hint = context.command(&format!("network remove {other} {id}"));
                return Err(failure(format!("peer {id} is in network {other} already"), hint));
            }
            refuse_while_starting(state, &peer)?;
            peers.push(peer);
        }
        Ok((network, peers))
    }
}

/// A peer of ours that does not run holds nothing when it comes back.
async fn refuse_unless_empty(context: &Context, network: &NetworkName, peer: &PeerRecord) -> Result<()> {
    if condition(peer)? != Condition::Running {
        return Ok(());
    }
    let id = &peer.id;
    let asked = statistics(peer, ANSWER_WITHIN).await;
    let stats = asked.with_context(|| format!("it is unknown whether peer {id} is empty"))?;
    let items = engine::of(peer.engine).number(&stats, Statistic::Items);
    if items == Some(0) {
        return Ok(());
    }
    let holds = items.map_or("does not say what it holds".to_owned(), |items| format!("holds {items} items"));
    let sentence = format!("peer {id} {holds}: network {network} would serve old values as its own");
    let hint = context.command(&format!("network add {network} {id} --flush")) + " empties it first";
    Err(failure(sentence, hint))
}

async fn empty(context: &Context, network: &NetworkRecord, peer: &PeerRecord) -> Result<()> {
    if condition(peer)? != Condition::Running {
        return Ok(());
    }
    // A network of this one peer, which exists for this one question.
    let mut alone = network.clone();
    alone.peers = vec![peer.id.clone()];
    let topology = topology(&context.settings, &alone, std::slice::from_ref(peer))?;
    let records = Arc::new(Records::at(context.state.root()));
    Client::over(Network::with_register(Arc::new(topology), records)).flush(&peer.id).await?;
    Ok(())
}
