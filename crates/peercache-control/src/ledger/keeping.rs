//! The life of this process's entry for one peer: when its file must be written and when it may go (P-11).
//!
//! Pure: what the peer's cell wants is an argument, and so is what became of the file. The entry is removed
//! only after the cell says that nothing is missing, and one that is wanted again while it still lies there
//! is simply confirmed; so no moment exists in which a write is acknowledged and its file is not there.

use peercache_core::health::Entry;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepStep {
    /// Nothing, until something changes.
    Sleep,
    /// Write the file and sync it, then report [`Keeping::created`].
    Create,
    /// It is there: tell those who wait.
    Confirm,
    /// Report [`Keeping::removing`], then remove the file.
    Remove,
    /// Somebody else removed the file: the cell has to want it again.
    Restore,
    /// It could not be written. Others do not know of the outage: want it again in a while.
    Retry,
}

/// This process's entry for one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keeping {
    is_on_disk: bool,
}

impl Keeping {
    /// What to do when the cell says `entry`.
    #[must_use]
    pub fn next(&self, entry: Entry) -> KeepStep {
        match (entry, self.is_on_disk) {
            (Entry::Wanted, false) => KeepStep::Create,
            (Entry::Wanted, true) => KeepStep::Confirm,
            (Entry::None, true) => KeepStep::Remove,
            (Entry::Recorded, false) => KeepStep::Restore,
            (Entry::Failed, _) => KeepStep::Retry,
            (Entry::None, false) | (Entry::Recorded, true) => KeepStep::Sleep,
        }
    }

    /// The file is written and synced.
    pub fn created(&mut self) {
        self.is_on_disk = true;
    }

    /// The file is about to be removed.
    pub fn removing(&mut self) {
        self.is_on_disk = false;
    }

    /// The folder was looked at: whether the file was there. Returns whether somebody took it away.
    pub fn looked(&mut self, is_there: bool) -> bool {
        let is_lost = self.is_on_disk && !is_there;
        self.is_on_disk &= is_there;
        is_lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p11_an_entry_is_written_once_and_removed_when_nothing_is_missing() {
        let mut keeping = Keeping::default();
        assert_eq!(keeping.next(Entry::None), KeepStep::Sleep);
        assert_eq!(keeping.next(Entry::Wanted), KeepStep::Create);
        keeping.created();
        assert_eq!(keeping.next(Entry::Wanted), KeepStep::Confirm, "also for those who came meanwhile");
        assert_eq!(keeping.next(Entry::Recorded), KeepStep::Sleep);
        assert_eq!(keeping.next(Entry::None), KeepStep::Remove);
        keeping.removing();
        assert_eq!(keeping.next(Entry::Wanted), KeepStep::Create, "a miss while it was removed");
    }

    #[test]
    fn p11_an_entry_that_somebody_took_away_is_written_again() {
        let mut keeping = Keeping::default();
        assert!(!keeping.looked(false), "it was not there yet");
        keeping.created();
        assert!(!keeping.looked(true));
        assert!(keeping.looked(false));
        assert_eq!(keeping.next(Entry::Recorded), KeepStep::Restore);
        assert_eq!(keeping.next(Entry::Wanted), KeepStep::Create);
    }

    #[test]
    fn p11_an_entry_that_could_not_be_written_is_tried_again() {
        assert_eq!(Keeping::default().next(Entry::Failed), KeepStep::Retry);
    }
}
