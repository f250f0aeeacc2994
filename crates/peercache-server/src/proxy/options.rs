//! How a proxy is set up.

use crate::options::UnixSocket;
use crate::passwords::Passwords;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// Where a proxy listens, and what it allows.
#[derive(Debug, Clone)]
pub struct Options {
    /// The TCP addresses to listen on; port 0 takes any that is free.
    pub listen: Vec<SocketAddr>,
    /// Unix sockets to listen on.
    pub unix_sockets: Vec<UnixSocket>,
    /// Worker threads, each with one connection to every peer. One answers several hundred thousand requests
    /// a second; a second one splits batches.
    pub workers: NonZeroUsize,
    /// Clients that may be connected at once.
    pub connections_max: NonZeroUsize,
    /// How long a client may say nothing before its connection is closed; none is for ever.
    pub idle_timeout: Option<Duration>,
    /// Who may use it, if not everybody.
    pub passwords: Option<Arc<Passwords>>,
    /// Whether `cache_memlimit` is answered, for suites that expect it of a daemon.
    pub admin_commands: bool,
    /// Whether clients may empty the network with `flush_all`.
    pub flush_all: bool,
    /// Keeps a delayed `flush_all` until it is due; without it, such a one is an error.
    pub pending_flush: Option<Arc<dyn PendingFlush>>,
}

/// Keeps the one flush of a network that is still to come (P-18). Each has a number that no other one has.
/// May block for a disk's time.
pub trait PendingFlush: fmt::Debug + Send + Sync {
    /// The network is to be flushed at this time, in seconds since 1970, instead of what was pending.
    ///
    /// # Errors
    /// It could not be written down; what was pending still is.
    fn set(&self, at_unix_s: u64) -> io::Result<()>;

    /// The number of the one that is pending.
    ///
    /// # Errors
    /// It cannot be read.
    fn pending(&self) -> io::Result<Option<u64>>;

    /// The one of this number is not pending any more; one that came after it still is.
    ///
    /// # Errors
    /// It could not be written down; what was pending still is.
    fn cancel(&self, number: u64) -> io::Result<()>;
}

impl Default for Options {
    fn default() -> Self {
        const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not 0");
        Self {
            listen: Vec::new(),
            unix_sockets: Vec::new(),
            workers: NonZeroUsize::MIN,
            connections_max: CONNECTIONS,
            idle_timeout: None,
            passwords: None,
            admin_commands: false,
            flush_all: true,
            pending_flush: None,
        }
    }
}
