//! `flush_all`: one number below which every version is dead.
//!
//! memcached compares seconds, so an item stored right after a flush may die with it. Here a flush takes a
//! version number like a write does, and whatever has an older one is dead: there is an order between any
//! write and any flush, however close they are.
//!
//! Invariant: a writer takes its version *before* it looks at what is there. Then either the flush sees that
//! version as older and kills the result, or the writer sees the flush.

use crate::time::{NEVER, Now, dies_at};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Stands for a watermark that is being moved: its reader waits for the new one.
const MOVING: u64 = u64::MAX;

/// The versions of items, and which of them are dead.
#[derive(Debug)]
pub(crate) struct Watermark {
    last_version: AtomicU64,
    dead_up_to: AtomicU64,
    /// The second in which a flush that was asked for in advance happens.
    due_s: AtomicU64,
    flushing: Mutex<()>,
}

impl Watermark {
    pub(crate) fn new() -> Self {
        Self {
            last_version: AtomicU64::new(0),
            dead_up_to: AtomicU64::new(0),
            due_s: AtomicU64::new(NEVER),
            flushing: Mutex::new(()),
        }
    }

    /// A version for a write at `now`, which nothing else has or had. A flush that is due comes first.
    pub(crate) fn next_version(&self, now: Now) -> u64 {
        self.flush_if_due(now);
        self.take_version()
    }

    /// Whether an item with this version was flushed.
    pub(crate) fn is_flushed(&self, version: u64, now: Now) -> bool {
        self.flush_if_due(now);
        version <= self.dead_up_to()
    }

    /// Kills everything now, or everything that is there when `exptime` has come; a later flush replaces one
    /// that is still to come, as in memcached.
    pub(crate) fn flush(&self, exptime: i64, now: Now) {
        self.flush_if_due(now);
        let flushing = self.lock();
        let due_s = if exptime > 0 { dies_at(exptime, now) } else { 0 };
        if due_s <= now.unix_s {
            self.move_up(&flushing);
            self.due_s.store(NEVER, SeqCst);
        } else {
            self.due_s.store(due_s, SeqCst);
        }
    }

    fn take_version(&self) -> u64 {
        self.last_version.fetch_add(1, SeqCst) + 1
    }

    fn flush_if_due(&self, now: Now) {
        if now.unix_s < self.due_s.load(SeqCst) {
            return;
        }
        let flushing = self.lock();
        if self.due_s.load(SeqCst) <= now.unix_s {
            self.move_up(&flushing);
            self.due_s.store(NEVER, SeqCst);
        }
    }

    /// Hides the old watermark first: a writer that got its version after the flush got its own must not see
    /// the old one any more.
    fn move_up(&self, _flushing: &MutexGuard<'_, ()>) {
        self.dead_up_to.store(MOVING, SeqCst);
        let version = self.take_version();
        self.dead_up_to.store(version, SeqCst);
    }

    fn dead_up_to(&self) -> u64 {
        match self.dead_up_to.load(SeqCst) {
            MOVING => {
                drop(self.lock());
                self.dead_up_to.load(SeqCst)
            }
            version => version,
        }
    }

    /// Nothing panics while it holds this lock, and there is nothing in it to be left broken.
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.flushing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now { unix_s: 1_800_000_000 };

    fn later(seconds: u64) -> Now {
        Now { unix_s: NOW.unix_s + seconds }
    }

    #[test]
    fn what_came_before_a_flush_is_dead_and_what_came_after_lives() {
        let watermark = Watermark::new();
        let before = watermark.next_version(NOW);
        watermark.flush(0, NOW);
        let after = watermark.next_version(NOW);
        assert!(watermark.is_flushed(before, NOW));
        assert!(!watermark.is_flushed(after, NOW), "even within the same second");
    }

    #[test]
    fn a_delayed_flush_kills_what_is_there_when_it_happens() {
        let watermark = Watermark::new();
        let before = watermark.next_version(NOW);
        watermark.flush(10, NOW);
        let meanwhile = watermark.next_version(NOW);
        assert!(!watermark.is_flushed(before, later(9)));
        assert!(watermark.is_flushed(meanwhile, later(10)));
        assert!(!watermark.is_flushed(watermark.next_version(later(10)), later(10)));
    }

    #[test]
    fn a_flush_that_is_due_comes_before_a_write_that_nobody_looked_before() {
        let watermark = Watermark::new();
        watermark.flush(10, NOW);
        let after = watermark.next_version(later(11));
        assert!(!watermark.is_flushed(after, later(12)));
    }

    #[test]
    fn a_second_flush_replaces_one_that_is_still_to_come() {
        let watermark = Watermark::new();
        watermark.flush(10, NOW);
        watermark.flush(-1, NOW);
        let after = watermark.next_version(NOW);
        assert!(!watermark.is_flushed(after, later(20)));
    }
}
