//! One peer under a healer's care: what its tasks share about it, and about its part of the outage ledger.

use crate::ledger::keeping::{KeepStep, Keeping};
use crate::ledger::sighting::{Judged, judge};
use crate::ledger::{Ledger, ReturnLock};
use peercache_client::Network;
use peercache_core::health::Phase;
use peercache_core::topology::TopologyPeer;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// One peer of one network.
#[derive(Debug)]
pub(crate) struct Patient {
    pub(crate) network: Arc<Network>,
    peer: TopologyPeer,
    pub(crate) ledger: Option<Arc<Ledger>>,
    chart: Mutex<Chart>,
    /// Rings when an attempt to help it goes on or ends.
    pub(crate) moved: Notify,
}

/// What was found out about it.
#[derive(Debug, Default)]
struct Chart {
    keeping: Keeping,
    /// This process's entry; it is held as long as this is.
    entry: Option<File>,
    abandoned: Vec<OsString>,
    /// Abandoned entries that were cleaned for and could not be removed.
    cleaned: BTreeSet<OsString>,
    attempt: Attempt,
    /// The number of the last delayed flush that reached it.
    flushed: Option<u64>,
    /// Why the ledger could not be read the last time.
    blind: Option<String>,
}

/// How far this process is with a peer that somebody who is gone left unclean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Attempt {
    /// It is not being cleaned: it has not answered yet, or needs nothing.
    #[default]
    NotBegun,
    /// It answers and is being cleaned.
    Cleaning,
    /// It did not answer.
    Failed,
}

impl Patient {
    pub(crate) fn new(
        network: &Arc<Network>,
        peer: &TopologyPeer,
        ledger: Option<&Arc<Ledger>>,
    ) -> Arc<Self> {
        let (network, peer, ledger) = (Arc::clone(network), peer.clone(), ledger.cloned());
        let (chart, moved) = (Mutex::default(), Notify::new());
        Arc::new(Self { network, peer, ledger, chart, moved })
    }

    pub(crate) fn peer(&self) -> &TopologyPeer {
        &self.peer
    }

    /// Whether this is the peer that it cares for, and not another one of that id.
    pub(crate) fn is(&self, peer: &TopologyPeer) -> bool {
        Arc::ptr_eq(&self.peer.cell, &peer.cell)
    }

    fn chart(&self) -> MutexGuard<'_, Chart> {
        // No code that holds the lock can leave the chart half changed.
        self.chart.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do about this process's entry.
    pub(crate) fn next_keep(&self) -> KeepStep {
        self.chart().keeping.next(self.peer().cell.state().entry())
    }

    /// The entry is on disk.
    pub(crate) fn keep(&self, entry: File) {
        let mut chart = self.chart();
        chart.keeping.created();
        chart.entry = Some(entry);
    }

    /// The entry is about to be removed. Dropping what this returns gives it up.
    pub(crate) fn give_up(&self) -> Option<File> {
        let mut chart = self.chart();
        chart.keeping.removing();
        chart.entry.take()
    }

    /// Looks into the ledger and tells the cell what it says. Blocks for a moment.
    ///
    /// # Errors
    /// It cannot be read. Somebody may have written there what the peer misses, so it is not read before the
    /// ledger is.
    pub(crate) fn look(&self) -> io::Result<()> {
        self.try_look().inspect_err(|error| {
            self.note_blind(error);
        })
    }

    /// The ledger cannot be read; tells whether that is news.
    pub(crate) fn note_blind(&self, error: &io::Error) -> bool {
        let (peer, words) = (self.peer(), error.to_string());
        let mut chart = self.chart();
        let is_news = chart.blind.as_ref() != Some(&words);
        if is_news {
            let id = &peer.spec.id;
            tracing::warn!(peer = %id, "unreadable: the outage ledger cannot be read: {words}");
            chart.blind = Some(words);
        }
        if peer.cell.note_missed_elsewhere() {
            self.network.stir();
        }
        is_news
    }

