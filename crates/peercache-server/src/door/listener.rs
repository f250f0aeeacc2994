//! The sockets that clients connect to, opened before anything else runs.

use super::worker::Socket;
use socket2::{Domain, Protocol, SockAddr, Type};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Connections that may wait to be accepted, where nothing else was asked for (memcached's).
pub(crate) const BACKLOG: NonZeroU32 = NonZeroU32::new(1024).expect("1024 is not 0");

/// Why a server cannot listen. Nothing was started.
#[derive(Debug, Error)]
pub enum BindError {
    /// Somebody else has the port.
    #[error("{address} is in use by another program: stop it, or choose another port")]
    InUse {
        /// The address and port.
        address: SocketAddr,
    },
    /// The address cannot be used for another reason.
    #[error("cannot listen on {address}: {source}")]
    Tcp {
        /// The address and port.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Somebody listens on the Unix socket.
    #[error("{} is in use by another program: stop it, or choose another path", path.display())]
    SocketInUse {
        /// Where it is.
        path: PathBuf,
    },
    /// The path of the Unix socket cannot be used.
    #[error("cannot listen on {}: {source}", path.display())]
    Unix {
        /// Where it was to be.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A socket that clients connect to.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener, SocketName),
}

/// The name of a Unix socket, which goes when its server does.
#[derive(Debug)]
pub(crate) struct SocketName(PathBuf);

impl Drop for SocketName {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the socket");
        }
    }
}

/// A listener that a runtime watches.
pub(crate) struct Accepting {
    listener: Watched,
    _name: Option<SocketName>,
}

enum Watched {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Listener {
    /// Hands it to the runtime that this runs in.
    pub(crate) fn accepting(self) -> io::Result<Accepting> {
        Ok(match self {
            Self::Tcp(listener) => {
                let listener = Watched::Tcp(tokio::net::TcpListener::from_std(listener)?);
                Accepting { listener, _name: None }
            }
            Self::Unix(listener, name) => {
                let listener = Watched::Unix(tokio::net::UnixListener::from_std(listener)?);
                Accepting { listener, _name: Some(name) }
            }
        })
    }
}

impl Accepting {
    /// Waits for a client.
    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        match &self.listener {
            Watched::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Socket::Tcp(stream.into_std()?))
            }
            Watched::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(Socket::Unix(stream.into_std()?))
            }
        }
    }
}

/// Who is served on a TCP listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Welcomed {
    /// Whoever reaches it.
    Everybody,
    /// Those who say who they are.
    Users,
}

/// Opens a TCP listener; tells the address with its real port.
///
/// # Errors
/// [`BindError`] says what to do.
pub(crate) fn bind_tcp(
    address: SocketAddr,
    welcomed: Welcomed,
    backlog: NonZeroU32,
) -> Result<(Listener, SocketAddr), BindError> {
    let (listener, bound) = open_tcp(address, backlog).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        _ => BindError::Tcp { address, source },
    })?;
    match welcomed {
        _ if bound.ip().is_loopback() => {}
        Welcomed::Everybody => {
            tracing::warn!(%bound, "anybody who reaches this address can read and change everything here");
        }
        Welcomed::Users => {
            tracing::warn!(%bound, "whoever listens on the way to this address reads passwords and values");
        }
    }
    Ok((Listener::Tcp(listener), bound))
}

fn open_tcp(address: SocketAddr, backlog: NonZeroU32) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Without it a restart would have to wait until the last connections are forgotten.
    socket.set_reuse_address(true)?;
    // A client whose machine is gone must not keep its place for ever.
    socket.set_keepalive(true)?;
    socket.bind(&address.into())?;
    socket.listen(length(backlog))?;
    socket.set_nonblocking(true)?;
    let listener = std::net::TcpListener::from(socket);
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Opens a Unix socket at `path`, for those whom the permission bits `mode` let in.
///
/// # Errors
/// [`BindError`] says what to do.
pub(crate) fn bind_unix(path: &Path, mode: u32, backlog: NonZeroU32) -> Result<Listener, BindError> {
    let failed = |source| BindError::Unix { path: path.into(), source };
    remove_abandoned(path)?;
    let address = SockAddr::unix(path).map_err(failed)?;
    let bound = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
    bound.bind(&address).map_err(failed)?;
    // From here on the name is ours, and goes again when anything below fails.
    let name = SocketName(path.into());
    // Nobody can connect before `listen`, so nobody slips in before the permissions are right.
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
    bound.listen(length(backlog)).map_err(failed)?;
    bound.set_nonblocking(true).map_err(failed)?;
    Ok(Listener::Unix(bound.into(), name))
}

/// As the operating system takes it, which has a limit of its own.
fn length(backlog: NonZeroU32) -> i32 {
    i32::try_from(backlog.get()).unwrap_or(i32::MAX)
}

/// Removes a socket that its owner left behind. Anything else at that path is not ours to remove.
fn remove_abandoned(path: &Path) -> Result<(), BindError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        let source = io::Error::other("there is something else at that path; remove it, or choose another");
        return Err(BindError::Unix { path: path.into(), source });
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(BindError::SocketInUse { path: path.into() }),
        Err(_) => fs::remove_file(path).map_err(|source| BindError::Unix { path: path.into(), source }),
    }
}
