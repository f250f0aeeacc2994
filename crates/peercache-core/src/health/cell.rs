//! What one process knows of one peer: its phase, whether it may be read, and what must happen before it may.
//!
//! Phase, `readable` and the number of times `readable` was cleared share one atomic word, so a plan sees one
//! consistent state with one load, and a return that raced with a missed write notices it.

use super::{Event, Identified, Incarnation, Phase};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const PHASE_MASK: u64 = 0b111;
const READABLE_BIT: u64 = 0b1000;
/// Set with the first `Warming`: the peer has forgotten, and being down for a while does not mend that.
const FORGOT_BIT: u64 = 0b1_0000;
const CLEARS_SHIFT: u32 = 32;

/// A peer's state at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PeerState(u64);

impl PeerState {
    /// Whoever begins with a peer that is down does not know what it will have when it comes: it counts as
    /// having forgotten.
    const fn starting(phase: Phase) -> Self {
        let forgot = if matches!(phase, Phase::Down) { FORGOT_BIT } else { 0 };
        Self(READABLE_BIT | forgot).with_phase(phase)
    }

    /// A peer that has forgotten is never simply up.
    const fn with_phase(self, phase: Phase) -> Self {
        let forgot = self.0 | if matches!(phase, Phase::Warming) { FORGOT_BIT } else { 0 };
        let is_up = matches!(phase, Phase::Up);
        let phase = if is_up && forgot & FORGOT_BIT != 0 { Phase::Warming } else { phase };
        Self(forgot & !PHASE_MASK | phase as u64)
    }

    const fn cleared(self) -> Self {
        let clears = self.clears().wrapping_add(1);
        Self(self.0 & !READABLE_BIT & 0xffff_ffff | (clears as u64) << CLEARS_SHIFT)
    }

    /// Its phase.
    #[must_use]
    #[inline]
    pub const fn phase(self) -> Phase {
        Phase::ALL[(self.0 & PHASE_MASK) as usize]
    }

    /// Whether no acknowledged write is missing on it (P-10).
    #[must_use]
    #[inline]
    pub const fn is_readable(self) -> bool {
        self.0 & READABLE_BIT != 0
    }

    /// Whether it came back empty once: then its misses mean nothing, even while it is suspect.
    #[must_use]
    #[inline]
    pub const fn has_forgotten(self) -> bool {
        self.0 & FORGOT_BIT != 0
    }

    /// Whether it may be asked to write.
    #[must_use]
    #[inline]
    pub const fn is_live(self) -> bool {
        !matches!(self.phase(), Phase::Down)
    }

    /// How often `readable` was cleared: the ticket of [`PeerCell::finish_return`].
    #[must_use]
    pub const fn clears(self) -> u32 {
        (self.0 >> CLEARS_SHIFT) as u32
    }
}

impl core::fmt::Debug for PeerState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}{}", self.phase(), if self.is_readable() { "" } else { ", unreadable" })
    }
}

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
            state: AtomicU64::new(PeerState::starting(phase).0),
            incarnation: AtomicU64::new(0),
            debts: AtomicU32::new(0),
            lost_writes: AtomicU64::new(0),
        }
    }

    /// The state now.
    #[must_use]
    #[inline]
    pub fn state(&self) -> PeerState {
        PeerState(self.state.load(Ordering::Acquire))
    }

    /// Takes note of what a link saw; tells whether that changed the phase.
    pub fn observe(&self, event: Event) -> Option<Transition> {
        // Nearly every event is an answer of a peer that is up: it must not write to the shared word.
        let seen = self.state();
        if seen.phase().after(event) == seen.phase() {
            return None;
        }
        // Nobody has met it yet: whoever comes later has forgotten whatever there was.
        let unmet = if self.incarnation().is_none() { FORGOT_BIT } else { 0 };
        self.update(|state| match state.phase().after(event) {
            Phase::Down => PeerState(state.0 | unmet).with_phase(Phase::Down),
            phase => state.with_phase(phase),
        })
    }

    /// Declares that an acknowledged write is, or may be, missing on this peer. Must come before the
    /// acknowledgement (P-10). Returns whether the peer was readable until now.
    pub fn clear_readable(&self) -> bool {
        let clear = |state| Some(PeerState(state).cleared().0);
        let before = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, clear);
        before.is_ok_and(|before| PeerState(before).is_readable())
    }

    /// Begins the return of a peer that answers: from now on it takes writes. Returns the ticket that
    /// [`Self::finish_return`] wants; take it *before* cleaning the peer.
    pub fn begin_return(&self) -> u32 {
        self.update(|state| if state.is_live() { state.with_phase(Phase::Returning) } else { state });
        self.state().clears()
    }

    /// Ends a return: the peer was cleaned after `ticket` was taken and may be read again. Tells the phase it
    /// has now: `Warming` instead of `Up` where it has forgotten. None when it missed another write in the
    /// meantime, or does not answer any more; then the return starts over.
    pub fn finish_return(&self, ticket: u32, phase: Phase) -> Option<Phase> {
        let finish = |state: PeerState| {
            let unchanged = state.clears() == ticket && state.phase() == Phase::Returning;
            unchanged.then(|| PeerState(state.0 | READABLE_BIT).with_phase(phase))
        };
        let update = |state| finish(PeerState(state)).map(|state| state.0);
        let before = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, update).ok()?;
        finish(PeerState(before)).map(PeerState::phase)
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
                    // Before anybody can meet the new one as known, it must be unreadable.
                    self.clear_readable();
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

    fn update(&self, next: impl Fn(PeerState) -> PeerState) -> Option<Transition> {
        let apply = |state| Some(next(PeerState(state)).0);
        let before = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, apply).ok()?;
        let (from, to) = (PeerState(before).phase(), next(PeerState(before)).phase());
        (from != to).then_some(Transition { from, to })
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
}
