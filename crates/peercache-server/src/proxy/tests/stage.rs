//! What a test plays on: a [`Hub`], and whoever would be at the other ends of its sockets. Clients send,
//! peers answer and time passes when the test says so.

use crate::proxy::hub::Hub;
use crate::proxy::options::Options;
use crate::proxy::shared::Shared;
use crate::proxy::slot::Token;
use peercache_client::direct::Greeting;
use peercache_core::health::{Incarnation, PeerCell, Phase};
use peercache_core::key::Key;
use peercache_core::link::End;
use peercache_core::protocol::memcached::command::{Command, Dialect};
use peercache_core::protocol::memcached::request::Versions;
use peercache_core::spec::{
    EngineKind, HashKind, NetworkSpec, PeerSpec, Policy, Replication, Vnodes, Weight,
};
use peercache_core::topology::Topology;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How often something is repeated before something must be wrong.
const ROUNDS_MAX: usize = 100_000;

/// One worker and all that is around it.
pub(super) struct Stage {
    pub(super) hub: Hub,
    pub(super) network: NetworkSpec,
    now: Duration,
    clients: HashMap<u32, Client>,
    /// What each peer was sent.
    sent: Vec<String>,
}

/// A client as its socket shows it.
#[derive(Default)]
struct Client {
    told: String,
    /// How many bytes its socket still takes, if not any number.
    takes: Option<usize>,
    is_blocked: bool,
    is_over: bool,
}

impl Stage {
    /// A worker of a network of so many peers that keeps so many copies; all are connected, and none knows
    /// meta commands.
    pub(super) fn of(peers: usize, copies: u8) -> Self {
        let mut stage = Self::unmet(peers, copies);
        (0..peers).for_each(|peer| stage.connect(peer, Dialect::Classic));
        stage
    }

    /// The same, and all know them.
    pub(super) fn of_meta(peers: usize, copies: u8) -> Self {
        let mut stage = Self::unmet(peers, copies);
        (0..peers).for_each(|peer| stage.connect(peer, Dialect::Meta));
        stage
    }

    /// The same, and nobody was met yet.
    pub(super) fn unmet(peers: usize, copies: u8) -> Self {
        let network = network(peers, copies);
        let topology = Arc::new(Topology::build(&network).unwrap());
        let shared = Arc::new(Shared::new(Arc::default(), 1, &Options::default(), Vec::new()));
        let hub = Hub::new(topology, shared, 0);
        let (clients, sent) = (HashMap::new(), vec![String::new(); peers]);
        Self { hub, network, now: Duration::ZERO, clients, sent }
    }

    /// A connection to a peer stands.
    pub(super) fn connect(&mut self, peer: usize, dialect: Dialect) {
        let incarnation = Incarnation { pid: 7 + peer as u32, started_s: 1000 };
        self.hub.peer_connected(peer, &Greeting { incarnation, items: 0, dialect });
        self.flush();
    }

    /// A client comes.
    pub(super) fn client(&mut self) -> u32 {
        let id = self.hub.open_session("a client".to_owned());
        assert!(self.clients.insert(id, Client::default()).is_none_or(|before| before.is_over));
        id
    }

    /// A client says something.
    pub(super) fn says(&mut self, client: u32, text: &str) {
        self.hub.client_input(client, text.as_bytes());
        self.flush();
    }

    /// A client has gone.
    pub(super) fn leaves(&mut self, client: u32) {
        self.hub.client_gone(client);
        self.flush();
    }

    /// A client takes so many bytes more of what it is told, and then none.
    pub(super) fn takes(&mut self, client: u32, bytes: usize) {
        self.let_take(client, Some(bytes));
    }

    /// A client takes all that it is told.
    pub(super) fn takes_all(&mut self, client: u32) {
        self.let_take(client, None);
    }

    fn let_take(&mut self, id: u32, bytes: Option<usize>) {
        let client = self.clients.get_mut(&id).unwrap();
        client.takes = bytes;
        if std::mem::take(&mut client.is_blocked) {
            self.hub.touch(id);
        }
        self.flush();
    }

    /// What a client was told since it was last looked.
    pub(super) fn told(&mut self, client: u32) -> String {
        std::mem::take(&mut self.clients.get_mut(&client).unwrap().told)
    }

    /// What `stats` tells.
    pub(super) fn stat(&mut self, name: &str) -> u64 {
        let client = self.client();
        self.says(client, "stats\r\n");
        let told = self.told(client);
        let line = told.lines().find_map(|line| line.strip_prefix(&format!("STAT {name} ")));
        line.unwrap().parse().unwrap()
    }

    /// What a peer was sent since it was last looked.
    pub(super) fn sent(&mut self, peer: usize) -> String {
        std::mem::take(&mut self.sent[peer])
    }

    /// A peer answers.
    pub(super) fn answers(&mut self, peer: usize, text: &str) {
        self.hub.peer_input(peer, text.as_bytes()).unwrap();
        self.flush();
    }

    /// A peer closes its connection.
    pub(super) fn lose(&mut self, peer: usize) {
        self.hub.peer_ended(peer, End::Lost, "it closed the connection".to_owned());
        self.flush();
    }

