//! Words of the command line that mean more than their type in core: `auto`, and what is yet to come.

use crate::output::joined;
use peercache_core::spec::{AuthFile, AuthFileError, EngineKind, PeerId, RingName};
use std::fmt;
use std::iter;
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

impl EngineWish {
    /// Every choice.
    fn choices() -> String {
        let wishes = EngineKind::ALL.iter().map(|&kind| Self::Kind(kind));
        joined(&iter::once(Self::Auto).chain(wishes).collect::<Vec<_>>())
    }
}

/// The help of an option that takes one.
pub(super) fn engine_help(default: &str) -> String {
    format!("What runs inside: {} [default: {default}]", EngineWish::choices())
}

impl FromStr for EngineWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "redis" | "valkey" | "dragonfly" => {
                Err(format!("{text} peers arrive in a later version; the choices are {}", Self::choices()))
            }
            _ => text
                .parse()
                .map(Self::Kind)
                .map_err(|_| format!("{text:?} is not a known engine; the choices are {}", Self::choices())),
        }
    }
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

/// A file of users, which is remembered from the root on: other commands run in other folders.
pub(super) fn auth_file(text: &str) -> Result<AuthFile, String> {
    let path = std::path::absolute(text).map_err(|error| error.to_string())?;
    path.to_string_lossy().parse().map_err(|error: AuthFileError| error.to_string())
}

/// A TCP port.
pub(super) fn port(text: &str) -> Result<NonZeroU16, String> {
    text.parse().map_err(|_| "a port is a whole number from 1 to 65535".to_owned())
}

/// A daemon that somebody else runs, by the words that were typed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Daemon {
    /// Where it is: peers are kept by address.
    pub(super) address: SocketAddr,
    /// What twemproxy and libmemcached call it when nobody gave it a name.
    pub(super) ring_name: RingName,
}

/// `HOST:PORT`, resolved now.
pub(super) fn daemon(text: &str) -> Result<Daemon, String> {
    let unsound = |why: String| format!("{text:?} is not HOST:PORT {why}, as in 127.0.0.1:11211");
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let (host, port) = parts.ok_or_else(|| unsound("with a port from 1 to 65535".to_owned()))?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    resolve(host, port).map_err(unsound)
}

/// The daemon at `host`, which may be a name, an IPv4 or an IPv6 address without brackets; or what is wrong.
pub(super) fn resolve(host: &str, port: u16) -> Result<Daemon, String> {
    if port == 0 {
        return Err("with a port from 1 to 65535".to_owned());
    }
    let unknown = |why: String| format!("of a machine that can be found ({why})");
    let mut found = (host, port).to_socket_addrs().map_err(|error| unknown(error.to_string()))?;
    let address = found.next().ok_or_else(|| unknown("it has no address".to_owned()))?;
    let ring_name = RingName::of_address(host, port).map_err(|error| error.to_string())?;
    Ok(Daemon { address, ring_name })
}
