//! Carries out returns: one task a peer, asleep until the peer answers and may not be read. A peer that is
//! down is looked at from time to time, since whoever found it down may be gone.
//!
//! With an outage ledger, three more things are done: this process's misses are recorded (`keeper`), those of
//! other processes are heeded (`watcher`), and cleaned for where their writers are gone, and delayed flushes
//! are carried out (`flusher`).

use crate::flusher;
use crate::keeper;
use crate::ledger::{Ledger, ReturnLock};
use crate::patient::{Attempt, Patient};
use crate::returning::{Return, ReturnFacts, ReturnStep};
use crate::watcher;
use peercache_client::direct::{self, DirectError};
use peercache_client::{Network, Unrecorded};
use peercache_core::health::{Event, Identified, Phase};
use peercache_core::link::Backoff;
use peercache_core::spec::PeerId;
use peercache_core::topology::{Topology, TopologyPeer};
use std::collections::BTreeSet;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How soon to look again whether another process has finished cleaning.
const BUSY: Duration = Duration::from_millis(100);

/// Brings a network's peers back for as long as it lives. One a process is enough, whatever the number of
/// clients that share the network.
///
/// Where the network changes while it lives, [`Self::admit`] comes before the new topology is used, and
/// [`Self::dismiss`] after it took the place of the old one.
#[derive(Debug)]
pub struct Healer {
    network: Arc<Network>,
    ledger: Option<Arc<Ledger>>,
    patients: Arc<[Arc<Patient>]>,
    /// What is done for each patient, in the same order. Aborted when dropped.
    care: Vec<JoinSet<()>>,
    /// What is done for all of them together.
    rounds: JoinSet<()>,
}

impl Healer {
    /// Begins to watch, for a process that keeps no ledger: other processes do not learn what it missed, nor
    /// it what they did. Must be called inside a tokio runtime.
    #[must_use]
    pub fn spawn(network: &Arc<Network>) -> Self {
        let mut healer = Self::idle(network, None);
        let topology = network.topology();
        healer.begin(patients(network, topology.peers(), None));
        healer
    }

    /// Begins to watch, and to share with the other processes of this host through `ledger` who missed what
    /// (P-11, P-12). When this returns, what is recorded there is known: no request may be planned before.
    /// Must be called inside a tokio runtime; blocks for a moment. A ledger value writes one file for each
    /// peer, so two healers that share peers need one each.
    ///
    /// # Errors
    /// The ledger is there and cannot be read; nothing was begun.
    pub fn spawn_with_ledger(network: &Arc<Network>, ledger: &Arc<Ledger>) -> io::Result<Self> {
        let mut healer = Self::idle(network, Some(Arc::clone(ledger)));
        let patients = patients(network, network.topology().peers(), Some(ledger));
        look_first(&patients)?;
        healer.begin(patients);
        Ok(healer)
    }

    fn idle(network: &Arc<Network>, ledger: Option<Arc<Ledger>>) -> Self {
        let (network, patients) = (Arc::clone(network), Vec::new().into());
        Self { network, ledger, patients, care: Vec::new(), rounds: JoinSet::new() }
    }

    /// Cares for the peers of `next` that it has not cared for yet, beside all others: from when this
    /// returns, requests may be planned over `next`. Must be called inside a tokio runtime; blocks for a
    /// moment.
    ///
    /// # Errors
    /// The ledger is there and cannot be read; nothing was changed.
    pub fn admit(&mut self, next: &Topology) -> io::Result<()> {
        // Whoever left and comes again may have an entry from the first time. Under another name it is the
        // entry of somebody who is gone, and is cleaned for.
        let ledger = self.ledger.as_ref().map(|ledger| Arc::new(Ledger::at(ledger.state_dir())));
        let new = next.peers().iter().filter(|peer| !self.patients.iter().any(|known| known.is(peer)));
        let new = patients(&self.network, new, ledger.as_ref());
        look_first(&new)?;
        self.begin(new);
        Ok(())
    }

    /// Cares no more for peers that the network's topology has not. What they missed stays recorded, for
    /// whoever has to do with them next.
    pub fn dismiss(&mut self) {
        let topology = self.network.topology();
        let (mut staying, mut care) = (Vec::new(), Vec::new());
        for (patient, tasks) in self.patients.iter().zip(self.care.drain(..)) {
            if topology.peers().iter().any(|peer| patient.is(peer)) {
                staying.push(Arc::clone(patient));
                care.push(tasks);
            } else {
                drop(tasks);
                drop(patient.give_up());
            }
        }
        (self.patients, self.care) = (staying.into(), care);
        self.begin(Vec::new());
    }

