//! Carries out the pending flush of a network when it is due (P-18).
//!
//! A daemon is never told of a delayed flush. It knows one time before which items do not count, so a delayed
//! one after an immediate one moves that time into the future, and until then everything that the first had
//! emptied can be read again (memcached 1.6.18): what a return cleaned would be back. So the time is kept in
//! the state directory, and when it has come every peer is flushed at once; one that cannot be reached counts
//! as having missed a write, and is emptied when it returns.

use crate::patient::Patient;
use peercache_client::direct::{self, DirectError};
use peercache_core::health::Phase;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::JoinSet;

/// How soon another process's order is found; daemons count flushes in whole seconds too.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How soon to look again whether another process has finished flushing.
const BUSY: Duration = Duration::from_millis(50);

/// Flushes whenever it is due, for as long as it is polled. `patients` are a network's, and share one ledger.
pub(crate) async fn keep_time(patients: Arc<[Arc<Patient>]>) {
    loop {
        if let Err(error) = flush_if_due(&patients).await {
            tracing::warn!("a delayed flush is not carried out: {error}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Flushes the network if that is due. Returns when nothing is due any more, whoever did it.
pub(crate) async fn flush_if_due(patients: &[Arc<Patient>]) -> io::Result<()> {
    let Some((ledger, network)) =
        patients.first().and_then(|first| Some((first.ledger.as_ref()?, &first.network)))
    else {
        return Ok(());
    };
    let topology = network.topology();
    let name = topology.name();
    while is_due(ledger.pending_flush(name)?) {
        let Some(_lock) = ledger.lock_flush(name)? else {
            tokio::time::sleep(BUSY).await;
            continue;
        };
        // Looked at again: whoever had the lock may have done it.
        if is_due(ledger.pending_flush(name)?) {
            flush_all(patients).await?;
            ledger.clear_pending_flush(name)?;
        }
    }
    Ok(())
}

fn is_due(at_unix_s: Option<u64>) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    at_unix_s.is_some_and(|at| at <= now)
}

/// Flushes every peer, or records that it missed that.
async fn flush_all(patients: &[Arc<Patient>]) -> io::Result<()> {
    let mut flushes: JoinSet<io::Result<()>> =
        patients.iter().map(|patient| flush(Arc::clone(patient))).collect();
    while let Some(flushed) = flushes.join_next().await {
        flushed.map_err(io::Error::other)??;
    }
    Ok(())
}

async fn flush(patient: Arc<Patient>) -> io::Result<()> {
    let (network, peer) = (&patient.network, patient.peer());
    // One that is not up is not waited for: it could be read again before the flush reaches it.
    if matches!(peer.cell.state().phase(), Phase::Up | Phase::Warming | Phase::Suspect) {
        let Err(error) = flush_now(&patient).await else { return Ok(()) };
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
