//! How a proxy is set up.

use crate::options::UnixSocket;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Where a proxy listens, and what it allows.
#[derive(Debug, Clone)]
pub struct Options {
    /// The TCP addresses to listen on; port 0 takes any that is free.
    pub listen: Vec<SocketAddr>,
    /// Unix sockets to listen on.
    pub unix_sockets: Vec<UnixSocket>,
    /// Worker threads, each with one connection to every peer. One answers several hundred thousand requests a
    /// second; a second one splits batches.
    pub workers: NonZeroUsize,
    /// Clients that may be connected at once.
    pub connections_max: NonZeroUsize,
    /// How long a client may say nothing before its connection is closed; none is for ever.
    pub idle_timeout: Option<Duration>,
    /// Whether `cache_memlimit` is answered, for suites that expect it of a daemon.
    pub admin_commands: bool,
    /// Whether clients may empty the network with `flush_all`.
    pub flush_all: bool,
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
            admin_commands: false,
            flush_all: true,
        }
    }
}
