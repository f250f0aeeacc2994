//! What all sessions of an engine share.

use crate::door::Gauges;
use crate::options::Options;
use peercache_engine::{Now, Store};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// What `version` answers. Clients read the first three numbers as memcached's and decide by them what they
/// may ask, so they say which memcached this engine answers like; the rest says what it is.
pub const VERSION: &str = "1.6.18-peercache";

/// A store, how it is set up, and what is counted about it.
#[derive(Debug)]
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) options: Options,
    pub(crate) gauges: Arc<Gauges>,
    /// Told when a client stops the engine.
    pub(crate) stop: Notify,
    started: Instant,
    started_unix_s: u64,
}

impl Engine {
    /// An empty engine.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let memory_bytes = NonZeroU64::from(options.memory_mb).saturating_mul(BYTES_PER_MB);
        let store = Store::new(peercache_engine::Options {
            memory_bytes,
            item_bytes_max: options.item_bytes_max,
            when_full: options.when_full,
        });
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            store,
            options,
            gauges: Arc::default(),
            stop: Notify::new(),
            started: Instant::now(),
            started_unix_s: since_1970.as_secs(),
        }
    }

    /// The time, as sessions are given it. It goes on evenly from the start of the engine: when somebody sets
    /// the machine's clock, no item dies of it.
    #[must_use]
    pub fn now(&self) -> Now {
        Now { unix_s: self.started_unix_s + self.uptime_s() }
    }

    /// Seconds since the start.
    pub(crate) fn uptime_s(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

const BYTES_PER_MB: NonZeroU64 = NonZeroU64::new(1 << 20).expect("a MiB is not 0");
