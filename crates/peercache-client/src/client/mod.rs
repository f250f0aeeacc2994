//! A network as a library user meets it: `get`, `get_many`, `set`, `delete`.
//!
//! A [`Client`] is one worker's set of links: at most one connection to each peer, opened on first use.
//! Clones share it; [`Client::worker`] makes another set over the same knowledge of who is up.
//!
//! Dropping a future in the middle is safe for the client and leaves its write unknown, as after a time-out.
//! Without a state directory the promises about stale reads hold for this process's own writes only (P-12).

mod error;
mod inspect;
mod many;
mod request;
mod ttl;

use crate::answer::Answer;
use crate::link::Link;
use crate::network::Network;
use bytes::Bytes;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::command::Command;
use peercache_core::protocol::memcached::request::{StoreVerb, Versions};
use peercache_core::replication::{self, Outcome, Positions};
use peercache_core::ring::ReplicaSet;
use peercache_core::router::{self, Mode, Plan};
use peercache_core::spec::{OnDown, PeerId};
use peercache_core::topology::Topology;
use request::Finished;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

pub use error::{PeerError, ReadError, Trouble, WriteError};
pub use inspect::{Copy, ItemInfo};
pub use ttl::Ttl;

/// A handle onto a network. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    links: Arc<Links>,
}

/// One worker's links, one a peer, each opened on first use.
#[derive(Debug)]
struct Links {
    network: Arc<Network>,
    /// The topology whose peers the links are counted by.
    topology: Arc<Topology>,
    links: Vec<OnceLock<Link>>,
    /// How many requests were planned.
    planned: AtomicU32,
}

/// A value as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its bytes.
    pub data: Bytes,
    /// The flags it was stored with; peercache gives them no meaning.
    pub flags: u32,
    /// The peer that served it.
    pub from: PeerId,
}

/// How a value is to be stored. The default is no flags, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetOptions {
    /// Handed back with the value.
    pub flags: u32,
    /// How long it may be served.
    pub ttl: Ttl,
}

/// An acknowledged `set`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The replicas that have it, owner first.
    pub confirmed: Vec<PeerId>,
    /// The replicas that may not have it; until they are brought back, none of them serves a read.
    pub missed: Vec<PeerId>,
}

/// An acknowledged `delete`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Whether any replica had the key.
    pub existed: bool,
    /// The replicas that have it no more, owner first.
    pub confirmed: Vec<PeerId>,
    /// As in [`Written::missed`].
    pub missed: Vec<PeerId>,
}

impl Client {
    /// A client of `topology`. Connects to nothing yet.
    ///
    /// By itself it never reads a peer again that missed a write or went down: whoever uses it for longer
    /// than a moment wants a healer beside it, as the `peercache` crate's client has.
    ///
    /// # Panics
    /// Requests panic outside a tokio runtime with time and IO enabled.
    #[must_use]
    pub fn open(topology: Arc<Topology>) -> Self {
        Self::over(Network::new(topology))
    }

    /// Another client of the same network with connections of its own, for another worker. What one learns of
    /// a peer, all know.
    #[must_use]
    pub fn worker(&self) -> Self {
        Self::over(Arc::clone(&self.links.network))
    }

    /// As [`Self::open`], over a network that others share.
    ///
    /// # Panics
    /// As [`Self::open`].
    #[must_use]
    pub fn over(network: Arc<Network>) -> Self {
        let topology = network.topology();
        let links = topology.peers().iter().map(|_| OnceLock::new()).collect();
        Self { links: Arc::new(Links { network, topology, links, planned: AtomicU32::new(0) }) }
    }

    /// What this client shares with whoever heals its peers.
    #[must_use]
    pub fn network(&self) -> &Arc<Network> {
        &self.links.network
    }

    /// The network's topology when the client was opened, which it keeps to.
    #[must_use]
    pub fn topology(&self) -> &Arc<Topology> {
        &self.links.topology
    }