    /// Cares for `new` patients too.
    fn begin(&mut self, new: Vec<Arc<Patient>>) {
        let keeps_ledger = self.ledger.is_some();
        for patient in &new {
            let mut tasks = JoinSet::new();
            tasks.spawn(tend(Arc::clone(patient)));
            if keeps_ledger {
                tasks.spawn(keeper::keep(Arc::clone(patient)));
            }
            self.care.push(tasks);
        }
        self.patients = self.patients.iter().cloned().chain(new).collect();
        if keeps_ledger {
            self.rounds = JoinSet::new();
            self.rounds.spawn(watcher::watch(Arc::clone(&self.patients)));
            self.rounds.spawn(flusher::keep_time(Arc::clone(&self.patients)));
        }
    }

    /// Waits until a flush of the network that was ordered for a time that has passed is carried out (P-18).
    /// For those who must not read, or write, before that: it is done within a second anyway.
    ///
    /// # Errors
    /// It cannot be carried out and stays pending.
    pub async fn finish_due_flush(&self) -> io::Result<()> {
        flusher::flush_if_due(&self.patients).await
    }

    /// Waits until every outage that this process saw is on disk, or cannot be. For whoever is about to end:
    /// a write that failed was not held for that, and others have to know of it all the same.
    ///
    /// # Errors
    /// [`Unrecorded`]: the first that other processes do not learn of.
    pub async fn finish_entries(&self) -> Result<(), Unrecorded> {
        for patient in self.patients.iter() {
            patient.network.outage_recorded(patient.peer()).await?;
        }
        Ok(())
    }

    /// Waits until each peer that some process which is gone left unclean was cleaned, or does not answer.
    /// `begun` is told of each that is being cleaned, which takes about two seconds. For commands that live
    /// for a moment: whoever stays has it done anyway. The caller bounds the time: a peer that misses more
    /// while it is cleaned is cleaned again.
    pub async fn finish_takeovers(&self, mut begun: impl FnMut(&PeerId)) {
        let mut told = BTreeSet::new();
        for patient in self.patients.iter() {
            loop {
                let mut moved = pin!(patient.moved.notified());
                moved.as_mut().enable();
                let attempt = patient.attempt();
                // Its entries go before it may be read again.
                let is_over = patient.abandoned().is_empty() && attempt != Attempt::Cleaning;
                if is_over || attempt == Attempt::Failed {
                    break;
                }
                let id = &patient.peer().spec.id;
                if attempt == Attempt::Cleaning && told.insert(id.clone()) {
                    begun(id);
                }
                moved.await;
            }
        }
    }
}

impl Drop for Healer {
    fn drop(&mut self) {
        self.care.clear();
        self.rounds.abort_all();
        // Nobody keeps the entries any more: they are given up for others to clean for, and who still writes
        // must not believe that they are there.
        for patient in self.patients.iter() {
            patient.peer().cell.want_entry_again();
            drop(patient.give_up());
        }
    }
}

fn patients<'a>(
    network: &Arc<Network>,
    peers: impl IntoIterator<Item = &'a TopologyPeer>,
    ledger: Option<&Arc<Ledger>>,
) -> Vec<Arc<Patient>> {
    peers.into_iter().map(|peer| Patient::new(network, peer, ledger)).collect()
}

/// Knows what the ledger says before anything is asked of the peers.
fn look_first(patients: &[Arc<Patient>]) -> io::Result<()> {
    let kept = || patients.iter().filter(|patient| patient.ledger.is_some());
    kept().try_for_each(|patient| patient.try_look())?;
    kept().for_each(|patient| patient.peer().cell.keep_ledger());
    Ok(())
}

