//! A hub without sockets: what clients and peers say goes in, what they are told comes out.

mod answers;
mod counts;
mod dialects;
mod gats;
mod memory;
mod multigets;
mod order;
mod room;
mod stage;

use super::hub::Hub;
use super::options::Options;
use super::shared::Shared;
use super::slot::Token;
use peercache_client::direct::Greeting;
use peercache_core::health::{Incarnation, PeerCell, Phase};
use peercache_core::key::Key;
use peercache_core::protocol::memcached::command::{Command, Dialect};
use peercache_core::protocol::memcached::request::Versions;
use peercache_core::router::{self, Mode};
use peercache_core::spec::{
    EngineKind, HashKind, NetworkSpec, PeerId, PeerSpec, Policy, Replication, Vnodes, Weight,
};
use peercache_core::topology::Topology;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// One worker, and whoever would be at the other ends of its sockets.
struct Stage {
    hub: Hub,
    now: Duration,
    network: NetworkSpec,
    /// What each client was told.
    told: HashMap<u32, String>,
    /// What each peer was sent.
    sent: Vec<String>,
    /// Clients that take nothing of what they are told.
    deaf: Vec<u32>,
}

impl Stage {
    /// A worker of a network of so many peers that keeps so many copies; all are connected, and none knows
    /// meta commands.
    fn of(peers: usize, copies: u8) -> Self {
        let mut stage = Self::unmet(peers, copies);
        (0..peers).for_each(|peer| stage.connect(peer, Dialect::Classic));
        stage
    }

    /// The same, and all know them.
    fn of_meta(peers: usize, copies: u8) -> Self {
        let mut stage = Self::unmet(peers, copies);
        (0..peers).for_each(|peer| stage.connect(peer, Dialect::Meta));
        stage
    }

    /// The same, and nobody was met yet.
    fn unmet(peers: usize, copies: u8) -> Self {
        let network = network(peers, copies);
        let topology = Arc::new(Topology::build(&network).unwrap());
        let shared = Arc::new(Shared::new(Arc::default(), 1, &Options::default(), Vec::new()));
        let hub = Hub::new(topology, shared, 0);
        let (told, sent) = (HashMap::new(), vec![String::new(); peers]);
        Self { hub, now: Duration::ZERO, network, told, sent, deaf: Vec::new() }
    }

    fn connect(&mut self, peer: usize, dialect: Dialect) {
        let incarnation = Incarnation { pid: 7 + peer as u32, started_s: 1000 };
        self.hub.peer_connected(peer, &Greeting { incarnation, items: 0, dialect });
        self.flush();
    }

    fn client(&mut self) -> u32 {
        self.hub.open_session("a client".to_owned())
    }

    /// A client says something.
    fn says(&mut self, client: u32, text: &str) {
        self.hub.client_input(client, text.as_bytes());
        self.flush();
    }

    /// The network keeps so many copies from now on. Nothing may be in progress.
    fn change_copies(&mut self, copies: u8) {
        self.network.replication = Replication::new(copies).unwrap();
        let next = self.hub.topology().next(&self.network, |_| Phase::Up).unwrap();
        assert!(self.hub.is_quiet());
        self.hub.change(&Arc::new(next));
        self.hub.end_change();
        self.flush();
    }

    /// A client takes what it is told from now on.
    fn listens(&mut self, client: u32) {
        self.deaf.clear();
        self.hub.touch(client);
        self.flush();
    }

    /// What a client was told since it was last looked.
    fn told(&mut self, client: u32) -> String {
        self.told.remove(&client).unwrap_or_default()
    }

    /// What `stats` tells.
    fn stat(&mut self, name: &str) -> u64 {
        let client = self.client();
        self.says(client, "stats\r\n");
        let told = self.told(client);
        let line = told.lines().find_map(|line| line.strip_prefix(&format!("STAT {name} ")));
        line.unwrap().parse().unwrap()
    }

    /// What a peer was sent since it was last looked.
    fn sent(&mut self, peer: usize) -> String {
        std::mem::take(&mut self.sent[peer])
    }

    /// A peer answers.
    fn answers(&mut self, peer: usize, text: &str) {
        self.hub.peer_input(peer, text.as_bytes()).unwrap();
        self.flush();
    }

    /// Time passes.
    fn pass(&mut self, by: Duration) {
        let until = self.now + by;
        // As in the real one, alarms ring when they are due.
        for round in 0.. {
            let Some(at) = self.hub.next_alarm().filter(|&at| at <= until) else { break };
            assert!(round < 10_000, "an alarm rings without end");
            self.now = self.now.max(at);
            self.hub.set_now(self.now);
            self.hub.alarm();
            self.flush();
        }
        self.now = until;
        self.hub.set_now(until);
    }

    /// Sends what is to be sent.
    fn flush(&mut self) {
        while self.hub.is_dirty() {
            let (mut peers, mut sessions) = (Vec::new(), Vec::new());
            self.hub.take_dirty_peers(&mut peers);
            for peer in peers {
                let mut out = Vec::new();
                self.hub.peer_output(peer, &mut out);
                self.sent[peer].push_str(str::from_utf8(&out).unwrap());
            }
            self.hub.take_dirty_sessions(&mut sessions);
            for id in sessions {
                if let Some(session) = self.hub.session(id).filter(|_| !self.deaf.contains(&id)) {
                    let unsent = session.out[session.sent..].to_vec();
                    self.told.entry(id).or_default().push_str(str::from_utf8(&unsent).unwrap());
                    self.hub.note_written(id, unsent.len());
                }
                self.hub.sent(id);
            }
        }
    }

    fn cell(&self, peer: usize) -> Arc<PeerCell> {
        Arc::clone(&self.hub.core.known.topology.peers()[peer].cell)
    }

    /// A key whose replicas, owner first, are these.
    fn key(&self, replicas: &[usize]) -> String {
        let topology = &self.hub.core.known.topology;
        let is_theirs = |key: &String| {
            let plan = router::plan(topology, Key::new(key.as_bytes()).unwrap(), Mode::Read).unwrap();
            plan.set.as_slice().iter().map(|peer| peer.get()).eq(replicas.iter().copied())
        };
        (0..10_000).map(|number| format!("k{number}")).find(is_theirs).unwrap()
    }

    /// A peer's link has taken as much as it may, for strangers.
    fn fill(&mut self, peer: usize) {
        let (token, key) = (Token { session: 1 << 20, slot: 0, part: 0 }, Key::new(b"filler").unwrap());
        while self.hub.peers[peer].link.room().is_ok() {
            let deadline = self.now + Policy::default().attempt;
            self.hub.peers[peer].link.push(&Command::Get(&[key], Versions::Hidden), token, deadline);
        }
        self.hub.mark_peer(peer);
        self.flush();
        self.sent(peer);
    }
}

pub(super) fn network(peers: usize, copies: u8) -> NetworkSpec {
    let peer = |number: usize| PeerSpec {
        id: format!("p{number}").parse::<PeerId>().unwrap(),
        address: ([127, 0, 0, 1], 1).into(),
        weight: Weight::default(),
        engine: EngineKind::Memcached,
        ring_name: None,
        auth_file: None,
    };
    NetworkSpec {
        name: "main".parse().unwrap(),
        peers: (0..peers).map(peer).collect(),
        replication: Replication::new(copies).unwrap(),
        vnodes: Vnodes::default(),
        hash: HashKind::Xxh3,
        policy: Policy::default(),
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
