//! What `up` writes before and after it starts peers: the network's record, which also says that it is at it.

use super::NETWORK;
use crate::cli::Context;
use crate::fleet::{Condition, condition, running_proxies};
use crate::output::{Failure, joined};
use crate::state::{NetworkRecord, PeerRecord, Placement, Reader, StateError};
use anyhow::{Context as _, Result};
use peercache_agent::supervise::{Process, ProcessIdentity};
use peercache_core::spec::{NetworkName, PeerId, Replication};
use std::process;

/// Two copies: one peer may stop and nothing is lost (P-01).
const REPLICATION_DEFAULT: u8 = 2;

/// The right to bring the network up, held by one `up` at a time.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The peers to start.
    pub(super) ids: Vec<PeerId>,
    network: NetworkRecord,
    previous: Option<NetworkRecord>,
}

impl Prepared {
    /// Says early what [`Self::write`] would say: while the network is up its port is in use too, and that it
    /// is by another program would be wrong.
    pub(super) fn refuse_if_up(context: &Context) -> Result<()> {
        context.state.read(|state| match state.network(&NETWORK.parse()?)? {
            Some(network) => refuse_if_in_use(context, state, &network),
            None => Ok(()),
        })
    }

    /// Checks that nothing is in the way and writes the network's record, without peers: a network has peers
    /// when they run.
    pub(super) fn write(context: &Context, peers: u16, replication: Option<Replication>) -> Result<Self> {
        let settings = &context.settings;
        let placement = Placement {
            replication: replication
                .or(settings.replication)
                .map_or_else(|| Replication::new(REPLICATION_DEFAULT), Ok)?,
            vnodes: settings.vnodes,
            hash: settings.hash,
            on_down: settings.policy.on_down,
            read: settings.policy.read,
        };
        let ids: Vec<PeerId> =
            (0..peers).map(|number| format!("p{number}").parse()).collect::<Result<_, _>>()?;
        let name: NetworkName = NETWORK.parse()?;
        let this = ProcessIdentity::of(process::id())?.context("this process is not to be found")?;
        let mut network = NetworkRecord::new(name, placement);
        network.made_by_up = true;
        network.up_by = Some(this);
        network.starting.clone_from(&ids);
        context.state.change(|state| {
            let previous = state.network(&network.name)?;
            if let Some(previous) = &previous {
                refuse_if_in_use(context, state, previous)?;
            }
            for id in &ids {
                if let Some(peer) = state.peer(id)? {
                    refuse_unless_free(context, state, &peer)?;
                }
            }
            state.put_network(&network)?;
            Ok(Self { ids, network, previous })
        })
    }

    /// The peers run: they are the network now, with those that others have added to it meanwhile. `stays`
    /// says whether this command goes on.
    pub(super) fn finish(&self, context: &Context, stays: bool) -> Result<NetworkRecord> {
        context.state.change(|state| {
            let mut network = self.ours(state)?.ok_or_else(|| self.is_lost(context))?;
            let added = self.added(&network);
            if !added.is_empty() && network.replication.get() > 1 {
                // What was written until now, only those have.
                state.begin_warming(&self.ids)?;
            }
            network.peers = self.ids.iter().chain(&added).cloned().collect();
            network.starting.clear();
            network.up_by = network.up_by.filter(|_| stays);
            state.put_network(&network)?;
            Ok(network)
        })
    }

    /// As it was before, but for the peers that others have added meanwhile, or put elsewhere.
    pub(super) fn undo(&self, context: &Context) -> Result<()> {
        context.state.change(|state| {
            let Some(mut network) = self.ours(state)? else { return Ok(()) };
            let added = self.added(&network);
            match &self.previous {
                Some(previous) => {
                    network = previous.clone();
                    network.peers = self.still_its_own(state)?;
                }
                None if added.is_empty() => return Ok(state.remove_network(&network.name)?),
                None => {
                    network.peers.clear();
                    network.starting.clear();
                    network.up_by = None;
                }
            }
            let is_new = |id: &PeerId| !network.peers.contains(id);
            let new: Vec<PeerId> = added.into_iter().filter(is_new).collect();
            network.peers.extend(new);
            Ok(state.put_network(&network)?)
        })
    }

