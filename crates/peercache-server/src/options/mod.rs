//! How an engine is set up.

use peercache_engine::Versions;
use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

mod flags;

pub use crate::crawler::Search;
pub(crate) use flags::DETACHED;
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
    /// Whether items have versions.
    pub versions: Versions,
    /// Whether clients may list what there is.
    pub dumps: Permission,
    /// Whether reads and writes are counted by the prefixes of their keys from the start.
    pub detail: Detail,
    /// What ends the prefix of a key.
    pub prefix_delimiter: u8,
    /// Clients that may wait to be accepted.
    pub backlog: NonZeroU32,
    /// Whether expired items are looked for from the start.
    pub search: Search,
    /// How long a client may be silent; none is for ever.
    pub idle_timeout: Option<Duration>,
    /// Requests of one client that are answered before others have their turn; none is no limit.
    pub requests_per_turn: Option<NonZeroU32>,
    /// Which protocol was asked for.
    pub protocol: Protocol,
    /// The UDP port that was asked for; there is no UDP.
    pub udp_was_asked_for: Option<i32>,
    /// Where the process runs.
    pub place: Place,
    /// The file that holds the process id while it runs.
    pub pid_file: Option<PathBuf>,
    /// How much is logged; 0 is warnings.
    pub verbosity: u8,
}

/// Whether something is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// A protocol that memcached can be told to speak. Here it is the text protocol whatever was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Whichever a client begins with.
    Auto,
    /// The text protocol.
    Ascii,
    /// The binary protocol.
    Binary,
}

/// Where a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where it was started.
    Foreground,
    /// It starts itself again in the background, and ends when that one serves.
    Background,
    /// It was started so.
    Detached,
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
            versions: Versions::Kept,
            dumps: Permission::Allowed,
            detail: Detail::Off,
            prefix_delimiter: b':',
            backlog: crate::door::BACKLOG,
            search: Search::On,
            idle_timeout: None,
            requests_per_turn: None,
            protocol: Protocol::Ascii,
            udp_was_asked_for: None,
            place: Place::Foreground,
            pid_file: None,
            verbosity: 0,
        }
    }
}
