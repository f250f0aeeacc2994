//! Keeps this process's entry for one peer in the outage ledger: carries out what `Keeping` decides.
//!
//! One task a peer, and the only one that writes or removes that file; so a miss that comes while the entry
//! is being removed is recorded again before its write is acknowledged.

use crate::ledger::keeping::KeepStep;
use crate::patient::Patient;
use std::fs::File;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait before an entry that could not be written is tried again, unless a write wants it sooner.
const RETRY: Duration = Duration::from_secs(1);

/// Keeps the entry for as long as it is polled.
pub(crate) async fn keep(patient: Arc<Patient>) {
    let cell = &patient.peer().cell;
    loop {
        let mut stirred = pin!(patient.network.stirred());
        stirred.as_mut().enable();
        match patient.next_keep() {
            KeepStep::Sleep => stirred.await,
            KeepStep::Confirm => patient.network.entry_written(patient.peer(), Ok(())),
            KeepStep::Create => {
                let written = create(&patient).await.map(|entry| patient.keep(entry));
                // Clients are told too, each with its write: no need to cry it out.
                if let Err(error) = &written {
                    tracing::info!(peer = %patient.peer().spec.id, "its outage cannot be recorded: {error}");
                }
                patient.network.entry_written(patient.peer(), written.map_err(|error| error.to_string()));
            }
            KeepStep::Remove => remove(&patient).await,
            KeepStep::Restore => cell.want_entry_again(),
            KeepStep::Retry => {
                tokio::select! {
                    () = stirred => {}
                    () = tokio::time::sleep(RETRY) => cell.want_entry_again(),
                }
            }
        }
    }
}

async fn create(patient: &Arc<Patient>) -> io::Result<File> {
    let patient = Arc::clone(patient);
    blocking(move || match &patient.ledger {
        Some(ledger) => ledger.create(&patient.peer().spec.id),
        None => Err(io::Error::other("no ledger is kept")),
    })
    .await
}

async fn remove(patient: &Arc<Patient>) {
    let entry = patient.give_up();
    let removed = {
        let patient = Arc::clone(patient);
        blocking(move || {
            let removed = patient.ledger.as_ref().map(|ledger| ledger.remove(&patient.peer().spec.id));
            // Only now may it be taken for the entry of somebody who is gone.
            drop(entry);
            removed.unwrap_or(Ok(()))
        })
        .await
    };
    if let Err(error) = removed {
        tracing::warn!(peer = %patient.peer().spec.id, "its outage is over and stays recorded: {error}");
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