    /// Every peer answers what it is asked for until nobody asks any more: each key has a value of so many
    /// bytes.
    pub(super) fn serve(&mut self, value_bytes: usize) {
        loop {
            let sent: Vec<_> = (0..self.sent.len()).map(|peer| self.sent(peer)).collect();
            if sent.iter().all(String::is_empty) {
                return;
            }
            for (peer, sent) in sent.iter().enumerate() {
                for packet in hits(sent, value_bytes).as_bytes().chunks(64 << 10) {
                    self.answers(peer, str::from_utf8(packet).unwrap());
                }
            }
        }
    }

    /// Time passes. As in the real one, alarms ring when they are due.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        for round in 0.. {
            let Some(at) = self.hub.next_alarm().filter(|&at| at <= until) else { break };
            assert!(round < ROUNDS_MAX, "an alarm rings without end");
            self.now = self.now.max(at);
            self.hub.set_now(self.now);
            self.hub.alarm();
            self.flush();
        }
        self.now = until;
        self.hub.set_now(until);
    }

    /// The network keeps so many copies from now on. Nothing may be in progress.
    pub(super) fn change_copies(&mut self, copies: u8) {
        self.network.replication = Replication::new(copies).unwrap();
        let next = self.hub.topology().next(&self.network, |_| Phase::Up).unwrap();
        assert!(self.hub.is_quiet());
        self.hub.change(&Arc::new(next));
        self.hub.end_change();
        self.flush();
    }

    /// A peer's link has taken as much as it may, for strangers.
    pub(super) fn fill(&mut self, peer: usize) {
        let (token, key) = (Token { session: 1 << 20, slot: 0, part: 0 }, Key::new(b"filler").unwrap());
        while self.hub.peers[peer].link.room().is_ok() {
            let deadline = self.now + Policy::default().attempt;
            self.hub.peers[peer].link.push(&Command::Get(&[key], Versions::Hidden), token, deadline);
        }
        self.hub.mark_peer(peer);
        self.flush();
        self.sent(peer);
    }

    /// What is known of a peer.
    pub(super) fn cell(&self, peer: usize) -> Arc<PeerCell> {
        Arc::clone(&self.hub.topology().peers()[peer].cell)
    }

    /// A key whose replicas, owner first, are these.
    pub(super) fn key(&self, replicas: &[usize]) -> String {
        self.keys(replicas).next().unwrap()
    }

    /// The first so many keys that this peer owns.
    pub(super) fn keys_of(&self, owner: usize, count: usize) -> Vec<String> {
        self.keys(&[owner]).take(count).collect()
    }

    /// Keys whose replicas begin with these.
    fn keys(&self, replicas: &[usize]) -> impl Iterator<Item = String> {
        let topology = self.hub.topology();
        let is_theirs = move |key: &String| {
            let set = topology.ring().unwrap().replicas_of(key.as_bytes(), topology.replication());
            let first = set.as_slice().iter().take(replicas.len()).map(|peer| peer.get());
            first.eq(replicas.iter().copied())
        };
        (0..ROUNDS_MAX).map(|number| format!("k{number}")).filter(is_theirs)
    }

    /// Sends what is to be sent, as the flusher would do it.
    pub(super) fn flush(&mut self) {
        for _ in 0..ROUNDS_MAX {
            if !self.hub.is_dirty() {
                return;
            }
            let (mut peers, mut sessions) = (Vec::new(), Vec::new());
            self.hub.take_dirty_peers(&mut peers);
            for peer in peers {
                let mut out = Vec::new();
                self.hub.peer_output(peer, &mut out);
                self.sent[peer].push_str(str::from_utf8(&out).unwrap());
            }
            self.hub.take_dirty_sessions(&mut sessions);
            sessions.into_iter().for_each(|id| self.flush_client(id));
        }
        panic!("there is no end to it");
    }

    fn flush_client(&mut self, id: u32) {
        let client = self.clients.get_mut(&id).unwrap();
        if client.is_blocked {
            return self.hub.touch_later(id);
        }
        let Some(session) = self.hub.session(id) else { return };
        let unsent = &session.out[session.sent..];
        let taken = client.takes.map_or(unsent.len(), |takes| takes.min(unsent.len()));
        client.told.push_str(str::from_utf8(&unsent[..taken]).unwrap());
        client.is_blocked = taken < unsent.len();
        client.takes = client.takes.map(|takes| takes - taken);
        if taken > 0 {
            self.hub.note_written(id, taken);
        }
        client.is_over = self.hub.sent(id);
    }
}

/// A network of so many peers that keeps so many copies.
pub(in crate::proxy) fn network(peers: usize, copies: u8) -> NetworkSpec {
    let peer = |number: usize| PeerSpec {
        id: format!("p{number}").parse().unwrap(),
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

/// `VALUE` of a key with a value of so many bytes.
pub(super) fn value(key: &str, value_bytes: usize) -> String {
    format!("VALUE {key} 0 {value_bytes}\r\n{}\r\n", "v".repeat(value_bytes))
}

/// What a peer answers that has everything.
pub(super) fn hits(asked: &str, value_bytes: usize) -> String {
    let mut out = String::new();
    for line in asked.lines() {
        let mut words = line.split(' ');
        let keys: Vec<_> = match words.next() {
            Some("get" | "gets") => words.collect(),
            Some("gat" | "gats") => words.skip(1).collect(),
            Some("touch") => {
                out.push_str("TOUCHED\r\n");
                continue;
            }
            verb => panic!("nobody answers {verb:?}"),
        };
        keys.into_iter().for_each(|key| out.push_str(&value(key, value_bytes)));
        out.push_str("END\r\n");
    }
    out
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
