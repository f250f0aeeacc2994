//! Who is connected, and what each connection waits for: what `stats conns` tells, in memcached's words.

use crate::door::{Listener, Socket};
use peercache_engine::Now;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is done on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Doing {
    /// Clients are waited for.
    Listening,
    /// A request is waited for.
    Reading,
    /// Requests are carried out.
    Executing,
    /// The rest of a value is waited for.
    Receiving,
    /// The rest of a value that was refused is waited for.
    Swallowing,
    /// The client takes its answers.
    Writing,
}

impl Doing {
    const ALL: [Self; 6] =
        [Self::Listening, Self::Reading, Self::Executing, Self::Receiving, Self::Swallowing, Self::Writing];

    /// memcached's word for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Listening => "conn_listening",
            Self::Reading => "conn_read",
            Self::Executing => "conn_parse_cmd",
            Self::Receiving => "conn_nread",
            Self::Swallowing => "conn_swallow",
            Self::Writing => "conn_mwrite",
        }
    }
}

/// All connections, and all sockets that clients can connect to, by the numbers of their descriptors.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<BTreeMap<RawFd, Arc<Connected>>>);

/// What is known of one of them.
#[derive(Debug)]
pub(crate) struct Connected {
    /// The client's; of a listener its own.
    address: String,
    /// Where it came in; none for a listener.
    listen_address: Option<String>,
    doing: AtomicU8,
    last_command_unix_s: AtomicU64,
}

impl Connected {
    /// Notes what is done on it.
    pub(crate) fn does(&self, doing: Doing) {
        self.doing.store(doing as u8, Relaxed);
    }

    /// Notes that requests have come, which are now carried out.
    pub(crate) fn executes(&self, now: Now) {
        self.last_command_unix_s.store(now.unix_s, Relaxed);
        self.does(Doing::Executing);
    }

    fn doing(&self) -> Doing {
        Doing::ALL[usize::from(self.doing.load(Relaxed))]
    }
}

/// It is among them for as long as this lives.
#[derive(Debug)]
pub(crate) struct Entered<'a> {
    connections: &'a Connections,
    fd: RawFd,
    pub(crate) connected: Arc<Connected>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut all = self.connections.lock();
        // The number may be somebody else's by now.
        if all.get(&self.fd).is_some_and(|there| Arc::ptr_eq(there, &self.connected)) {
            all.remove(&self.fd);
        }
    }
}

impl Connections {
    /// Takes in a client.
    pub(crate) fn enter(&self, socket: &Socket, now: Now) -> Entered<'_> {
        let (fd, address, listen_address) = match socket {
            Socket::Tcp(socket) => (socket.as_raw_fd(), tcp(socket.peer_addr()), tcp(socket.local_addr())),
            Socket::Unix(socket) => (socket.as_raw_fd(), unix(socket.peer_addr()), unix(socket.local_addr())),
        };
        self.add(fd, address, Some(listen_address), Doing::Reading, now)
    }

    /// Takes in a listener.
    pub(crate) fn enter_listener(&self, listener: &Listener, now: Now) -> Entered<'_> {
        let (fd, address) = match listener {
            Listener::Tcp(listener) => (listener.as_raw_fd(), tcp(listener.local_addr())),
            Listener::Unix(listener, _) => (listener.as_raw_fd(), unix(listener.local_addr())),
        };
        self.add(fd, address, None, Doing::Listening, now)
    }

    fn add(
        &self,
        fd: RawFd,
        address: String,
        listen_address: Option<String>,
        doing: Doing,
        now: Now,
    ) -> Entered<'_> {
        let (doing, last_command_unix_s) = (AtomicU8::new(doing as u8), AtomicU64::new(now.unix_s));
        let connected = Arc::new(Connected { address, listen_address, doing, last_command_unix_s });
        self.lock().insert(fd, Arc::clone(&connected));
        Entered { connections: self, fd, connected }
    }

    /// What is told of each: a name behind the number of its descriptor, and a value.
    pub(crate) fn tell(&self, now: Now, mut tell: impl FnMut(RawFd, &str, &str)) {
        // Nobody who connects has to wait until all is told.
        let all = self.lock().clone();
        for (fd, connected) in all {
            let silent_s = now.unix_s.saturating_sub(connected.last_command_unix_s.load(Relaxed));
            tell(fd, "addr", &connected.address);
            if let Some(address) = &connected.listen_address {
                tell(fd, "listen_addr", address);
            }
            tell(fd, "state", connected.doing().word());
            tell(fd, "secs_since_last_cmd", &silent_s.to_string());
        }
    }

    /// Nothing that is done under the lock panics half-way.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RawFd, Arc<Connected>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address as memcached writes it; a client that has gone has none.
fn tcp(address: std::io::Result<SocketAddr>) -> String {
    match address {
        Ok(address @ SocketAddr::V4(_)) => format!("tcp:{address}"),
        Ok(address @ SocketAddr::V6(_)) => format!("tcp6:{address}"),
        Err(_) => "<closed>".to_owned(),
    }
}

fn unix(address: std::io::Result<net::SocketAddr>) -> String {
    let path = address.ok().and_then(|address| address.as_pathname().map(|path| path.display().to_string()));
    format!("unix:{}", path.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_has_memcacheds_word() {
        for (number, doing) in (0..).zip(Doing::ALL) {
            assert_eq!(doing as u8, number);
            assert!(doing.word().starts_with("conn_"));
        }
    }
}
