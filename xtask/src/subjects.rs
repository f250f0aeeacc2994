//! What other people's suites and clients are run against, as a table: one line for each.
//!
//! Each start is a subject of its own, with daemons that nobody else uses; only an address that the user
//! names is taken as it is.

use crate::daemons::{self, Daemon, Proxy};
use std::net::SocketAddr;
use std::path::Path;

/// Something that speaks memcached's text protocol.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// How to come by one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// The memcached that everything is held against.
    Memcached,
    /// The embedded engine.
    Embedded,
    /// A proxy in front of memcacheds.
    Proxy { peers: usize, copies: usize },
    /// Whatever the user has running there.
    Address(SocketAddr),
}

/// Everything that the steps run against.
const SUBJECTS: &[Subject] = &[
    Subject { name: "memcached", kind: Kind::Memcached },
    Subject { name: "embedded", kind: Kind::Embedded },
    Subject { name: "proxy, 1 peer", kind: Kind::Proxy { peers: 1, copies: 1 } },
    Subject { name: "proxy, 4 peers", kind: Kind::Proxy { peers: 4, copies: 1 } },
    Subject { name: "proxy, 4 peers, 2 copies", kind: Kind::Proxy { peers: 4, copies: 2 } },
];

impl Subject {
    /// Those that the words of a command line name; all of the table when there are none.
    pub(crate) fn all_or(words: &[String]) -> Result<Vec<Self>, String> {
        if words.is_empty() {
            return Ok(SUBJECTS.to_vec());
        }
        words.iter().map(|word| Self::parse(word)).collect()
    }

    /// Reads a word of the command line.
    fn parse(word: &str) -> Result<Self, String> {
        let numbers = word.strip_prefix("proxy:").and_then(|rest| rest.split_once(':'));
        let numbers = numbers.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let is_own = |address: &SocketAddr| address.ip().is_loopback();
        let (name, kind) = match (word, numbers, word.parse().ok().filter(is_own)) {
            ("memcached", _, _) => ("memcached", Kind::Memcached),
            ("embedded", _, _) => ("embedded", Kind::Embedded),
            (_, Some((peers, copies)), _) => ("proxy", Kind::Proxy { peers, copies }),
            (_, _, Some(address)) => ("address", Kind::Address(address)),
            _ => {
                return Err(format!(
                    "{word:?} is no subject: memcached, embedded, proxy:PEERS:COPIES, or a loopback address \
                     as 127.0.0.1:11311, where everything is emptied"
                ));
            }
        };
        Ok(Self { name, kind })
    }

    /// Whether all suites meet the same process.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Address(_))
    }

    /// Starts it.
    pub(crate) fn start(&self, peercache: &Path, folder: &Path) -> Result<Running, String> {
        let (front, peers) = match self.kind {
            Kind::Memcached => (daemons::memcached(folder)?, Vec::new()),
            Kind::Embedded => (daemons::embedded(peercache, &[], folder)?, Vec::new()),
            Kind::Proxy { peers, copies } => {
                let peers: Vec<Daemon> =
                    (0..peers).map(|_| daemons::memcached(folder)).collect::<Result<_, _>>()?;
                let addresses: Vec<SocketAddr> = peers.iter().map(|peer| peer.address).collect();
                // `cache_memlimit` is among the tests, and a proxy refuses it without this flag.
                let proxy = Proxy { flags: &["--admin-commands"], ..Proxy::over(&addresses, copies) };
                (daemons::proxy(peercache, proxy, folder)?, peers)
            }
            Kind::Address(address) => return Ok(Running::Elsewhere(address)),
        };
        Ok(Running::Ours { front, _peers: peers })
    }
}

/// A subject that answers, until it is dropped.
#[derive(Debug)]
pub(crate) enum Running {
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
    pub(crate) fn address(&self) -> SocketAddr {
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
