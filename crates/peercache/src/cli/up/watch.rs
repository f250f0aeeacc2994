//! While `up` runs: says when a daemon dies, comes back, or when all have gone.

use crate::cli::signals::Signals;
use crate::cli::{Context, Ended};
use crate::fleet::{Condition, Started, condition};
use crate::state::PeerRecord;
use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use peercache_agent::supervise::{Exit, Process, WatchError};
use peercache_core::spec::PeerId;
use std::time::Duration;

/// How long after a death the state is asked what it was: a `peer stop` writes it down after the death.
const SETTLE: Duration = Duration::from_millis(300);

/// One daemon's end.
struct Gone {
    id: PeerId,
    pid: u32,
    exit: Result<Exit, WatchError>,
}

/// Returns when the user ends it, or when no peer is left.
pub(super) async fn until_interrupted(
    context: &Context,
    started: Vec<Started>,
    signals: &mut Signals,
) -> Result<Ended> {
    let mut watched = FuturesUnordered::new();
    for Started { record, process, .. } in started {
        watched.push(wait_for(record.id, process));
    }
    // Peers whose daemon ended and that nobody has started again.
    let mut missing: Vec<PeerId> = Vec::new();
    loop {
        let gone = tokio::select! {
            () = signals.next() => return Ok(Ended::Done),
            gone = watched.next(), if !watched.is_empty() => gone,
            () = tokio::time::sleep(SETTLE), if !missing.is_empty() => None,
        };
        // Whoever has the lock of the state may have been stopped: Ctrl-C ends this all the same.
        let seen = tokio::select! {
            () = signals.next() => return Ok(Ended::Done),
            seen = look(context, gone, missing) => seen?,
        };
        let is_starting = seen.is_starting;
        missing = seen.missing;
        for (id, process) in seen.running {
            context.output.warn(format_args!("peer {id} runs again (pid {})", process.pid()));
            watched.push(wait_for(id, process));
        }
        if watched.is_empty() && !is_starting {
            context.output.warn("no peer is left");
            return tokio::select! {
                () = signals.next() => Ok(Ended::Done),
                ended = all_were_stopped(context, &missing) => ended,
            };
        }
    }
}

/// How peers stand whose daemon ended.
#[derive(Default)]
struct Seen {
    missing: Vec<PeerId>,
    running: Vec<(PeerId, Process)>,
    is_starting: bool,
}

/// Says what became of a daemon that is gone, and looks which of the missing have come back.
async fn look(context: &Context, gone: Option<Gone>, mut missing: Vec<PeerId>) -> Result<Seen> {
    if let Some(gone) = gone {
        tokio::time::sleep(SETTLE).await;
        say_gone(context, &gone).await?;
        missing.push(gone.id);
    }
    let mut seen = Seen::default();
    for id in missing {
        match again(context, &id).await? {
            Again::Runs(process) => seen.running.push((id, process)),
            Again::Starts => {
                seen.is_starting = true;
                seen.missing.push(id);
            }
            Again::No => seen.missing.push(id),
        }
    }
    Ok(seen)
}

async fn wait_for(id: PeerId, process: Process) -> Gone {
    let exit = process.exited().await;
    Gone { id, pid: process.pid(), exit }
}

/// A peer's record. The thread serves a proxy too, and must not wait for the lock.
async fn record(context: &Context, id: &PeerId) -> Result<Option<PeerRecord>> {
    Ok(context.state.read_when_free(|state| state.peer(id)).await?)
}

/// Whether a peer that was gone has come back.
enum Again {
    Runs(Process),
    Starts,
    No,
}

async fn again(context: &Context, id: &PeerId) -> Result<Again> {
    let Some(peer) = record(context, id).await? else { return Ok(Again::No) };
    Ok(match condition(&peer)? {
        Condition::Starting { .. } => Again::Starts,
        Condition::Running => match peer.process().map(|process| Process::open(&process)).transpose()? {
            Some(Some(process)) => Again::Runs(process),
            _ => Again::No,
        },
        _ => Again::No,
    })
}

async fn say_gone(context: &Context, gone: &Gone) -> Result<()> {
    let Gone { id, pid, exit } = gone;
    let how = match exit {
        Ok(exit) => exit.to_string(),
        Err(error) => error.to_string(),
    };
    let peer = record(context, id).await?;
    // A restart by another command is told when it runs again.
    match peer.map(|peer| condition(&peer)).transpose()? {
        Some(Condition::Dead { .. }) => {
            let restart = context.command(&format!("peer restart {id}"));
            let logs = context.command(&format!("peer logs {id}"));
            context.output.warn(format_args!(
                "peer {id} (pid {pid}) {how}; its log: {logs}; to start it again, empty: {restart}"
            ));
        }
        Some(Condition::Stopped) | None => {
            context.output.warn(format_args!("peer {id} was stopped by another command"));
        }
        Some(_) => {}
    }
    Ok(())
}

/// Peers that were stopped on purpose (`peercache down`) are no failure of ours; deaths are.
async fn all_were_stopped(context: &Context, ids: &[PeerId]) -> Result<Ended> {
    for id in ids {
        if let Some(peer) = record(context, id).await?
            && condition(&peer)? != Condition::Stopped
        {
            return Ok(Ended::NotDone);
        }
    }
    Ok(Ended::Done)
}
