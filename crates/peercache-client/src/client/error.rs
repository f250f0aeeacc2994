//! Why a request failed: each error names the peers, where they are, and what each of them did.

use crate::network::Unrecorded;
use peercache_core::key::KeyError;
use peercache_core::protocol::Refusal;
use peercache_core::spec::PeerId;
use std::fmt;
use std::net::SocketAddr;
use thiserror::Error;

/// One peer that could not do its part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The peer.
    pub peer: PeerId,
    /// Where it should be.
    pub address: SocketAddr,
    /// What is wrong with it, as the end of a sentence that begins with the peer.
    pub reason: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) {}", self.peer, self.address, self.reason)
    }
}

fn list(troubles: &[Trouble]) -> String {
    troubles.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Why a read has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// It was never sent.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The network has no peers.
    #[error("No peers available.")]
    NoPeers,
    /// No replica of the key can serve it now (P-21).
    #[error("no replica can serve {key}: {}", list(.troubles))]
    Unavailable {
        /// The key, printable.
        key: String,
        /// Its replicas.
        troubles: Vec<Trouble>,
    },
}

/// Why a write was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// It was never sent.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The network has no peers; nothing was sent.
    #[error("No peers available.")]
    NoPeers,
    /// It was never sent.
    #[error("the value is {bytes} bytes long; the limit is {max} bytes")]
    ValueTooLarge {
        /// Its length.
        bytes: usize,
        /// The policy's limit.
        max: usize,
    },
    /// The first live replica will not store it; no replica keeps an older value of the key (P-13).
    #[error("peer {peer} refused it: {refusal}")]
    Refused {
        /// Who.
        peer: PeerId,
        /// Why.
        refusal: Refusal,
    },
    /// No replica stored it, and none will: those that were reached refused and lost the key's old value too.
    #[error("no replica can store {key}: {}", list(.troubles))]
    Unavailable {
        /// The key, printable.
        key: String,
        /// Its replicas.
        troubles: Vec<Trouble>,
    },
    /// It was sent and nobody confirmed it: the key may have the old value or the new one (P-13).
    #[error("it is unknown whether the write of {key} was executed: {}", list(.troubles))]
    Ambiguous {
        /// The key, printable.
        key: String,
        /// Its replicas.
        troubles: Vec<Trouble>,
    },
    /// Some replica missed it and other processes cannot be told (P-11): those that confirmed have the new
    /// value, and another process may still read the old one. Write it again when the ledger is writable.
    #[error("the write of {key} cannot be acknowledged: {unrecorded}")]
    Unrecorded {
        /// The key, printable.
        key: String,
        /// Which peer missed it, and what is wrong with the ledger.
        unrecorded: Unrecorded,
    },
}

/// Why one peer did not answer a question put to it alone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PeerError {
    /// It is not in this network.
    #[error("peer {0} is not in this network")]
    Unknown(PeerId),
    /// It did not answer.
    #[error("peer {0}")]
    Trouble(Trouble),
}
