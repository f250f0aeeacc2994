//! Stops peers: TERM, then KILL after a grace period, and only then is it written down.

use super::claim::stop_all_of;
use super::look::{Condition, condition};
use super::unknown_peer;
use crate::output::Failure;
use crate::state::{PeerRecord, PeerState, State};
use anyhow::{Context, Result};
use futures_util::future::join_all;
use peercache_agent::supervise::{Marker, ProcessIdentity, find_marked};
use peercache_core::spec::PeerId;

/// How a stop went. The daemon is gone in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It ran, and does no more.
    Stopped {
        /// The pid it had.
        pid: u32,
    },
    /// It did not run.
    WasStopped,
}

/// Stops peers at once; the answers stand in the order of `ids`.
pub(crate) async fn stop_all(state: &State, ids: &[PeerId]) -> Vec<(PeerId, Result<Stop>)> {
    join_all(ids.iter().map(async |id| (id.clone(), stop(state, id).await))).await
}

/// Stops one peer of ours and waits until its process is gone. A process that is not the recorded one is
/// never signalled, whatever its pid.
pub(crate) async fn stop(state: &State, id: &PeerId) -> Result<Stop> {
    let (peer, processes) = state.read(|reader| {
        let peer = reader.peer(id)?.ok_or_else(|| unknown_peer(id))?;
        let condition = refuse_unless_ours(&peer)?;
        // Under the lock nobody can claim the peer, so every marked process is of the past.
        let mut processes = find_marked(&Marker::new(&state.canonical()?, id)?)
            .context("the running processes cannot be listed")?;
        let recorded = peer.process().filter(|_| condition == Condition::Running);
        processes.extend(recorded.filter(|process| !processes.contains(process)));
        anyhow::Ok((peer, processes))
    })?;
    let stopped = processes.last().map(|process: &ProcessIdentity| process.pid);
    tokio::task::spawn_blocking(move || stop_all_of(&processes)).await??;
    write_down(state, &peer)
        .with_context(|| format!("peer {id} does not run any more, which could not be written down"))?;
    Ok(stopped.map_or(Stop::WasStopped, |pid| Stop::Stopped { pid }))
}

fn refuse_unless_ours(peer: &PeerRecord) -> Result<Condition> {
    let id = &peer.id;
    if !peer.managed {
        let sentence = format!("peer {id} is attached: somebody else runs it, so it is not ours to stop");
        return Err(Failure::new(sentence, format!("peercache peer detach {id} forgets it")).into());
    }
    match condition(peer)? {
        Condition::Starting { by } => {
            let sentence = format!("peer {id} is being started by another command (pid {by})");
            Err(Failure::new(sentence, "stop it when it runs, or end that command").into())
        }
        condition => Ok(condition),
    }
}

/// Unless somebody has started it anew in the meantime.
fn write_down(state: &State, stopped: &PeerRecord) -> Result<()> {
    state.change(|writer| {
        let Some(mut peer) = writer.peer(&stopped.id)? else { return Ok(()) };
        let is_same = peer.process() == stopped.process() && peer.starter == stopped.starter;
        if is_same && peer.state != PeerState::Stopped {
            peer.state = PeerState::Stopped;
            peer.starter = None;
            peer.set_process(None);
            writer.put_peer(&peer)?;
        }
        Ok(())
    })
}
