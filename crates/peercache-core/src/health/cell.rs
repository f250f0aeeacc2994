//! What one process knows of one peer: its phase, whether it may be read, and what must happen before it may.
//!
//! Phase, `readable`, what the outage ledger says and the number of times `readable` was cleared share one
//! atomic word, so a plan sees one consistent state with one load, and a return that raced with a missed
//! write notices it.

use super::state::PeerState;
use super::{Entry, Event, Identified, Incarnation, Phase};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A change of phase, to be logged and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The phase before.
    pub from: Phase,
    /// The phase now.
    pub to: Phase,
}

/// What all workers of a process share about one peer.
#[derive(Debug)]
pub struct PeerCell {
    state: AtomicU64,
    /// The [`Incarnation`] last met; zero is none yet.
    incarnation: AtomicU64,
    /// Links that wait for answers to writes whose attempts are over (P-31).
    debts: AtomicU32,
    /// The incarnation that may still execute writes of a link that was lost; zero is none.
    lost_writes: AtomicU64,
}

impl Default for PeerCell {
    fn default() -> Self {
        Self::starting(Phase::Up)
    }
}

impl PeerCell {
    /// A cell of a peer about which only its phase is known.
    #[must_use]
    pub fn starting(phase: Phase) -> Self {
        Self {
            state: AtomicU64::new(PeerState::starting(phase).to_word()),
            incarnation: AtomicU64::new(0),
            debts: AtomicU32::new(0),
            lost_writes: AtomicU64::new(0),
        }
    }

    /// The state now.
    #[must_use]
    #[inline]
    pub fn state(&self) -> PeerState {
        PeerState::from_word(self.state.load(Ordering::Acquire))
    }

    /// Takes note of what a link saw; tells whether that changed the phase.
    pub fn observe(&self, event: Event) -> Option<Transition> {
        // Nearly every event is an answer of a peer that is up: it must not write to the shared word.
        let seen = self.state();
        if seen.phase().after(event) == seen.phase() {
            return None;
        }
        // Nobody has met it yet: whoever comes later has forgotten whatever there was.
        let is_unmet = self.incarnation().is_none();
        let (from, to) = self.update(|state| match state.phase().after(event) {
            Phase::Down if is_unmet => state.forgetting().with_phase(Phase::Down),
            phase => state.with_phase(phase),
        });
        let (from, to) = (from.phase(), to.phase());
        (from != to).then_some(Transition { from, to })
    }

    /// Declares that an acknowledged write is, or may be, missing on this peer. Must come before the
    /// acknowledgement (P-10). Returns whether the peer was readable until now.
    ///
    /// Where this process keeps a ledger, the outage is to be recorded too: see [`Self::keep_ledger`].
    pub fn clear_readable(&self) -> bool {
        self.update(PeerState::missing_a_write).0.is_readable()
    }

    /// From now on every outage is recorded on disk for other processes (P-11): a cleared `readable` makes
    /// the entry [`Entry::Wanted`], and whoever keeps the ledger answers with [`Self::entry_recorded`] or
    /// [`Self::entry_failed`].
    pub fn keep_ledger(&self) {
        self.update(PeerState::with_ledger);
    }

    /// The entry that was wanted is on disk.
    pub fn entry_recorded(&self) {
        self.move_entry(Entry::Wanted, Entry::Recorded);
    }

    /// The entry that was wanted could not be written. The next missed write wants it again.
    pub fn entry_failed(&self) {
        self.move_entry(Entry::Wanted, Entry::Failed);
    }

    /// The entry is not on disk, or not any more: it is wanted again.
    pub fn want_entry_again(&self) {
        self.move_entry(Entry::Recorded, Entry::Wanted);
        self.move_entry(Entry::Failed, Entry::Wanted);
    }

    /// The ledger says that the peer misses writes of another process (P-11). Returns whether the peer was
    /// readable until now.
    pub fn note_missed_elsewhere(&self) -> bool {
        self.update(|state| state.with_missed_elsewhere(true)).0.is_readable()
    }

