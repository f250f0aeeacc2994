//! The right to start one peer, held by one command at a time.
//!
//! A claim is the peer's record in the state `starting` with its starter's identity. It is taken under the
//! lock and outlives it, so that nobody waits for a daemon under the lock and still each id gets one daemon.
//! A claim that is dropped before it was confirmed (an error, Ctrl-C) stops its daemon and gives the record
//! back as it was. While a claim lasts, others may change what is theirs in the record: all that its holder
//! writes is written over the record as it is then. The claim of a starter that died is void: the next one
//! stops the daemon that it may have left.

use super::look::{Condition, condition};
use super::{GRACE, StartWish};
use crate::output::{Failure, sentence};
use crate::state::{NetworkRecord, PeerRecord, PeerState, Reader, State, StateError, Writer};
use anyhow::{Context, Result, anyhow};
use peercache_agent::supervise::{Launched, Marker, Process, ProcessIdentity, Ready, find_marked, port};
use peercache_core::spec::PeerId;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process;

/// How many strides there are for the search of another port: a prime, so that pids in a row all differ.
const STRIDES: u32 = 97;

/// A peer that this command, and no other, is starting.
#[derive(Debug)]
pub(super) struct Claim {
    state: State,
    /// The record as it was; none for a new peer.
    previous: Option<PeerRecord>,
    pub(super) record: PeerRecord,
    /// Carried by the daemon.
    pub(super) marker: Marker,
    /// Daemons of this peer that an earlier starter left behind.
    pub(super) strays: Vec<ProcessIdentity>,
    /// Entries in the outage ledger of writers that are gone: a daemon that starts only now holds nothing of
    /// what they missed, and nothing that they had sent.
    outages: Vec<OsString>,
    launched: Option<Launched>,
    is_settled: bool,
}

impl Claim {
    /// Claims `id`, with a port that no other peer has.
    pub(super) fn take(state: &State, id: &PeerId, wish: &StartWish) -> Result<Self> {
        let starter = ProcessIdentity::of(process::id())?
            .ok_or_else(|| anyhow!("the operating system does not know this very process"))?;
        state.make_root()?;
        let marker = Marker::new(&state.canonical()?, id)?;
        // The search takes its time, and under the lock others would wait for it.
        let strays = find_strays(&marker)?;
        let mut claim = state.change(|writer| {
            let previous = writer.peer(id)?;
            if let Some(peer) = &previous {
                refuse_if_taken(peer)?;
            }
            let mut record =
                previous.clone().unwrap_or_else(|| PeerRecord::managed(id.clone(), wish.choice.kind));
            wish.apply_to(&mut record)?;
            record.port = choose_port(writer, &record, wish, !strays.is_empty())?;
            record.state = PeerState::Starting;
            record.starter = Some(starter);
            // Those that start together with this one hold nothing either.
            record.warming = has_running_sibling(writer, id)?;
            record.set_process(None);
            let outages = writer.begin_anew(id)?;
            writer.put_peer(&record)?;
            let (state, launched) = (state.clone(), None);
            anyhow::Ok(Self { state, previous, record, marker, strays, outages, launched, is_settled: false })
        })?;
        // Another starter may have come and died since. From the claim on there is none.
        claim.strays = find_strays(&claim.marker)?;
        Ok(claim)
    }

    /// Stops the daemon, if it still runs, and takes the next free port, after somebody else was faster on
    /// this one. A port that the user chose is kept.
    pub(super) fn begin_again(&mut self) -> Result<()> {
        self.stop_daemon();
        self.update(|writer, record| {
            record.set_process(None);
            if !record.port_fixed {
                let others = ports_of_others(writer, &record.id)?;
                // Commands that lost against each other walk on with different strides.
                let stride = 1 + process::id() % STRIDES;
                let from = record.port.saturating_add(u16::try_from(stride)?);
                record.port = port::first_free(from, &others).ok_or_else(no_port)?;
            }
            Ok(())
        })
    }

    /// Writes down the daemon's pid, so that from now on any command can find it.
    pub(super) fn note(&mut self, launched: Launched) -> Result<()> {
        let process = launched.process.identity().clone();
        // From here on, dropping the claim stops the daemon.
        self.launched = Some(launched);
        self.update(|_, record| {
            record.set_process(Some(&process));
            Ok(())
        })
    }

