//! Opens a network from its records.

use super::look::{Condition, condition};
use crate::Client;
use crate::output::Failure;
use crate::settings::Settings;
use crate::state::{NetworkRecord, PeerRecord, Reader, State};
use anyhow::Result;
use peercache_core::health::Phase;
use peercache_core::spec::{NetworkName, NetworkSpec, PeerId, Policy};
use peercache_core::topology::Topology;
use std::collections::BTreeMap;

/// A network that can be talked to.
#[derive(Debug)]
pub(crate) struct Connected {
    /// Reads and writes.
    pub(crate) client: Client,
    /// The network's record.
    pub(crate) network: NetworkRecord,
}

/// Opens the network `name`. Connects to nothing yet; must be called inside a tokio runtime.
pub(crate) fn connect(state: &State, settings: &Settings, name: &NetworkName) -> Result<Connected> {
    let (network, peers) = state.read(|reader| read_network(reader, name))?;
    let client = Client::over(topology(settings, &network, &peers)?);
    Ok(Connected { client, network })
}

/// A network and its peers, in the network's order.
pub(crate) fn read_network(reader: &Reader, name: &NetworkName) -> Result<(NetworkRecord, Vec<PeerRecord>)> {
    let network = reader.network(name)?.ok_or_else(|| unknown_network(name))?;
    let mut peers = Vec::with_capacity(network.peers.len());
    for id in &network.peers {
        let missing = || {
            let sentence = format!("network {name} lists peer {id}, of which there is no record");
            Failure::new(sentence, format!("peercache network remove {name} {id} takes it out"))
        };
        peers.push(reader.peer(id)?.ok_or_else(missing)?);
    }
    Ok((network, peers))
}

/// The topology that this process begins with.
pub(crate) fn topology(
    settings: &Settings,
    network: &NetworkRecord,
    peers: &[PeerRecord],
) -> Result<Topology> {
    let mut phases: BTreeMap<&PeerId, Phase> = BTreeMap::new();
    for peer in peers {
        phases.insert(&peer.id, first_phase(peer)?);
    }
    let spec = NetworkSpec {
        name: network.name.clone(),
        peers: peers.iter().map(PeerRecord::spec).collect(),
        replication: network.replication,
        vnodes: network.vnodes,
        hash: network.hash,
        policy: Policy { on_down: network.on_down, ..settings.policy },
    };
    let phase = |id: &PeerId| phases.get(id).copied().unwrap_or(Phase::Up);
    Ok(Topology::with_phases(&spec, phase)?)
}

/// A peer of ours whose process is gone is not even asked: by now its port may be somebody else's.
fn first_phase(peer: &PeerRecord) -> Result<Phase> {
    Ok(match condition(peer)? {
        Condition::Running if peer.warming => Phase::Warming,
        Condition::Running => Phase::Up,
        _ => Phase::Down,
    })
}

/// There is no such network.
pub(crate) fn unknown_network(name: &NetworkName) -> anyhow::Error {
    let hint = format!("peercache network list shows all; peercache network create {name} makes it");
    Failure::new(format!("there is no network {name}"), hint).into()
}