    /// Those who had missed writes have cleaned the peer; where its misses can be asked of others (`forgot`)
    /// it counts as having forgotten. Returns whether anything changed.
    pub fn note_cleaned_elsewhere(&self, forgot: bool) -> bool {
        let (before, after) = self.update(|state| match (state.has_missed_elsewhere(), forgot) {
            (false, _) => state,
            (true, false) => state.with_missed_elsewhere(false),
            (true, true) => {
                let cleaned = state.with_missed_elsewhere(false).forgetting();
                cleaned.with_phase(cleaned.phase())
            }
        });
        before != after
    }

    /// Somebody who knows says that the peer was emptied, and has siblings that may have what it forgot.
    pub fn note_forgotten(&self) {
        self.update(|state| state.forgetting().with_phase(state.phase()));
    }

    /// Begins the return of a peer that answers: from now on it takes writes. Returns the ticket that
    /// [`Self::finish_return`] wants; take it *before* cleaning the peer.
    pub fn begin_return(&self) -> u32 {
        self.update(|state| if state.is_live() { state.with_phase(Phase::Returning) } else { state });
        self.state().clears()
    }

    /// Ends a return: the peer was cleaned after `ticket` was taken, misses nothing of this process any more,
    /// and needs no entry. Tells the phase it has now: `Warming` instead of `Up` where it has forgotten. None
    /// when it missed another write in the meantime, or does not answer any more; then the return starts
    /// over.
    pub fn finish_return(&self, ticket: u32, phase: Phase) -> Option<Phase> {
        let may_end = |state: PeerState| state.clears() == ticket && state.phase() == Phase::Returning;
        let (before, after) =
            self.update(|state| if may_end(state) { state.cleaned().with_phase(phase) } else { state });
        may_end(before).then(|| after.phase())
    }

    /// Compares who answers with who answered before (P-33). Another incarnation is unreadable from this
    /// moment.
    pub fn identify(&self, met: Incarnation) -> Identified {
        loop {
            let known = self.incarnation.load(Ordering::Acquire);
            let outcome = Incarnation::from_word(known).map_or(Identified::First, |known| known.compare(met));
            match outcome {
                Identified::Same => return outcome,
                Identified::New => {
                    // Before anybody can meet the new one as known, it must be unreadable. Every process
                    // meets it by itself, so this needs no entry in the ledger.
                    self.update(PeerState::unread);
                }
                Identified::First => {}
            }
            let swap =
                self.incarnation.compare_exchange(known, met.to_word(), Ordering::AcqRel, Ordering::Acquire);
            if swap.is_ok() {
                return outcome;
            }
        }
    }

    /// The incarnation last met.
    #[must_use]
    pub fn incarnation(&self) -> Option<Incarnation> {
        Incarnation::from_word(self.incarnation.load(Ordering::Acquire))
    }

    /// A link begins to owe answers to writes that nobody waits for any more.
    pub fn add_debt(&self) {
        self.debts.fetch_add(1, Ordering::AcqRel);
    }

    /// Such a link has drained, or is gone.
    pub fn settle_debt(&self) {
        self.debts.fetch_sub(1, Ordering::AcqRel);
    }

    /// How many links still owe such answers.
    #[must_use]
    pub fn debts(&self) -> u32 {
        self.debts.load(Ordering::Acquire)
    }

    /// A link to `of` was lost with writes unanswered: that process may still execute them, so the peer is
    /// unreadable too.
    pub fn note_lost_writes(&self, of: Incarnation) {
        self.lost_writes.store(of.to_word(), Ordering::Release);
        self.clear_readable();
    }

    /// Whether writes on lost links may still be executed by the incarnation last met; asking forgets it.
    /// Writes queued for an earlier one died with it.
    pub fn take_lost_writes(&self) -> bool {
        let of = Incarnation::from_word(self.lost_writes.swap(0, Ordering::AcqRel));
        let now = self.incarnation();
        of.zip(now).is_some_and(|(of, now)| of.compare(now) == Identified::Same)
    }

    fn move_entry(&self, from: Entry, to: Entry) {
        self.update(|state| if state.entry() == from { state.with_entry(to) } else { state });
    }

