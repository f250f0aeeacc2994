//! Whether a peer is judged by a clock that may have run on while this process did not.
//!
//! An alarm that comes late says that this process was held up: no processor for a while, or a suspended
//! machine. What the peer answered meanwhile has not been looked at, so it is not judged before that could be
//! done; and not put off for ever, so that a process that is always late still judges.

use core::time::Duration;

/// How late an alarm may come before the process counts as having been held up. Timers ring within two
/// milliseconds where there is a processor.
const LATE: Duration = Duration::from_millis(50);

/// How long a peer gets then: what was to be sent to it may not have been, and it may have been held up too.
pub(super) const GRACE: Duration = Duration::from_millis(150);

/// How often in a row it gets that.
pub(super) const GRACES_MAX: u8 = 2;

/// The grace that a peer has.
#[derive(Debug, Default)]
pub(super) struct Grace {
    /// Nothing is judged before.
    until: Duration,
    /// How often in a row judging was put off.
    in_a_row: u8,
}

impl Grace {
    /// When an alarm rings that is due at `due`.
    pub(super) fn put_off(&self, due: Duration) -> Duration {
        due.max(self.until)
    }

    /// Whether the peer may be judged at `now`, on an alarm that was to ring at `due`.
    pub(super) fn may_judge(&mut self, due: Duration, now: Duration) -> bool {
        if due + LATE <= now && self.in_a_row < GRACES_MAX {
            (self.until, self.in_a_row) = (now + GRACE, self.in_a_row + 1);
        }
        let may = now >= self.until;
        if may {
            self.in_a_row = 0;
        }
        may
    }
}
