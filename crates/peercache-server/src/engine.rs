//! What all sessions of an engine share.

use crate::connections::Connections;
use crate::crawler::Crawler;
use crate::door::Gauges;
use crate::options::Options;
use crate::passwords::Passwords;
use crate::prefixes::Prefixes;
use peercache_engine::{Now, Store};
use rustix::time::{ClockId, clock_gettime};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// What `version` answers. Clients read the first three numbers as memcached's and decide by them what they
/// may ask, so they say which memcached this engine answers like; the rest says what it is.
pub const VERSION: &str = "1.6.45-peercache";

/// A store, how it is set up, and what is counted about it.
#[derive(Debug)]
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) options: Options,
    /// Who may use it; none is everybody.
    pub(crate) passwords: Option<Passwords>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) connections: Connections,
    pub(crate) crawler: Crawler,
    pub(crate) prefixes: Prefixes,
    /// Told when a client stops the engine.
    pub(crate) stop: Notify,
    flushes: AtomicU64,
    metas: AtomicU64,
    /// By [`clock`].
    started: Duration,
    started_unix_s: u64,
}

impl Engine {
    /// An empty engine, for everybody.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self::with_users(options, None)
    }

    /// An empty engine, for whoever is among the users.
    pub(crate) fn with_users(options: Options, passwords: Option<Passwords>) -> Self {
        let memory_bytes = NonZeroU64::from(options.memory_mb).saturating_mul(BYTES_PER_MB);
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let store_options = peercache_engine::Options {
            memory_bytes,
            item_bytes_max: options.item_bytes_max,
            when_full: options.when_full,
            versions: options.versions,
        };
        let store = Store::new(store_options, Now { unix_s: since_1970.as_secs() });
        Self {
            store,
            crawler: Crawler::new(options.search),
            prefixes: Prefixes::new(options.detail, options.prefix_delimiter),
            options,
            passwords,
            gauges: Arc::default(),
            connections: Connections::default(),
            flushes: AtomicU64::new(0),
            metas: AtomicU64::new(0),
            stop: Notify::new(),
            started: clock(),
            started_unix_s: since_1970.as_secs(),
        }
    }

    /// The time, as sessions are given it. It goes on evenly from the start of the engine: when somebody sets
    /// the machine's clock, no item dies of it.
    #[must_use]
    pub fn now(&self) -> Now {
        Now { unix_s: self.started_unix_s + self.uptime_s() }
    }

    /// Lets everything go, as [`Store::flush_all`] does, and counts that.
    pub(crate) fn flush_all(&self, exptime: i64, now: Now) {
        self.flushes.fetch_add(1, Relaxed);
        self.store.flush_all(exptime, now);
    }

    /// How often clients let everything go.
    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.load(Relaxed)
    }

    /// Counts a look at what is known of an item.
    pub(crate) fn count_meta(&self) {
        self.metas.fetch_add(1, Relaxed);
    }

    /// How often clients looked at what is known of an item.
    pub(crate) fn metas(&self) -> u64 {
        self.metas.load(Relaxed)
    }

    /// Starts all that is counted from 0 again.
    pub(crate) fn reset_counters(&self) {
        self.store.reset_counters();
        self.gauges.reset();
        self.crawler.reset();
        self.prefixes.reset();
        self.flushes.store(0, Relaxed);
        self.metas.store(0, Relaxed);
    }

    /// Seconds since the start.
    pub(crate) fn uptime_s(&self) -> u64 {
        clock().saturating_sub(self.started).as_secs()
    }
}

/// A clock that goes on evenly, to a few milliseconds. It is asked in every turn of every client; an exact
/// one would take several times as long.
fn clock() -> Duration {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    Duration::from_secs(now.tv_sec.unsigned_abs()) + Duration::from_nanos(now.tv_nsec.unsigned_abs())
}

pub(crate) const BYTES_PER_MB: NonZeroU64 = NonZeroU64::new(1 << 20).expect("a MiB is not 0");
