//! What is kept of one network: `network/<name>.json`.

use super::collection::Record;
use super::{placing, text};
use peercache_agent::supervise::ProcessIdentity;
use peercache_core::spec::{HashKind, NetworkName, OnDown, PeerId, ReadPolicy, Replication, Vnodes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One network. A field may be added; none is ever renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NetworkRecord {
    schema: u64,
    /// Its name, which is also its file's name.
    #[serde(with = "text")]
    pub(crate) name: NetworkName,
    /// Its peers, each once, in the order in which they came.
    #[serde(with = "text::list")]
    pub(crate) peers: Vec<PeerId>,
    /// Copies per key.
    #[serde(with = "text::number")]
    pub(crate) replication: Replication,
    /// Ring points per unit of weight.
    #[serde(with = "text::number")]
    pub(crate) vnodes: Vnodes,
    /// The hash of points and keys.
    #[serde(flatten, with = "placing")]
    pub(crate) hash: HashKind,
    /// What a read answers when no replica can serve it.
    #[serde(with = "text")]
    pub(crate) on_down: OnDown,
    /// Which copy a read asks first.
    #[serde(with = "text", default = "owner_first")]
    pub(crate) read: ReadPolicy,
    /// Whether `up` made it, so that `down` knows what to stop.
    #[serde(default)]
    pub(crate) made_by_up: bool,
    /// The `up` that is bringing it up, or stays with it.
    #[serde(default)]
    pub(crate) up_by: Option<ProcessIdentity>,
    /// The peers that an `up` is bringing up for it; they become its peers when all of them run. What they
    /// say of an `up` that was killed half way, `down` can stop.
    #[serde(with = "text::list", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) starting: Vec<PeerId>,
    /// When it was created (RFC 3339).
    pub(crate) created_at: String,
    /// Fields of later versions, handed through unchanged.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// How a network is to place and answer; the rest of a new network follows from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    /// Copies per key.
    pub(crate) replication: Replication,
    /// Ring points per unit of weight.
    pub(crate) vnodes: Vnodes,
    /// The hash of points and keys.
    pub(crate) hash: HashKind,
    /// What a read answers when no replica can serve it.
    pub(crate) on_down: OnDown,
    /// Which copy a read asks first.
    pub(crate) read: ReadPolicy,
}

/// What records of the time before there was a choice mean.
fn owner_first() -> ReadPolicy {
    ReadPolicy::OwnerFirst
}

impl NetworkRecord {
    /// Its peers, and those that are being brought up for it.
    pub(crate) fn peers_and_starting(&self) -> impl Iterator<Item = &PeerId> {
        self.peers.iter().chain(&self.starting)
    }

    /// A network without peers.
    pub(crate) fn new(name: NetworkName, placement: Placement) -> Self {
        let Placement { replication, vnodes, hash, on_down, read } = placement;
        Self {
            schema: super::files::SCHEMA,
            name,
            peers: Vec::new(),
            replication,
            vnodes: hash.vnodes(vnodes),
            hash,
            on_down,
            read,
            made_by_up: false,
            up_by: None,
            starting: Vec::new(),
            created_at: jiff::Timestamp::now().to_string(),
            more: Map::new(),
        }
    }
}

impl Record for NetworkRecord {
    const FOLDER: &'static str = "network";
    const INDEX: &'static str = "network.json";
    const LIST: &'static str = "networks";

    type Name = NetworkName;

    fn name(&self) -> &NetworkName {
        &self.name
    }
}
