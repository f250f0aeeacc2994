//! All that a plan must know of a peer at one moment, packed into the one word of its cell.
//!
//! A peer may be read when this process missed no write on it *and* the outage ledger names no other process
//! that did; the two are separate bits, because each is mended by whoever missed.

use super::Phase;

const PHASE_MASK: u64 = 0b111;
/// No acknowledged write of this process is missing on it.
const READABLE_BIT: u64 = 1 << 3;
/// Set with the first `Warming`: the peer has forgotten, and being down for a while does not mend that.
const FORGOT_BIT: u64 = 1 << 4;
/// Where this process's entry in the ledger stands: an [`Entry`].
const ENTRY_SHIFT: u32 = 5;
const ENTRY_MASK: u64 = 0b11 << ENTRY_SHIFT;
/// Missed writes are to be recorded.
const LEDGER_BIT: u64 = 1 << 7;
/// The ledger has an entry of somebody else.
const ELSEWHERE_BIT: u64 = 1 << 8;
const CLEARS_SHIFT: u32 = 32;

/// Where this process's entry for one peer in the outage ledger stands (P-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Entry {
    /// Nothing is to be recorded, or no ledger is kept.
    None = 0,
    /// It is to be written; no answer may be given that depends on it.
    Wanted = 1,
    /// It is on disk.
    Recorded = 2,
    /// It could not be written.
    Failed = 3,
}

impl Entry {
    const ALL: [Self; 4] = [Self::None, Self::Wanted, Self::Recorded, Self::Failed];
}

/// A peer's state at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PeerState(u64);

impl PeerState {
    /// Whoever begins with a peer that is down does not know what it will have when it comes: it counts as
    /// having forgotten.
    pub(super) const fn starting(phase: Phase) -> Self {
        let forgot = if matches!(phase, Phase::Down) { FORGOT_BIT } else { 0 };
        Self(READABLE_BIT | forgot).with_phase(phase)
    }

    pub(super) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    pub(super) const fn to_word(self) -> u64 {
        self.0
    }

    /// A peer that has forgotten is never simply up.
    pub(super) const fn with_phase(self, phase: Phase) -> Self {
        let state = if matches!(phase, Phase::Warming) { self.forgetting() } else { self };
        let is_up = matches!(phase, Phase::Up);
        let phase = if is_up && state.has_forgotten() { Phase::Warming } else { phase };
        Self(state.0 & !PHASE_MASK | phase as u64)
    }

    pub(super) const fn forgetting(self) -> Self {
        Self(self.0 | FORGOT_BIT)
    }

    /// Unreadable from now on, and one more return is undone.
    pub(super) const fn unread(self) -> Self {
        let clears = self.clears().wrapping_add(1);
        Self(self.0 & !READABLE_BIT & 0xffff_ffff | (clears as u64) << CLEARS_SHIFT)
    }

    /// Unreadable because of a write of this process, which others have to learn of.
    pub(super) const fn missing_a_write(self) -> Self {
        let unread = self.unread();
        match self.entry() {
            Entry::None | Entry::Failed if self.0 & LEDGER_BIT != 0 => unread.with_entry(Entry::Wanted),
            _ => unread,
        }
    }

    /// This process misses nothing on it any more.
    pub(super) const fn cleaned(self) -> Self {
        Self(self.0 | READABLE_BIT).with_entry(Entry::None)
    }

    pub(super) const fn with_entry(self, entry: Entry) -> Self {
        Self(self.0 & !ENTRY_MASK | (entry as u64) << ENTRY_SHIFT)
    }

    pub(super) const fn with_ledger(self) -> Self {
        Self(self.0 | LEDGER_BIT)
    }

    pub(super) const fn with_missed_elsewhere(self, missed: bool) -> Self {
        Self(if missed { self.0 | ELSEWHERE_BIT } else { self.0 & !ELSEWHERE_BIT })
    }

    /// Its phase.
    #[must_use]
    #[inline]
    pub const fn phase(self) -> Phase {
        Phase::ALL[(self.0 & PHASE_MASK) as usize]
    }

    /// Whether no acknowledged write is missing on it, as far as this process has heard (P-10, P-12).
    #[must_use]
    #[inline]
    pub const fn is_readable(self) -> bool {
        self.0 & (READABLE_BIT | ELSEWHERE_BIT) == READABLE_BIT
    }

    /// Whether it may miss a write of this process, or is another incarnation than this process wrote to:
    /// then this process has to bring it back.
    #[must_use]
    pub const fn has_missed(self) -> bool {
        self.0 & READABLE_BIT == 0
    }

    /// Whether the ledger says that it misses writes of another process.
    #[must_use]
    pub const fn has_missed_elsewhere(self) -> bool {
        self.0 & ELSEWHERE_BIT != 0
    }

    /// Where this process's entry in the outage ledger stands.
    #[must_use]
    pub const fn entry(self) -> Entry {
        Entry::ALL[((self.0 & ENTRY_MASK) >> ENTRY_SHIFT) as usize]
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

    /// How often `readable` was cleared: the ticket of [`PeerCell::finish_return`](super::PeerCell).
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
