//! The search for items that have expired, as clients see and steer it: memcached's `lru_crawler`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread::Thread;
use std::time::Duration;

/// How long the search rests between steps, in microseconds, where nothing else was asked for.
const REST_US: u32 = 200;

/// What the searching thread and its clients tell each other.
#[derive(Debug)]
pub(crate) struct Crawler {
    is_on: AtomicBool,
    /// Somebody has asked for a search that has not begun.
    is_asked: AtomicBool,
    is_running: AtomicBool,
    starts: AtomicU64,
    rest_us: AtomicU32,
    /// The thread, once there is one.
    thread: OnceLock<Thread>,
}

/// Whether expired items are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// They are, once a second.
    On,
    /// They take room until somebody finds them, or needs it.
    Off,
}

impl Crawler {
    pub(crate) fn new(search: Search) -> Self {
        Self {
            is_on: AtomicBool::new(search == Search::On),
            is_asked: AtomicBool::new(false),
            is_running: AtomicBool::new(false),
            starts: AtomicU64::new(0),
            rest_us: AtomicU32::new(REST_US),
            thread: OnceLock::new(),
        }
    }

    /// Switches the search on or off; says whether that changed anything.
    pub(crate) fn switch(&self, search: Search) -> bool {
        let is_on = search == Search::On;
        self.is_on.swap(is_on, Relaxed) != is_on
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// Whether it searches, or is about to.
    pub(crate) fn is_running(&self) -> bool {
        self.is_asked.load(Relaxed) || self.is_running.load(Relaxed)
    }

    /// How often it has begun.
    pub(crate) fn starts(&self) -> u64 {
        self.starts.load(Relaxed)
    }

    pub(crate) fn rest_us(&self) -> u32 {
        self.rest_us.load(Relaxed)
    }

    pub(crate) fn set_rest_us(&self, rest_us: u32) {
        self.rest_us.store(rest_us, Relaxed);
    }

    /// How long it rests between steps.
    pub(crate) fn rest(&self) -> Duration {
        Duration::from_micros(u64::from(self.rest_us()))
    }

    /// Says which thread searches.
    pub(crate) fn is_done_by(&self, thread: Thread) {
        // There is one, and it says so once.
        let _ = self.thread.set(thread);
    }

    /// Has the thread begin at once.
    pub(crate) fn ask(&self) {
        if let Some(thread) = self.thread.get() {
            self.is_asked.store(true, Relaxed);
            thread.unpark();
        }
    }

    /// The thread begins.
    pub(crate) fn begin(&self) {
        self.is_running.store(true, Relaxed);
        self.is_asked.store(false, Relaxed);
        self.starts.fetch_add(1, Relaxed);
    }

    /// The thread has been through everything.
    pub(crate) fn end(&self) {
        self.is_running.store(false, Relaxed);
    }

    /// Starts counting from 0 again.
    pub(crate) fn reset(&self) {
        self.starts.store(0, Relaxed);
    }
}
