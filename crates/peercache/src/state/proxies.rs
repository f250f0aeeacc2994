//! What is kept of one running proxy: `proxy/<pid>.json`.
//!
//! Written when it listens and removed when it ends. One that was killed leaves its record behind, which
//! counts for nothing: whether the process runs is asked of the operating system.

use super::collection::Record;
use super::text;
use peercache_agent::supervise::ProcessIdentity;
use peercache_core::spec::NetworkName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One proxy. A field may be added; none is ever renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProxyRecord {
    schema: u64,
    /// Its process.
    #[serde(flatten)]
    pub(crate) process: ProcessIdentity,
    /// The network that it serves.
    #[serde(with = "text")]
    pub(crate) network: NetworkName,
    /// Where clients connect: TCP addresses and the paths of Unix sockets.
    pub(crate) listen: Vec<String>,
    /// Where its metrics are, if anywhere.
    pub(crate) metrics: Option<String>,
    /// Whether an `up` that has ended left it running, so that `down` stops it.
    #[serde(default)]
    pub(crate) left_by_up: bool,
    /// When it began (RFC 3339).
    pub(crate) started_at: String,
    /// Fields of later versions, handed through unchanged.
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl ProxyRecord {
    /// A proxy of `network` that begins now.
    pub(crate) fn new(process: ProcessIdentity, network: NetworkName, listen: Vec<String>) -> Self {
        Self {
            schema: super::files::SCHEMA,
            process,
            network,
            listen,
            metrics: None,
            left_by_up: false,
            started_at: jiff::Timestamp::now().to_string(),
            more: Map::new(),
        }
    }
}

impl Record for ProxyRecord {
    const FOLDER: &'static str = "proxy";
    const INDEX: &'static str = "proxy/registry.json";
    const LIST: &'static str = "proxies";

    type Name = u32;

    fn name(&self) -> &u32 {
        &self.process.pid
    }
}
