//! What the workers of a proxy share: how it is set up, and what is counted.

use super::counts::{Counts, Published};
use super::options::PendingFlush;
use super::orders::Orders;
use crate::door::Gauges;
use crate::passwords::Passwords;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the workers of a proxy share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) published: Vec<Published>,
    /// The order of writes of one key.
    pub(crate) orders: Arc<Orders>,
    pub(crate) started: Instant,
    /// Whether `cache_memlimit` and its like are answered.
    pub(crate) admin_commands: bool,
    /// Who may use it, if not everybody.
    pub(crate) passwords: Option<Arc<Passwords>>,
    pub(crate) flush_all: bool,
    pub(crate) pending_flush: Option<Arc<dyn PendingFlush>>,
    pub(crate) connections_max: usize,
    /// How long a client may say nothing; none is for ever.
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) listen: Vec<String>,
    /// What had been counted when a client last said `stats reset`.
    reset_at: Mutex<Counts>,
}

impl Shared {
    pub(crate) fn new(
        gauges: Arc<Gauges>,
        workers: usize,
        options: &super::Options,
        listen: Vec<String>,
    ) -> Self {
        Self {
            gauges,
            orders: Arc::new(Orders::new(workers)),
            published: (0..workers).map(|_| Published::default()).collect(),
            started: Instant::now(),
            admin_commands: options.admin_commands,
            idle_timeout: options.idle_timeout,
            passwords: options.passwords.clone(),
            flush_all: options.flush_all,
            pending_flush: options.pending_flush.clone(),
            connections_max: options.connections_max.get(),
            listen,
            reset_at: Mutex::new(Counts::default()),
        }
    }

    /// What all workers have counted since the start.
    pub(crate) fn totals(&self) -> Counts {
        let mut sum = Counts::default();
        self.published.iter().for_each(|worker| worker.add_to(&mut sum));
        sum
    }

    /// What all workers have counted since the last reset.
    pub(crate) fn counts(&self) -> Counts {
        let before = *self.reset_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.totals().since(&before)
    }

    /// Begins to count anew.
    pub(crate) fn reset(&self) {
        *self.reset_at.lock().unwrap_or_else(PoisonError::into_inner) = self.totals();
    }
}