    /// Reads `key`: from its owner, or from the next replica that can serve (P-20). None is a miss.
    ///
    /// # Errors
    /// [`ReadError`]: the key is none, or no replica could serve it and the policy says so.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Value>, ReadError> {
        let key = Key::new(key)?;
        let plan = self.plan(key, Mode::Read).ok_or(ReadError::NoPeers)?;
        let finished = self.run(plan, &Command::Get(&[key], Versions::Hidden), key).await;
        self.read_answer(key, finished)
    }

    /// Reads many keys, each as [`Self::get`] would, with one request to each peer where that is enough. The
    /// answers stand in the order of `keys`.
    ///
    /// # Errors
    /// As [`Self::get`], for the first key that fails.
    pub async fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Value>>, ReadError> {
        many::get_many(self, keys).await
    }

    /// Stores `value` under `key` on every live replica (P-14).
    ///
    /// # Errors
    /// [`WriteError`]. After [`WriteError::Ambiguous`] the key may have either value (P-13). After any other
    /// the new value is nowhere; a refusal may have taken the old one away too.
    pub async fn set(&self, key: &[u8], value: &[u8], options: SetOptions) -> Result<Written, WriteError> {
        let key = Key::new(key)?;
        let max = self.topology().policy().value_bytes_max;
        if value.len() > max {
            return Err(WriteError::ValueTooLarge { bytes: value.len(), max });
        }
        let plan = self.plan(key, Mode::WriteAll).ok_or(WriteError::NoPeers)?;
        let exptime = options.ttl.exptime();
        let command = Command::Store {
            verb: StoreVerb::Set,
            key,
            flags: options.flags,
            exptime: i64::from(exptime),
            value,
        };
        let finished = self.run(plan, &command, key).await;
        let (confirmed, missed, _) = self.write_answer(key, finished)?;
        Ok(Written { confirmed, missed })
    }

    /// Deletes `key` on every live replica (P-14).
    ///
    /// # Errors
    /// As [`Self::set`].
    pub async fn delete(&self, key: &[u8]) -> Result<Deleted, WriteError> {
        let key = Key::new(key)?;
        let plan = self.plan(key, Mode::WriteAll).ok_or(WriteError::NoPeers)?;
        let finished = self.run(plan, &Command::Delete(key), key).await;
        let (confirmed, missed, existed) = self.write_answer(key, finished)?;
        Ok(Deleted { existed, confirmed, missed })
    }

    /// A peer's own statistics.
    ///
    /// # Errors
    /// [`PeerError`]: the peer is not in the network, or did not answer.
    pub async fn stats(&self, peer: &PeerId) -> Result<Vec<(String, String)>, PeerError> {
        match self.ask_peer(peer, &Command::Stats).await? {
            Answer::Stats(stats) => Ok(stats),
            other => Err(self.peer_error(peer, &other)),
        }
    }

    /// Empties a peer. Its keys are gone for every user of it.
    ///
    /// # Errors
    /// [`PeerError`]: the peer is not in the network, did not answer, or refuses; it may or may not be empty.
    pub async fn flush(&self, peer: &PeerId) -> Result<(), PeerError> {
        match self.ask_peer(peer, &Command::FlushAll { after_s: 0 }).await? {
            answer if answer.outcome() == Outcome::Done => Ok(()),
            other => Err(self.peer_error(peer, &other)),
        }
    }

    fn plan(&self, key: Key<'_>, mode: Mode) -> Option<Plan> {
        router::plan(self.topology(), key, mode, self.links.planned.fetch_add(1, Relaxed))
    }

    fn link(&self, index: usize) -> &Link {
        let open = || {
            let peer = self.topology().peers()[index].clone();
            Link::open(Arc::clone(&self.links.network), peer)
        };
        self.links.links[index].get_or_init(open)
    }

    /// The link, if it was ever used.
    fn opened_link(&self, index: usize) -> Option<&Link> {
        self.links.links[index].get()
    }

    fn read_answer(&self, key: Key<'_>, finished: Finished) -> Result<Option<Value>, ReadError> {
        let Finished { set, verdict, mut answers, .. } = finished;
        match verdict.answer {
            replication::Answer::Hit(position) => {
                let found = match answers.swap_remove(usize::from(position)) {
                    Some(Answer::Values(found)) => {
                        found.into_iter().find(|found| found.key == key.as_bytes())
                    }
                    _ => None,
                };
                let from = || self.id_at(&set, position);
                Ok(found.map(|found| Value { data: found.data, flags: found.flags, from: from() }))
            }
            replication::Answer::Miss => Ok(None),
            _ if self.topology().policy().on_down == OnDown::Miss => Ok(None),
            _ => {
                Err(ReadError::Unavailable { key: key.to_string(), troubles: self.troubles(&set, &answers) })
            }
        }
    }

    fn write_answer(
        &self,
        key: Key<'_>,
        finished: Finished,
    ) -> Result<(Vec<PeerId>, Vec<PeerId>, bool), WriteError> {
        let Finished { set, verdict, answers, recorded } = finished;
        if let Err(unrecorded) = recorded {
            return Err(WriteError::Unrecorded { key: key.to_string(), unrecorded });
        }
        let troubles = || self.troubles(&set, &answers);
        match verdict.answer {
            replication::Answer::Done { confirmed, found } => {
                Ok((self.ids(&set, confirmed), self.ids(&set, verdict.unreadable), found))
            }
            replication::Answer::Refused(position, refusal) => {
                Err(WriteError::Refused { peer: self.id_at(&set, position), refusal })
            }
            replication::Answer::Ambiguous(_) => {
                Err(WriteError::Ambiguous { key: key.to_string(), troubles: troubles() })
            }
            _ => Err(WriteError::Unavailable { key: key.to_string(), troubles: troubles() }),
        }
    }

    fn id_at(&self, set: &ReplicaSet, position: u8) -> PeerId {
        self.topology().peer(router::peer_at(set, position)).spec.id.clone()
    }

    fn ids(&self, set: &ReplicaSet, positions: Positions) -> Vec<PeerId> {
        positions.iter().map(|position| self.id_at(set, position)).collect()
    }
}
