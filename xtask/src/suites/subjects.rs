//! What the suites are run against, as a table: one line for each.

use super::judge::Known;
use crate::daemons::{self, Daemon, Proxy};
use std::net::SocketAddr;
use std::path::Path;

/// Something that speaks memcached's text protocol.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// What is known to fail there.
    pub(super) known: &'static [Known],
}

/// How to come by one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// The memcached that everything is held against.
    Memcached,
    /// The embedded engine.
    Embedded,
    /// A proxy in front of memcacheds.
    Proxy { peers: usize, copies: usize },
    /// Whatever the user has running there.
    Address(SocketAddr),
}

/// Everything that the step runs the suites against.
pub(super) const SUBJECTS: &[Subject] = &[
    Subject { name: "memcached", kind: Kind::Memcached, known: &[] },
    Subject { name: "embedded", kind: Kind::Embedded, known: EMBEDDED },
];

const EMBEDDED: &[Known] = &[Known {
    suite: "pymemcache",
    named: "::test_misc[",
    tests: 12,
    why: "`stats cachedump` shows slabs, which the embedded engine does not have",
}];

impl Subject {
    /// Reads a word of the command line.
    pub(super) fn parse(word: &str) -> Result<Self, String> {
        let numbers = word.strip_prefix("proxy:").and_then(|rest| rest.split_once(':'));
        let numbers = numbers.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let is_own = |address: &SocketAddr| address.ip().is_loopback();
        let (name, kind, known) = match (word, numbers, word.parse().ok().filter(is_own)) {
            ("memcached", _, _) => ("memcached", Kind::Memcached, [].as_slice()),
            ("embedded", _, _) => ("embedded", Kind::Embedded, EMBEDDED),
            (_, Some((peers, copies)), _) => ("proxy", Kind::Proxy { peers, copies }, [].as_slice()),
            (_, _, Some(address)) => ("address", Kind::Address(address), [].as_slice()),
            _ => {
                return Err(format!(
                    "{word:?} is no subject: memcached, embedded, proxy:PEERS:COPIES, or a loopback address \
                     as 127.0.0.1:11311, where everything is emptied"
                ));
            }
        };
        Ok(Self { name, kind, known })
    }

    /// Whether all suites meet the same process.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Address(_))
    }

    /// Starts it.
    pub(super) fn start(&self, peercache: &Path, folder: &Path) -> Result<Running, String> {
        let (front, peers) = match self.kind {
            Kind::Memcached => (daemons::memcached(folder)?, Vec::new()),
            Kind::Embedded => (daemons::embedded(peercache, folder)?, Vec::new()),
            Kind::Proxy { peers, copies } => {
                let peers: Vec<Daemon> =
                    (0..peers).map(|_| daemons::memcached(folder)).collect::<Result<_, _>>()?;
                let addresses: Vec<SocketAddr> = peers.iter().map(|peer| peer.address).collect();
                // `cache_memlimit` is among the tests, and a proxy refuses it without this flag.
                let proxy = Proxy { peers: &addresses, copies, flags: &["--admin-commands"] };
                (daemons::proxy(peercache, proxy, folder)?, peers)
            }
            Kind::Address(address) => return Ok(Running::Elsewhere(address)),
        };
        Ok(Running::Ours { front, _peers: peers })
    }
}

/// A subject that answers, until it is dropped.
#[derive(Debug)]
pub(super) enum Running {
    /// Started by us.
    Ours {
        front: Daemon,
        /// Kept running for the front.
        _peers: Vec<Daemon>,
    },
    /// The user's.
    Elsewhere(SocketAddr),
}

impl Running {
    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Ours { front, .. } => front.address,
            Self::Elsewhere(address) => *address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_named_or_an_address_of_this_machine() {
        let kind = |word| Subject::parse(word).map(|subject| subject.kind);
        assert!(matches!(kind("embedded"), Ok(Kind::Embedded)));
        assert!(matches!(kind("proxy:4:2"), Ok(Kind::Proxy { peers: 4, copies: 2 })));
        assert!(matches!(kind("127.0.0.1:11311"), Ok(Kind::Address(_))));
        for word in ["redis", "proxy:4", "proxy:a:2", "192.0.2.1:11211", ""] {
            assert!(kind(word).unwrap_err().contains("no subject"), "{word}");
        }
    }
}
