//! Words of the command line that mean more than their type in core: `auto`, and what is yet to come.

use peercache_core::spec::{EngineKind, HashKind, PeerId};
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroU16;
use std::str::FromStr;

/// Which engine a new peer is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EngineWish {
    /// memcached if there is one, else the built-in engine.
    Auto,
    /// This one.
    Kind(EngineKind),
}

impl fmt::Display for EngineWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Kind(kind) => kind.fmt(f),
        }
    }
}

impl FromStr for EngineWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "redis" | "valkey" | "dragonfly" => {
                Err(format!("{text} peers arrive in a later version; use auto, memcached or embedded"))
            }
            _ => text.parse().map(Self::Kind).map_err(|_| {
                format!("{text:?} is not a known engine; the choices are auto, memcached, embedded")
            }),
        }
    }
}

/// The hash of a network.
pub(super) fn hash(text: &str) -> Result<HashKind, String> {
    if text == "ketama" {
        return Err("ketama arrives with the proxy, in a later version; use xxh3 or md5".to_owned());
    }
    text.parse().map_err(|error: peercache_core::spec::WordError| error.to_string())
}

/// The id of a peer, which names its file.
pub(super) fn peer_id(text: &str) -> Result<PeerId, String> {
    if text == crate::state::RESERVED_ID {
        return Err(format!("{text:?} cannot be a peer id: the list of peers is kept under that name"));
    }
    text.parse().map_err(|error: peercache_core::spec::NameError| error.to_string())
}

/// A count of at least one, in words that say so.
pub(super) fn count<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "use a whole number from 1 up, and not a huge one".to_owned())
}

/// A TCP port.
pub(super) fn port(text: &str) -> Result<NonZeroU16, String> {
    text.parse().map_err(|_| "a port is a whole number from 1 to 65535".to_owned())
}

/// `HOST:PORT`, resolved now: peers are kept by address.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|error| {
        format!("{text:?} is not HOST:PORT of a machine that can be found ({error}), as in 127.0.0.1:11211")
    })?;
    let address = found.next().ok_or_else(|| format!("{text:?} has no address"))?;
    if address.port() == 0 {
        return Err(format!("{text:?} has port 0; a port is from 1 to 65535"));
    }
    Ok(address)
}