    /// Changes the state in one step; tells what it was and what it is.
    fn update(&self, next: impl Fn(PeerState) -> PeerState) -> (PeerState, PeerState) {
        let mut before = self.state.load(Ordering::Acquire);
        loop {
            let (from, to) = (PeerState::from_word(before), next(PeerState::from_word(before)));
            let swap =
                self.state.compare_exchange_weak(before, to.to_word(), Ordering::AcqRel, Ordering::Acquire);
            match swap {
                Ok(_) => return (from, to),
                Err(now) => before = now,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returning() -> PeerCell {
        let cell = PeerCell::default();
        cell.identify(Incarnation { pid: 7, started_s: 1000 });
        cell.observe(Event::Refused);
        cell.observe(Event::Answered);
        cell
    }

    #[test]
    fn a_time_out_makes_suspect_and_an_answer_takes_it_back() {
        let cell = PeerCell::default();
        assert_eq!(cell.observe(Event::TimedOut), Some(Transition { from: Phase::Up, to: Phase::Suspect }));
        assert_eq!(cell.observe(Event::TimedOut), None);
        assert_eq!(cell.observe(Event::Answered), Some(Transition { from: Phase::Suspect, to: Phase::Up }));
    }

    #[test]
    fn a_peer_that_was_down_never_comes_up_by_answering_alone() {
        let cell = PeerCell::default();
        cell.observe(Event::Refused);
        cell.observe(Event::Answered);
        assert_eq!(cell.state().phase(), Phase::Returning);
        assert_eq!(cell.observe(Event::Answered), None);
    }

    #[test]
    fn a_write_missed_during_the_return_undoes_the_return() {
        let cell = returning();
        cell.clear_readable();
        let ticket = cell.begin_return();
        cell.clear_readable();
        assert_eq!(cell.finish_return(ticket, Phase::Warming), None);
        assert!(!cell.state().is_readable());
        let ticket = cell.begin_return();
        assert_eq!(cell.finish_return(ticket, Phase::Warming), Some(Phase::Warming));
        assert!(cell.state().is_readable());
        assert_eq!(cell.state().phase(), Phase::Warming);
    }

    #[test]
    fn going_down_during_the_return_undoes_the_return() {
        let cell = returning();
        let ticket = cell.begin_return();
        cell.observe(Event::Refused);
        assert_eq!(cell.finish_return(ticket, Phase::Up), None);
        assert_eq!(cell.state().phase(), Phase::Down);
    }

    #[test]
    fn a_warming_peer_that_was_away_again_is_still_warming() {
        let cell = PeerCell::starting(Phase::Warming);
        cell.observe(Event::Silent);
        cell.observe(Event::Answered);
        assert_eq!(cell.finish_return(cell.begin_return(), Phase::Up), Some(Phase::Warming));
        assert_eq!(cell.state().phase(), Phase::Warming);
    }

    #[test]
    fn a_warming_peer_that_is_slow_is_suspect_and_then_warming_again() {
        let cell = PeerCell::starting(Phase::Warming);
        cell.observe(Event::TimedOut);
        assert_eq!((cell.state().phase(), cell.state().has_forgotten()), (Phase::Suspect, true));
        cell.observe(Event::Answered);
        assert_eq!(cell.state().phase(), Phase::Warming);
    }

    #[test]
    fn a_peer_found_down_before_anybody_met_it_warms() {
        let cell = PeerCell::default();
        cell.observe(Event::Refused);
        cell.observe(Event::Answered);
        assert_eq!(cell.finish_return(cell.begin_return(), Phase::Up), Some(Phase::Warming));
    }

    #[test]
    fn a_peer_that_was_down_from_the_beginning_warms() {
        let cell = PeerCell::starting(Phase::Down);
        cell.observe(Event::Answered);
        assert_eq!(cell.finish_return(cell.begin_return(), Phase::Up), Some(Phase::Warming));
        assert_eq!(cell.state().phase(), Phase::Warming);
    }

    #[test]
    fn p33_another_incarnation_is_unreadable_the_same_is_not() {
        let cell = PeerCell::default();
        let first = Incarnation { pid: 7, started_s: 1000 };
        assert_eq!(cell.identify(first), Identified::First);
        assert_eq!(cell.identify(Incarnation { started_s: 1001, ..first }), Identified::Same);
        assert!(cell.state().is_readable());
        assert_eq!(cell.identify(Incarnation { pid: 8, started_s: 1001 }), Identified::New);
        assert!(!cell.state().is_readable());
        assert_eq!(cell.identify(Incarnation { pid: 8, started_s: 1001 }), Identified::Same);
    }

    #[test]
    fn writes_on_lost_links_die_with_the_process_that_held_them() {
        let cell = PeerCell::default();
        let first = Incarnation { pid: 7, started_s: 1000 };
        cell.identify(first);
        cell.note_lost_writes(first);
        assert!(!cell.state().is_readable());
        assert!(cell.take_lost_writes());
        assert!(!cell.take_lost_writes(), "once");
        cell.note_lost_writes(first);
        cell.identify(Incarnation { pid: 8, started_s: 1002 });
        assert!(!cell.take_lost_writes());
    }

    #[test]
    fn p11_a_missed_write_wants_an_entry_only_where_a_ledger_is_kept() {
        let cell = PeerCell::default();
        cell.clear_readable();
        assert_eq!(cell.state().entry(), Entry::None);
        cell.keep_ledger();
        cell.clear_readable();
        assert_eq!(cell.state().entry(), Entry::Wanted);
        cell.entry_failed();
        assert_eq!(cell.state().entry(), Entry::Failed);
        cell.clear_readable();
        assert_eq!(cell.state().entry(), Entry::Wanted, "it is tried again");
        cell.entry_recorded();
        cell.clear_readable();
        assert_eq!(cell.state().entry(), Entry::Recorded, "one entry is enough");
        cell.want_entry_again();
        assert_eq!(cell.state().entry(), Entry::Wanted);
    }

    #[test]
    fn p11_another_incarnation_alone_needs_no_entry() {
        let cell = returning();
        cell.keep_ledger();
        cell.identify(Incarnation { pid: 9, started_s: 2000 });
        assert_eq!((cell.state().is_readable(), cell.state().entry()), (false, Entry::None));
    }

    #[test]
    fn p11_a_return_that_a_missed_write_undoes_keeps_the_entry() {
        let cell = returning();
        cell.keep_ledger();
        cell.clear_readable();
        cell.entry_recorded();
        let ticket = cell.begin_return();
        cell.clear_readable();
        assert_eq!(cell.finish_return(ticket, Phase::Warming), None);
        assert_eq!(cell.state().entry(), Entry::Recorded);
        assert_eq!(cell.finish_return(cell.begin_return(), Phase::Warming), Some(Phase::Warming));
        assert_eq!(cell.state().entry(), Entry::None, "and the one that succeeds ends it");
        cell.clear_readable();
        assert_eq!(cell.state().entry(), Entry::Wanted);
    }

    #[test]
    fn p12_a_peer_that_missed_writes_of_another_process_is_read_when_that_one_has_cleaned_it() {
        let cell = PeerCell::default();
        assert!(cell.note_missed_elsewhere());
        assert!(!cell.note_missed_elsewhere(), "said before");
        assert!(!cell.state().is_readable());
        assert!(!cell.state().has_missed(), "nothing of this process is missing");
        assert!(cell.note_cleaned_elsewhere(true));
        assert!(!cell.note_cleaned_elsewhere(true), "said before");
        assert!(cell.state().is_readable() && cell.state().has_forgotten());
        assert_eq!(cell.state().phase(), Phase::Warming);
    }

    #[test]
    fn p12_what_this_process_missed_is_not_mended_by_another_one() {
        let cell = returning();
        cell.clear_readable();
        cell.note_missed_elsewhere();
        cell.note_cleaned_elsewhere(false);
        assert!(!cell.state().is_readable());
        cell.note_missed_elsewhere();
        assert!(cell.finish_return(cell.begin_return(), Phase::Up).is_some());
        assert!(!cell.state().is_readable(), "nor the other way round");
    }
}