    /// The daemon serves: the claim becomes a running peer.
    pub(super) fn confirm(mut self, ready: Ready) -> Result<super::Started> {
        let outages = std::mem::take(&mut self.outages);
        self.update(|writer, record| {
            record.state = PeerState::Running;
            record.starter = None;
            record.started_at = Some(jiff::Timestamp::now().to_string());
            // Before the record: whoever sees it running may read from it. Should the record then fail, the
            // daemon goes, and with it all that an outage could be about.
            Ok(writer.end_outages(&record.id, &outages)?)
        })?;
        self.is_settled = true;
        let launched = self.launched.take().context("a daemon is confirmed before it was started")?;
        Ok(super::Started { record: self.record.clone(), process: launched.process, version: ready.version })
    }

    /// Changes what is this command's in the record as it is by now: a network that took the peer in or let
    /// it go has changed what is the network's.
    fn update(&mut self, change: impl FnOnce(&mut Writer, &mut PeerRecord) -> Result<()>) -> Result<()> {
        self.record = self.state.change(|writer| {
            let mut record = self.claimed(writer)?.ok_or_else(|| lost_claim(&self.record.id))?;
            change(writer, &mut record)?;
            writer.put_peer(&record)?;
            anyhow::Ok(record)
        })?;
        Ok(())
    }

    /// The record as it is, as long as it says that this command is at it.
    fn claimed(&self, state: &Reader) -> Result<Option<PeerRecord>, StateError> {
        Ok(state.peer(&self.record.id)?.filter(|peer| peer.starter == self.record.starter))
    }

    /// The daemon, once it was started.
    pub(super) fn daemon(&self) -> Option<&Launched> {
        self.launched.as_ref()
    }

    fn stop_daemon(&mut self) {
        let Some(launched) = self.launched.take() else { return };
        if let Err(error) = launched.process.stop(GRACE) {
            crate::output::complain(format!("peer {}: {error}", self.record.id));
        }
    }

    fn give_back(&self) -> Result<()> {
        self.state.change(|writer| {
            let Some(mut peer) = self.claimed(writer)? else { return Ok(()) };
            match &self.previous {
                Some(previous) => restore(&mut peer, previous),
                None if is_listed(writer, &peer.id) => {}
                None => return Ok(writer.remove_peer(&peer.id)?),
            }
            peer.state = PeerState::Stopped;
            peer.starter = None;
            peer.set_process(None);
            Ok(writer.put_peer(&peer)?)
        })
    }
}

/// Takes back what a wish has changed.
fn restore(peer: &mut PeerRecord, previous: &PeerRecord) {
    peer.engine = previous.engine;
    peer.memory_mb = previous.memory_mb;
    peer.weight = previous.weight;
    peer.port = previous.port;
    peer.port_fixed = previous.port_fixed;
    peer.auth_file.clone_from(&previous.auth_file);
}

/// Whether a network has the peer, and could not be used without its record. One that cannot be read may
/// have it.
fn is_listed(state: &Reader, id: &PeerId) -> bool {
    state.network_of(id).map_or(true, |network| network.is_some())
}

fn lost_claim(id: &PeerId) -> anyhow::Error {
    let sentence = format!("another command has taken over peer {id} while it started");
    Failure::new(sentence, "peercache peer list shows how it stands").into()
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.is_settled {
            return;
        }
        self.stop_daemon();
        if let Err(error) = self.give_back() {
            let (id, why) = (&self.record.id, sentence(&error));
            // Why it was not started is still to be said, and that is the error.
            crate::output::warn(format!("peer {id} still says starting until it is started again: {why}"));
        }
    }
}

/// Stops what an earlier starter of this peer left behind. Blocks.
pub(super) fn stop_all_of(processes: &[ProcessIdentity]) -> Result<()> {
    for identity in processes {
        if let Some(process) = Process::open(identity)? {
            process.stop(GRACE)?;
        }
    }
    Ok(())
}

fn find_strays(marker: &Marker) -> Result<Vec<ProcessIdentity>> {
    find_marked(marker).context("the running processes cannot be listed")
}

