//! Which TCP ports of 127.0.0.1 a daemon could listen on now.
//!
//! An answer is a snapshot: somebody else may take the port before the daemon does. That shows as
//! [`NotReady::PortTaken`](super::NotReady::PortTaken) or in the daemon's own words, never as a wrong peer.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};

/// Where the search for a peer's port begins, unless the user says otherwise.
pub const FIRST_PORT: u16 = 12_000;

/// Whether a daemon could listen on `port` of 127.0.0.1. Port 0 is no port.
///
/// This does what the daemon will do: it binds *and* listens with `SO_REUSEADDR`, as std sets it. Without
/// that option, a port would look taken for a minute after a peer with open connections was stopped
/// (TIME_WAIT); by binding alone, a port that is bound but not yet listened on would look free.
#[must_use]
pub fn is_free(port: u16) -> bool {
    port != 0 && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The first free port at or above `from` that is not in `taken`.
///
/// Ports in `taken` are not even tried: the probe holds a port for a moment, which must not happen to a peer
/// that is just starting there. Hence two searches at once need one lock around search and record.
#[must_use]
pub fn first_free(from: u16, taken: &BTreeSet<u16>) -> Option<u16> {
    (from.max(1)..=u16::MAX).find(|port| !taken.contains(port) && is_free(*port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[test]
    fn a_port_with_a_listener_is_not_free() {
        let (listener, port) = listen();
        assert!(!is_free(port));
        drop(listener);
        assert!(is_free(port));
    }

    #[test]
    fn connections_that_linger_after_a_stop_do_not_take_the_port() {
        let (listener, port) = listen();
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        accepted.write_all(b"x").unwrap();
        // The side that closes first keeps the port in TIME_WAIT.
        drop((accepted, listener));
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        drop(client);
        assert!(is_free(port));
    }

    #[test]
    fn the_search_skips_what_listens_and_what_is_promised() {
        let (_listener, port) = listen();
        let found = first_free(port, &BTreeSet::new()).expect("a port above is free");
        assert!(found > port);
        let next = first_free(port, &BTreeSet::from([found])).expect("another one is free");
        assert!(next > found);
    }

    #[test]
    fn the_search_ends_at_the_last_port() {
        assert_eq!(first_free(u16::MAX, &BTreeSet::from([u16::MAX])), None);
        assert!(!is_free(0));
    }
}