    /// The network's record as it is, as long as it is the one that this command wrote.
    fn ours(&self, state: &Reader) -> Result<Option<NetworkRecord>, StateError> {
        let network = state.network(&self.network.name)?;
        Ok(network.filter(|network| network.created_at == self.network.created_at))
    }

    /// The peers that it had before, without those that are forgotten or in another network by now.
    fn still_its_own(&self, state: &Reader) -> Result<Vec<PeerId>, StateError> {
        let mut peers = Vec::new();
        for id in self.previous.iter().flat_map(|previous| &previous.peers) {
            let is_elsewhere = state.network_of(id)?.is_some_and(|other| other.name != self.network.name);
            if !is_elsewhere && state.peer(id)?.is_some() {
                peers.push(id.clone());
            }
        }
        Ok(peers)
    }

    /// The peers that others have added to it.
    fn added(&self, network: &NetworkRecord) -> Vec<PeerId> {
        network.peers.iter().filter(|id| !self.ids.contains(id)).cloned().collect()
    }

    fn is_lost(&self, context: &Context) -> anyhow::Error {
        let sentence = format!("another command has deleted network {} while it came up", self.network.name);
        Failure::new(sentence, format!("start again: {}", context.command("up"))).into()
    }

    /// This command ends; the network stays, with peers that are stopped.
    pub(super) fn release(&self, context: &Context) -> Result<()> {
        context.state.change(|state| {
            let Some(mut network) = self.ours(state)? else { return Ok(()) };
            if network.up_by.take().is_some() {
                state.put_network(&network)?;
            }
            Ok(())
        })
    }
}

fn refuse_if_in_use(context: &Context, state: &Reader, network: &NetworkRecord) -> Result<()> {
    let name = &network.name;
    if !network.made_by_up {
        let sentence = format!("there is a network {name} that `up` did not make");
        let hint =
            "another --state-dir, or ".to_owned() + &context.command(&format!("network delete {name}"));
        return Err(Failure::new(sentence, hint).into());
    }
    let down = context.command("down");
    if let Some(other) = &network.up_by
        && Process::open(other)?.is_some()
    {
        let sentence = format!("`up` runs already on this state directory (pid {})", other.pid);
        return Err(Failure::new(sentence, format!("use what it started, or stop it: {down}")).into());
    }
    let mut running = Vec::new();
    for id in network.peers_and_starting() {
        if let Some(peer) = state.peer(id)?.filter(|peer| peer.managed)
            && condition(&peer)? == Condition::Running
        {
            running.push(id);
        }
    }
    if running.is_empty() {
        return Ok(());
    }
    let sentence = format!("network {name} is up already: {} run", joined(&running));
    let is_served = running_proxies(state)?.iter().any(|proxy| proxy.network == *name);
    let hint = if is_served {
        format!("use it, or stop it: {down}")
    } else {
        let proxy = context.command(&format!("proxy {name}"));
        format!("no proxy serves it; start one: {proxy}, or stop its peers: {down}")
    };
    Err(Failure::new(sentence, hint).into())
}

fn refuse_unless_free(context: &Context, state: &Reader, peer: &PeerRecord) -> Result<()> {
    let id = &peer.id;
    let (sentence, words) = match state.network_of(id)? {
        Some(other) if other.name.as_str() != NETWORK => {
            let other = &other.name;
            (format!("peer {id} is in network {other}"), format!("network remove {other} {id}"))
        }
        _ if !peer.managed => (format!("peer {id} is attached"), format!("peer detach {id}")),
        _ if condition(peer)? == Condition::Running => {
            (format!("peer {id} is already running"), format!("peer stop {id}"))
        }
        _ => return Ok(()),
    };
    let hint = format!("another --state-dir, or {}", context.command(&words));
    Err(Failure::new(sentence, hint).into())
}