    /// As [`Self::look`]; where the ledger cannot be read, nothing is told to anybody. Looks come one after
    /// the other until the cell is told: what was seen earlier must not be told later.
    pub(crate) fn try_look(&self) -> io::Result<()> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let peer = self.peer();
        let has_siblings = self.network.topology().has_siblings();
        let mut chart = self.chart();
        let sightings = ledger.sight(&peer.spec.id)?;
        let is_asked = has_siblings && !peer.cell.state().has_forgotten();
        // Marked before its entries are removed, so looked at after them.
        let was_emptied = is_asked && ledger.was_emptied(&peer.spec.id)?;
        if chart.blind.take().is_some() {
            tracing::info!(peer = %peer.spec.id, "the outage ledger can be read again");
        }
        let judged = judge(sightings, &chart.cleaned);
        if chart.keeping.looked(judged.has_own) {
            tracing::warn!(peer = %peer.spec.id, "somebody removed its entry from the outage ledger");
            chart.entry = None;
            peer.cell.want_entry_again();
            self.network.stir();
        }
        let Judged { missed_elsewhere, abandoned, .. } = judged;
        let is_news = chart.abandoned != abandoned;
        chart.abandoned = abandoned;
        if was_emptied {
            peer.cell.note_forgotten();
        }
        if missed_elsewhere {
            self.note_missed_elsewhere();
        } else if peer.cell.note_cleaned_elsewhere(has_siblings) {
            tracing::info!(peer = %peer.spec.id, "cleaned by another process: {:?}", peer.cell.state());
            self.network.stir();
        }
        drop(chart);
        if is_news {
            self.network.stir();
            self.moved.notify_waiters();
        }
        Ok(())
    }

    /// Somebody else recorded that the peer misses writes.
    pub(crate) fn note_missed_elsewhere(&self) {
        let peer = self.peer();
        if peer.cell.note_missed_elsewhere() {
            tracing::info!(peer = %peer.spec.id, "unreadable: it may miss a write of another process");
            self.network.stir();
        }
    }

    /// The entries to clean for.
    pub(crate) fn abandoned(&self) -> Vec<OsString> {
        self.chart().abandoned.clone()
    }

    /// The peer was cleaned, for these entries among others. Must come before it may be read again.
    pub(crate) fn cleaned(&self, names: Vec<OsString>) {
        let Some(ledger) = &self.ledger else { return };
        let peer = self.peer();
        let marked = ledger.mark_emptied(&peer.spec.id);
        if let Err(error) = marked.and_then(|()| ledger.remove_abandoned(&peer.spec.id, &names)) {
            tracing::warn!(peer = %peer.spec.id, "cleaned, which cannot be written down: {error}");
            self.chart().cleaned.extend(names);
        }
    }

    /// Whether the peer answers, is kept from being read until this process helps, and every link has what it
    /// is owed (P-31).
    pub(crate) fn needs_return(&self) -> bool {
        let peer = self.peer();
        let state = peer.cell.state();
        let is_kept = state.phase() == Phase::Returning || self.needs_cleaning();
        state.phase() != Phase::Down && is_kept && peer.cell.debts() == 0
    }

    /// Whether writes may be missing on the peer that nobody but this process will clean for.
    pub(crate) fn needs_cleaning(&self) -> bool {
        self.peer().cell.state().has_missed() || !self.chart().abandoned.is_empty()
    }

    /// The right to clean the peer; none while another process has it. A ledger that cannot be locked (its
    /// disk is read-only) keeps nobody from cleaning: two at once are a waste, and no error.
    pub(crate) fn lock_return(&self) -> Option<ReturnLock> {
        let Some(ledger) = self.ledger.as_ref() else { return Some(ReturnLock::default()) };
        ledger.lock_return(&self.peer().spec.id).unwrap_or_else(|error| {
            tracing::debug!(peer = %self.peer().spec.id, "its return is not locked: {error}");
            Some(ReturnLock::default())
        })
    }

    /// Whether the delayed flush of this number has reached it.
    pub(crate) fn was_flushed(&self, number: u64) -> bool {
        self.chart().flushed == Some(number)
    }

    pub(crate) fn note_flushed(&self, number: u64) {
        self.chart().flushed = Some(number);
    }

    pub(crate) fn attempt(&self) -> Attempt {
        self.chart().attempt
    }

    pub(crate) fn note_attempt(&self, attempt: Attempt) {
        self.chart().attempt = attempt;
        self.moved.notify_waiters();
    }
}