/// Heals one peer whenever it needs it.
async fn tend(patient: Arc<Patient>) {
    let (network, peer) = (&patient.network, patient.peer());
    // Writes of lost links count until a return that knew of them has succeeded.
    let mut lost_writes = false;
    let mut backoff = Backoff::default();
    loop {
        let mut stirred = pin!(network.stirred());
        stirred.as_mut().enable();
        let progress = if peer.cell.state().phase() == Phase::Down {
            probe(&patient).await
        } else if patient.needs_return() {
            bring_back(&patient, &mut lost_writes).await
        } else {
            patient.note_attempt(Attempt::NotBegun);
            backoff.reset();
            stirred.await;
            continue;
        };
        match progress {
            Ok(Progress::Returned(phase)) => {
                lost_writes = false;
                backoff.reset();
                tracing::info!(peer = %peer.spec.id, "returned: {phase}");
                network.stir();
            }
            // However long it was away: it is here now, and its keys have a copy less until it is back.
            Ok(Progress::Answers) => backoff.reset(),
            Ok(Progress::Busy) => tokio::time::sleep(BUSY).await,
            Ok(Progress::Disturbed) => rest(&patient, &mut backoff).await,
            Err(error) => {
                tracing::debug!(peer = %peer.spec.id, address = %peer.spec.address, "not back: {error}");
                patient.note_attempt(Attempt::Failed);
                rest(&patient, &mut backoff).await;
            }
        }
    }
}

/// Waits before the next attempt, unless a link finds that the peer stands otherwise.
async fn rest(patient: &Patient, backoff: &mut Backoff) {
    let phase = || patient.peer().cell.state().phase();
    let before = phase();
    let mut over = pin!(tokio::time::sleep(backoff.wait(rand::random())));
    loop {
        let mut stirred = pin!(patient.network.stirred());
        stirred.as_mut().enable();
        if phase() != before {
            return backoff.reset();
        }
        tokio::select! {
            () = &mut over => return,
            () = stirred => {}
        }
    }
}

/// How an attempt to help a peer went.
enum Progress {
    /// It was down and answers, or another incarnation does than before.
    Answers,
    /// It may be read again, in this phase.
    Returned(Phase),
    /// Another process is cleaning it.
    Busy,
    /// Something happened meanwhile that makes the return start over.
    Disturbed,
}

/// Looks whether a peer that is down answers again. Links look too, but whoever found it down may be gone.
async fn probe(patient: &Patient) -> Result<Progress, DirectError> {
    let (network, peer) = (&patient.network, patient.peer());
    direct::open_greeted(network, &peer.spec).await?;
    network.observe(peer, Event::Answered);
    Ok(Progress::Answers)
}

/// One return.
async fn bring_back(patient: &Patient, lost_writes: &mut bool) -> Result<Progress, DirectError> {
    let (network, peer) = (&patient.network, patient.peer());
    // One process at a time cleans, and whoever waited for its turn looks what is left to do.
    let lock = if patient.needs_cleaning() { patient.lock_return() } else { Some(ReturnLock::default()) };
    let Some(_lock) = lock else { return Ok(Progress::Busy) };
    patient.look()?;
    let abandoned = patient.abandoned();
    let ticket = peer.cell.begin_return();
    *lost_writes |= peer.cell.take_lost_writes();
    let (mut stream, greeting) = direct::open_greeted(network, &peer.spec).await?;
    if peer.cell.identify(greeting.incarnation) == Identified::New {
        *lost_writes = false;
        return Ok(Progress::Answers);
    }
    let facts = ReturnFacts {
        unreadable: peer.cell.state().has_missed() || !abandoned.is_empty(),
        // A writer that is gone may have left writes in the peer's queues.
        lost_writes: *lost_writes || !abandoned.is_empty(),
        items: greeting.items,
        has_siblings: network.topology().has_siblings(),
    };
    patient.note_attempt(Attempt::Cleaning);
    let phase = clean(patient, &mut stream, facts).await?;
    if facts.unreadable || facts.lost_writes {
        patient.cleaned(abandoned);
    }
    // Whoever declared a debt meanwhile makes the peer unreadable next, which undoes this.
    let returned = peer.cell.finish_return(ticket, phase);
    patient.look()?;
    Ok(returned.map_or(Progress::Disturbed, Progress::Returned))
}

/// Does what the return wants; tells the phase that the peer may be read in.
async fn clean(patient: &Patient, stream: &mut TcpStream, facts: ReturnFacts) -> Result<Phase, DirectError> {
    let within = patient.network.policy().request;
    let (mut returning, mut step) = Return::begin(facts);
    loop {
        step = match step {
            ReturnStep::Flush => {
                let late = |_| DirectError::Late { within_ms: within.as_millis() };
                tokio::time::timeout(within, direct::flush(stream)).await.map_err(late)??;
                returning.flushed()
            }
            ReturnStep::Wait(pause) => {
                tokio::time::sleep(pause).await;
                returning.waited()
            }
            ReturnStep::Finish(phase) => return Ok(phase),
        };
    }
}
