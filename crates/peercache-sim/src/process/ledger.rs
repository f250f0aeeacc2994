//! This process's part in the outage ledger (P-11, P-12): the counterpart of the control crate's `keeper` and
//! `watcher`, around their real decisions. Writing and hearing take time; what is told waits for the writing.

use super::Process;
use crate::history::OperationId;
use crate::mutants::Mutant;
use crate::stage::{Event, Stage};
use peercache_control::{KeepStep, Keeping, Sighting, Standing, judge};
use peercache_core::health::{Entry, PeerCell};
use peercache_core::replication::Verdict;
use peercache_core::router;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a file takes to be on disk, at most.
const WRITING: Duration = Duration::from_millis(20);
/// How long a change takes to be heard of, at most.
const HEARING: Duration = Duration::from_millis(60);

/// This process's entry for one peer.
#[derive(Debug, Default)]
pub(super) struct Entries {
    keeping: Keeping,
    /// A file is being written or removed.
    is_busy: bool,
}

/// A verdict that is carried out and not told yet.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) operation: OperationId,
    pub(super) verdict: Verdict,
    /// When it was carried out.
    pub(super) settled: Duration,
}

impl Process {
    /// Looks after the entries, and tells what had to wait for them.
    pub(super) fn keep_ledger(&mut self, stage: &mut Stage) {
        for place in 0..self.entries.len() {
            self.keep_entry(place, stage);
        }
        let (ready, held) =
            std::mem::take(&mut self.held).into_iter().partition(|held| self.is_recorded(held));
        self.held = held;
        let ready: Vec<Held> = ready;
        ready.into_iter().for_each(|held| self.tell(held.operation, &held.verdict, held.settled, stage));
    }

    fn cell(&self, place: usize) -> &PeerCell {
        &self.topology.peers()[place].cell
    }

    fn is_recorded(&self, held: &Held) -> bool {
        let Some(set) = self.set_of(held.operation) else { return true };
        let is_wanted = |position| {
            let place = router::peer_at(&set, position).get();
            self.cell(place).state().entry() == Entry::Wanted
        };
        !held.verdict.unreadable.iter().any(is_wanted)
    }

    fn keep_entry(&mut self, place: usize, stage: &mut Stage) {
        let process = self.index;
        while !self.entries[place].is_busy {
            let at = stage.now + Duration::from_micros(50);
            match self.entries[place].keeping.next(self.cell(place).state().entry()) {
                KeepStep::Sleep => return,
                KeepStep::Confirm => self.cell(place).entry_recorded(),
                KeepStep::Restore | KeepStep::Retry => self.cell(place).want_entry_again(),
                KeepStep::Create => {
                    self.entries[place].is_busy = true;
                    let at = at + stage.dice.duration(Duration::ZERO..WRITING);
                    stage.queue.push(at, Event::EntryMoved { process, place, is_there: true });
                }
                KeepStep::Remove => {
                    self.entries[place].keeping.removing();
                    self.entries[place].is_busy = true;
                    stage.queue.push(at, Event::EntryMoved { process, place, is_there: false });
                }
            }
        }
    }

    /// The entry for a peer is on disk, or gone from it: the other processes hear of that in a while.
    pub(crate) fn entry_moved(&mut self, place: usize, is_there: bool, stage: &mut Stage) {
        self.entries[place].is_busy = false;
        let entry = (self.numbers[place], self.index);
        if is_there {
            stage.ledger.insert(entry);
            self.entries[place].keeping.created();
            self.cell(place).entry_recorded();
        } else {
            stage.ledger.remove(&entry);
        }
        for process in (0..self.processes).filter(|&process| process != self.index) {
            let at = stage.now + stage.dice.duration(Duration::ZERO..HEARING);
            stage.queue.push(at, Event::LedgerHeard { process, peer: self.numbers[place] });
        }
    }

    /// Something happened to another process's entry for a peer. One that came and went unseen counts too:
    /// whoever cleaned the peer has made it forget.
    pub(crate) fn heard(&self, peer: usize, stage: &Stage) {
        let Some(place) = self.numbers.iter().position(|&number| number == peer) else { return };
        if !stage.has(Mutant::LedgerUnheard) {
            self.cell(place).note_missed_elsewhere();
            self.look(place, stage);
        }
    }

    fn look(&self, place: usize, stage: &Stage) {
        let entries = stage.ledger.iter().filter(|(peer, _)| *peer == self.numbers[place]);
        let sighting = |(_, writer): &(usize, usize)| Sighting {
            name: writer.to_string().into(),
            standing: if *writer == self.index { Standing::Ours } else { Standing::Held },
        };
        if judge(entries.map(sighting).collect(), &BTreeSet::new()).missed_elsewhere {
            self.cell(place).note_missed_elsewhere();
        } else {
            self.cell(place).note_cleaned_elsewhere(self.topology.has_siblings());
        }
    }
}
