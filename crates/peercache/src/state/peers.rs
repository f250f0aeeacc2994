//! What is kept of one peer: `peer/<id>.json`.

use super::collection::Record;
use super::text;
use peercache_agent::supervise::ProcessIdentity;
use peercache_core::spec::{AuthFile, EngineKind, PeerId, PeerSpec, RingName, Weight};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// What a peer was last meant to be. Whether its process really runs is asked of the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PeerState {
    /// A command has claimed it and is bringing its daemon up; `starter` says which command.
    Starting,
    /// Its daemon was ready.
    Running,
    /// It was stopped by us.
    Stopped,
}

/// One peer. A field may be added; none is ever renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerRecord {
    schema: u64,
    /// Its id, which is also its file's name.
    #[serde(with = "text")]
    pub(crate) id: PeerId,
    /// The address it listens on, or is reached at.
    pub(crate) host: IpAddr,
    /// The TCP port.
    pub(crate) port: u16,
    /// Whether the user chose the port. Any other one may be exchanged when somebody else has taken it.
    #[serde(default)]
    pub(crate) port_fixed: bool,
    /// The daemon's pid while it is meant to run; a process only together with the next two fields.
    pub(crate) pid: Option<u32>,
    /// When that process started, in clock ticks since boot.
    pub(crate) start_ticks: Option<u64>,
    /// The boot in which it ran.
    pub(crate) boot_id: Option<String>,
    /// What runs there.
    #[serde(with = "text")]
    pub(crate) engine: EngineKind,
    /// Memory for items in MiB; none for a peer that somebody else runs.
    pub(crate) memory_mb: Option<u32>,
    /// Its share of a ring in proportion to the others'.
    #[serde(with = "text::number")]
    pub(crate) weight: Weight,
    /// What its points on a ketama ring are made of, where that is not its id.
    #[serde(with = "text::option", default, skip_serializing_if = "Option::is_none")]
    pub(crate) ring_name: Option<RingName>,
    /// Where its users stand, the first of whom we are; none where it asks nobody. Never who they are.
    #[serde(with = "text::option", default, skip_serializing_if = "Option::is_none")]
    pub(crate) auth_file: Option<AuthFile>,
    /// What it was last meant to be.
    pub(crate) state: PeerState,
    /// Whether we start and stop it. False is an attached peer, which somebody else runs.
    pub(crate) managed: bool,
    /// Set when it was started as a member of a network that keeps several copies while another member ran:
    /// it came back empty, so every client asks the next replica too where it misses (P-20). It stays set
    /// until the peer leaves its network or starts together with all the others: a peer that fills by writes
    /// alone never knows that it has everything.
    pub(crate) warming: bool,
    /// Its log, relative to the state directory.
    pub(crate) log: Option<String>,
    /// When its daemon was last started (RFC 3339).
    pub(crate) started_at: Option<String>,
    /// The command that is starting it.
    pub(crate) starter: Option<ProcessIdentity>,
    /// Fields of later versions, handed through unchanged.
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl PeerRecord {
    /// A peer of ours that has never run.
    pub(crate) fn managed(id: PeerId, engine: EngineKind) -> Self {
        let log = Some(format!("log/{id}.log"));
        Self { managed: true, log, ..Self::new(id, engine) }
    }

    /// A peer that somebody else runs at `address` and calls `ring_name`.
    pub(crate) fn attached(id: PeerId, address: SocketAddr, weight: Weight, ring_name: RingName) -> Self {
        let new = Self::new(id, EngineKind::Memcached);
        let (host, port, ring_name) = (address.ip(), address.port(), Some(ring_name));
        Self { host, port, weight, ring_name, state: PeerState::Running, ..new }
    }

    fn new(id: PeerId, engine: EngineKind) -> Self {
        Self {
            schema: super::files::SCHEMA,
            id,
            host: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            port_fixed: false,
            pid: None,
            start_ticks: None,
            boot_id: None,
            engine,
            memory_mb: None,
            weight: Weight::default(),
            ring_name: None,
            auth_file: None,
            state: PeerState::Stopped,
            managed: false,
            warming: false,
            log: None,
            started_at: None,
            starter: None,
            more: Map::new(),
        }
    }

    /// Where its log is, in the state directory: always at its own place, whatever a file says. None for a
    /// peer that somebody else runs.
    pub(crate) fn log_in(&self, root: &Path) -> Option<PathBuf> {
        self.managed.then(|| root.join("log").join(format!("{}.log", self.id)))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// The process it was last known as.
    pub(crate) fn process(&self) -> Option<ProcessIdentity> {
        let (pid, start_ticks) = (self.pid?, self.start_ticks?);
        Some(ProcessIdentity { pid, start_ticks, boot_id: self.boot_id.clone()? })
    }

    /// Writes down which process it is; none when it has stopped.
    pub(crate) fn set_process(&mut self, process: Option<&ProcessIdentity>) {
        self.pid = process.map(|process| process.pid);
        self.start_ticks = process.map(|process| process.start_ticks);
        self.boot_id = process.map(|process| process.boot_id.clone());
    }

    /// The peer as a network sees it.
    pub(crate) fn spec(&self) -> PeerSpec {
        PeerSpec {
            id: self.id.clone(),
            address: self.address(),
            weight: self.weight,
            engine: self.engine,
            ring_name: self.ring_name.clone(),
            auth_file: self.auth_file.clone(),
        }
    }
}

impl Record for PeerRecord {
    const FOLDER: &'static str = "peer";
    const INDEX: &'static str = "peer/registry.json";
    const LIST: &'static str = "peers";

    type Name = PeerId;

    fn name(&self) -> &PeerId {
        &self.id
    }
}
