//! How an engine is set up.

use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

mod flags;

pub use flags::{FLAGS_HELP, FlagError, from_memcached_flags};

/// The smallest item limit, in bytes (memcached's).
pub const ITEM_BYTES_MIN: usize = 1024;

/// The largest item limit, in bytes (memcached's).
pub const ITEM_BYTES_MAX: usize = 1 << 30;

/// Where an engine listens, and what it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The addresses to listen on; none when only a Unix socket is wanted.
    pub addresses: Vec<IpAddr>,
    /// The port on each of them; 0 takes any that is free.
    pub port: u16,
    /// A Unix socket to listen on.
    pub unix_socket: Option<UnixSocket>,
    /// Memory for items, keys and overhead included, in MiB.
    pub memory_mb: NonZeroU32,
    /// Worker threads.
    pub threads: NonZeroUsize,
    /// Clients that may be connected at once.
    pub connections_max: NonZeroUsize,
    /// The largest item, key and memcached's overhead included, in bytes.
    pub item_bytes_max: usize,
    /// What to do with a value for which there is no room.
    pub when_full: peercache_engine::WhenFull,
    /// Whether clients may empty the engine with `flush_all`.
    pub flush_all: Permission,
    /// Whether clients may stop the engine with `shutdown`.
    pub shutdown: Permission,
    /// The file of those who may use it, a `user:password` on each line; none is everybody.
    pub auth_file: Option<PathBuf>,
    /// How much is logged; 0 is warnings.
    pub verbosity: u8,
}

/// Whether clients may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// They may.
    Allowed,
    /// They are refused.
    Refused,
}

/// A Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSocket {
    /// Where it appears.
    pub path: PathBuf,
    /// Who may connect: permission bits, such as `0o700`.
    pub mode: u32,
}

impl Default for Options {
    /// memcached's defaults, but on 127.0.0.1 only.
    fn default() -> Self {
        const THREADS: NonZeroUsize = NonZeroUsize::new(4).expect("4 is not 0");
        const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(1024).expect("1024 is not 0");
        const MEMORY_MB: NonZeroU32 = NonZeroU32::new(64).expect("64 is not 0");
        Self {
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            port: 11211,
            unix_socket: None,
            memory_mb: MEMORY_MB,
            threads: THREADS,
            connections_max: CONNECTIONS,
            item_bytes_max: 1 << 20,
            when_full: peercache_engine::WhenFull::Evict,
            flush_all: Permission::Allowed,
            shutdown: Permission::Refused,
            auth_file: None,
            verbosity: 0,
        }
    }
}
