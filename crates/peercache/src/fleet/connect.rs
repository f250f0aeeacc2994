//! Opens a network from its records.

use super::look::{Condition, condition};
use crate::Client;
use crate::output::Failure;
use crate::settings::Settings;
use crate::state::{NetworkRecord, PeerRecord, Reader, State};
use anyhow::{Context, Result};
use peercache_client::{Unrecorded, WriteError};
use peercache_control::Ledger;
use peercache_core::health::Phase;
use peercache_core::spec::{NetworkName, NetworkSpec, PeerId, Policy};
use peercache_core::topology::Topology;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How long a command waits for peers to be cleaned: two seconds, and what a slow peer takes to answer.
const TAKE_OVER_MAX: Duration = Duration::from_secs(10);

/// A network that can be talked to.
#[derive(Debug)]
pub(crate) struct Connected {
    /// Reads and writes.
    pub(crate) client: Client,
    /// The network's record.
    pub(crate) network: NetworkRecord,
}

/// Opens the network `name`, and knows what other processes missed on its peers. Connects to nothing yet;
/// must be called inside a tokio runtime.
pub(crate) fn connect(state: &State, settings: &Settings, name: &NetworkName) -> Result<Connected> {
    let (network, peers) = state.read(|reader| read_network(reader, name))?;
    let ledger = Arc::new(Ledger::at(state.root()));
    let client = Client::over(topology(settings, &network, &peers)?, &ledger).map_err(unreadable_ledger)?;
    Ok(Connected { client, network })
}

impl Connected {
    /// Does what commands that are gone have left to do, before this one asks for anything: a flush that is
    /// due, and peers that missed writes of somebody who can clean them no more. Without it, whoever uses
    /// nothing but commands that live for a moment would wait for ever for such a peer. `begun` is told of
    /// each that is being cleaned, which takes about two seconds; one that does not answer is left as it is.
    pub(crate) async fn tidy_up(&self, begun: impl FnMut(&PeerId)) -> Result<()> {
        let healer = self.client.healer();
        healer.finish_due_flush().await.context("a delayed flush is due and cannot be carried out")?;
        // Who is not through by then is served around.
        let _ = tokio::time::timeout(TAKE_OVER_MAX, healer.finish_takeovers(begun)).await;
        Ok(())
    }

    /// Before the command ends with `written`: whatever it missed is recorded, also of a write that failed
    /// and may still be executed.
    pub(crate) async fn leave_word_of<T>(&self, written: &Result<T, WriteError>) {
        let is_said = matches!(written, Err(WriteError::Unrecorded { .. }));
        let left = self.client.healer().finish_entries().await;
        if let Some(unrecorded) = left.err().filter(|_| !is_said) {
            say_unrecorded(&unrecorded);
        }
    }

    /// The same, for a command of many writes.
    pub(crate) async fn leave_word(&self) {
        if let Err(unrecorded) = self.client.healer().finish_entries().await {
            say_unrecorded(&unrecorded);
        }
    }
}

fn say_unrecorded(unrecorded: &Unrecorded) {
    crate::output::complain(format!("other commands do not know: {unrecorded}"));
}

pub(super) fn unreadable_ledger(error: io::Error) -> anyhow::Error {
    let hint = "make it readable for this user, move it away, or choose another --state-dir";
    Failure::new(format!("the outage ledger cannot be read: {error}"), hint).into()
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

/// A network as its records define it, and how its peers stand.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) spec: NetworkSpec,
    phases: BTreeMap<PeerId, Phase>,
}

impl Definition {
    pub(crate) fn of(settings: &Settings, network: &NetworkRecord, peers: &[PeerRecord]) -> Result<Self> {
        let mut phases = BTreeMap::new();
        for peer in peers {
            phases.insert(peer.id.clone(), first_phase(peer)?);
        }
        let spec = NetworkSpec {
            name: network.name.clone(),
            peers: peers.iter().map(PeerRecord::spec).collect(),
            replication: network.replication,
            vnodes: network.vnodes,
            hash: network.hash,
            policy: Policy { on_down: network.on_down, read: network.read, ..settings.policy },
        };
        Ok(Self { spec, phases })
    }

    /// The topology that a process begins with.
    pub(crate) fn topology(&self) -> Result<Topology> {
        Ok(Topology::with_phases(&self.spec, |id| self.phase(id))?)
    }

    /// The topology that a process goes on with.
    pub(crate) fn next(&self, before: &Topology) -> Result<Topology> {
        Ok(before.next(&self.spec, |id| self.phase(id))?)
    }

    fn phase(&self, id: &PeerId) -> Phase {
        self.phases.get(id).copied().unwrap_or(Phase::Up)
    }
}

/// The topology that this process begins with.
pub(crate) fn topology(
    settings: &Settings,
    network: &NetworkRecord,
    peers: &[PeerRecord],
) -> Result<Topology> {
    Definition::of(settings, network, peers)?.topology()
}

/// A peer of ours whose process is gone is not even asked: by now its port may be somebody else's. Where one
/// is asked all the same, since it may have been started again, its record says who may answer.
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
