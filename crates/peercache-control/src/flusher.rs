//! Carries out the pending flush of a network when it is due (P-18).
//!
//! A daemon is never told of a delayed flush. It knows one time before which items do not count, so a delayed
//! one after an immediate one moves that time into the future, and until then everything that the first had
//! emptied can be read again (memcached 1.6.18): what a return cleaned would be back. So the time is kept in
//! the state directory, and when it has come every peer is flushed at once; one that cannot be reached counts
//! as having missed a write, and is emptied when it returns.
//!
//! A process reaches the peers that it has and strikes out those: the rest is for others, whose network may
//! be a newer one. What it has reached it remembers, so that an end which cannot be written down empties
//! nobody twice.

use crate::ledger::{FlushTurn, Ledger, PendingFlush};
use crate::patient::Patient;
use peercache_client::direct::{self, DirectError};
use peercache_core::health::Phase;
use peercache_core::spec::NetworkName;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How soon another process's order is found; daemons count flushes in whole seconds too.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How soon to look again whether another process has finished flushing.
const BUSY: Duration = Duration::from_millis(50);

/// How long another process may take for a flush, in requests: to reach a peer takes one, to record that it
/// cannot be reached another one. One that takes longer was stopped in the middle.
const TURN_REQUESTS: u32 = 3;

/// Flushes whenever it is due, for as long as it is polled. `patients` are a network's, and share one ledger.
pub(crate) async fn keep_time(patients: Arc<[Arc<Patient>]>) {
    let mut trouble = None;
    loop {
        let now = flush_if_due(&patients).await.err().map(|error| error.to_string());
        if let Some(now) = now.as_ref().filter(|now| trouble.as_ref() != Some(*now)) {
            tracing::warn!("a delayed flush is not carried out: {now}");
        }
        trouble = now;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Flushes the network if that is due. Returns when nothing is due any more for its peers, whoever did it.
pub(crate) async fn flush_if_due(patients: &[Arc<Patient>]) -> io::Result<()> {
    let Some((ledger, network)) =
        patients.first().and_then(|first| Some((first.ledger.as_ref()?, &first.network)))
    else {
        return Ok(());
    };
    let (topology, within) = (network.topology(), network.policy().request * TURN_REQUESTS);
    let name = topology.name();
    let begun = Instant::now();
    while due(ledger, name, patients)?.is_some() {
        let _turn = match ledger.lock_flush(name)? {
            FlushTurn::Ours(turn) => turn,
            FlushTurn::Others(pid) if begun.elapsed() > within => return Err(held_up(pid, within)),
            FlushTurn::Others(_) => {
                tokio::time::sleep(BUSY).await;
                continue;
            }
        };
        // Looked at again: whoever had the turn may have done it.
        if let Some(pending) = due(ledger, name, patients)? {
            carry_out(ledger, name, patients, &pending).await?;
        }
    }
    Ok(())
}

/// The pending flush, if it is due and concerns a peer of this process, or nobody at all.
fn due(ledger: &Ledger, name: &NetworkName, patients: &[Arc<Patient>]) -> io::Result<Option<PendingFlush>> {
    let concerns_us = |pending: &PendingFlush| {
        pending.peers.is_empty() || patients.iter().any(|patient| is_named(patient, pending))
    };
    Ok(ledger.pending_flush(name)?.filter(|pending| pending.is_due() && concerns_us(pending)))
}

fn is_named(patient: &Patient, pending: &PendingFlush) -> bool {
    pending.peers.contains(&patient.peer().spec.id)
}

fn held_up(pid: Option<u32>, within: Duration) -> io::Error {
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    let words = format!(
        "{who} has begun it and is not through after {} ms; if it was stopped, continue it or end it",
        within.as_millis()
    );
    io::Error::new(io::ErrorKind::TimedOut, words)
}

/// Flushes the peers that it names and that this process has not reached yet, and strikes out all that were.
async fn carry_out(
    ledger: &Arc<Ledger>,
    name: &NetworkName,
    patients: &[Arc<Patient>],
    pending: &PendingFlush,
) -> io::Result<()> {
    let number = pending.number;
    let named = || patients.iter().filter(|patient| is_named(patient, pending));
    let mut flushes: JoinSet<io::Result<()>> = named()
        .filter(|patient| !patient.was_flushed(number))
        .map(|patient| reach(Arc::clone(patient), number))
        .collect();
    let mut trouble = Ok(());
    while let Some(flushed) = flushes.join_next().await {
        trouble = trouble.and(flushed.unwrap_or_else(|error| Err(io::Error::other(error))));
    }
    let reached = named().filter(|patient| patient.was_flushed(number));
    let reached: BTreeSet<_> = reached.map(|patient| patient.peer().spec.id.clone()).collect();
    let (ledger, name) = (Arc::clone(ledger), name.clone());
    let struck_out =
        tokio::task::spawn_blocking(move || ledger.strike_out_flushed(&name, number, &reached)).await;
    trouble.and(struck_out.unwrap_or_else(|error| Err(io::Error::other(error))))
}

/// Flushes a peer, or records that it missed that, and remembers it.
async fn reach(patient: Arc<Patient>, number: u64) -> io::Result<()> {
    flush(&patient).await?;
    patient.note_flushed(number);
    Ok(())
}

async fn flush(patient: &Patient) -> io::Result<()> {
    let (network, peer) = (&patient.network, patient.peer());
    // One that is not up is not waited for: it could be read again before the flush reaches it.
    if matches!(peer.cell.state().phase(), Phase::Up | Phase::Warming | Phase::Suspect) {
        let Err(error) = flush_now(patient).await else { return Ok(()) };
        tracing::info!(peer = %peer.spec.id, "it cannot be flushed: {error}");
    }
    tracing::info!(peer = %peer.spec.id, "unreadable: it missed a flush that was due");
    peer.cell.clear_readable();
    network.stir();
    network.outage_recorded(peer).await.map_err(io::Error::other)
}

async fn flush_now(patient: &Patient) -> Result<(), DirectError> {
    let within = patient.network.policy().request;
    let (mut stream, _) = direct::open_greeted(&patient.network, &patient.peer().spec).await?;
    let late = |_| DirectError::Late { within_ms: within.as_millis() };
    tokio::time::timeout(within, direct::flush(&mut stream)).await.map_err(late)?
}