fn refuse_if_taken(peer: &PeerRecord) -> Result<()> {
    let id = &peer.id;
    if !peer.managed {
        let sentence = format!("peer {id} is attached: somebody else runs it at {}", peer.address());
        return Err(Failure::new(sentence, format!("peercache peer detach {id} forgets it")).into());
    }
    match condition(peer)? {
        Condition::Running => {
            let pid = peer.pid.unwrap_or_default();
            let sentence = format!("peer {id} is already running (pid {pid} on {})", peer.address());
            Err(Failure::new(sentence, format!("peercache peer restart {id} starts it anew, empty")).into())
        }
        Condition::Starting { by } => Err(being_started(id, by)),
        _ => Ok(()),
    }
}

/// Another command, that lives, is at it.
fn being_started(id: &PeerId, by: u32) -> anyhow::Error {
    let sentence = format!("peer {id} is being started by another command (pid {by})");
    Failure::new(sentence, "wait for it; peercache peer list shows when it runs").into()
}

/// Refuses a peer that another command is bringing up: what becomes of it is not known yet, and an `up` will
/// put it into its own network.
pub(crate) fn refuse_while_starting(state: &Reader, peer: &PeerRecord) -> Result<()> {
    let id = &peer.id;
    if let Condition::Starting { by } = condition(peer)? {
        return Err(being_started(id, by));
    }
    for NetworkRecord { name, starting, up_by, .. } in state.networks()? {
        if let Some(up) = up_by.filter(|_| starting.contains(id))
            && Process::open(&up)?.is_some()
        {
            let sentence = format!("peer {id} is being brought up for network {name} (pid {})", up.pid);
            return Err(Failure::new(sentence, "wait for it; peercache network show tells its peers").into());
        }
    }
    Ok(())
}

fn choose_port(state: &Reader, record: &PeerRecord, wish: &StartWish, has_strays: bool) -> Result<u16> {
    let others = ports_of_others(state, &record.id)?;
    // A stray may sit on the port that it was given; it goes before anything is started there.
    let is_free = |port: u16| !others.contains(&port) && (has_strays || port::is_free(port));
    let fixed = wish.port.map(u16::from).or(record.port_fixed.then_some(record.port));
    if let Some(port) = fixed {
        return if is_free(port) { Ok(port) } else { Err(taken_port(state, port, &record.id)) };
    }
    if record.port != 0 && is_free(record.port) {
        return Ok(record.port);
    }
    port::first_free(port::FIRST_PORT, &others).ok_or_else(no_port)
}

/// The ports that other peers have, running or not: a peer keeps its port while it is stopped.
fn ports_of_others(state: &Reader, id: &PeerId) -> Result<BTreeSet<u16>, StateError> {
    Ok(state.peers()?.iter().filter(|peer| peer.id != *id).map(|peer| peer.port).collect())
}

fn taken_port(state: &Reader, port: u16, id: &PeerId) -> anyhow::Error {
    let mut peers = state.peers().unwrap_or_default().into_iter();
    let owner = match peers.find(|peer| peer.port == port && peer.id != *id) {
        Some(peer) => format!("by peer {}", peer.id),
        None => "by another program".to_owned(),
    };
    let hint =
        format!("peercache peer start {id} without --port takes a free one (a new id), or name another");
    Failure::new(format!("port {port} is taken {owner}"), hint).into()
}

fn no_port() -> anyhow::Error {
    Failure::new(
        format!("no port from {} up is free on 127.0.0.1", port::FIRST_PORT),
        "stop something that listens, or peercache peer stop peers that you no longer need",
    )
    .into()
}

/// Whether a peer that starts now, empty, has replicas beside it that may hold what it should (P-20, P-33).
fn has_running_sibling(state: &Reader, id: &PeerId) -> Result<bool> {
    let Some(network) = state.network_of(id)?.filter(|network| network.replication.get() > 1) else {
        return Ok(false);
    };
    for sibling in network.peers.iter().filter(|sibling| *sibling != id) {
        if let Some(peer) = state.peer(sibling)?
            && condition(&peer)? == Condition::Running
        {
            return Ok(true);
        }
    }
    Ok(false)
}
