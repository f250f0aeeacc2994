//! What a test plays on: a [`Hub`] whose clients send, and whose peers answer, when the test says so.

use crate::proxy::hub::Hub;
use crate::proxy::options::Options;
use crate::proxy::shared::Shared;
use peercache_client::direct::Greeting;
use peercache_core::health::Incarnation;
use peercache_core::link::Next;
use peercache_core::protocol::memcached::command::Dialect;
use peercache_core::spec::{
    EngineKind, HashKind, NetworkSpec, PeerSpec, Policy, Replication, Vnodes, Weight,
};
use peercache_core::topology::Topology;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How often a turn of the flusher is repeated before something must be wrong.
const ROUNDS_MAX: usize = 100_000;

/// A worker and all that is around it.
pub(super) struct Stage {
    pub(super) hub: Hub,
    now: Duration,
    clients: HashMap<u32, Client>,
}

/// A client as its socket shows it.
#[derive(Default)]
struct Client {
    heard: Vec<u8>,
    /// How many bytes its socket still takes, if not any number.
    takes: Option<usize>,
    is_blocked: bool,
    is_over: bool,
}

impl Stage {
    /// So many peers, all connected, that keep so many copies.
    pub(super) fn of(peers: usize, copies: u8) -> Self {
        let policy = Policy { request: Duration::from_secs(20), ..Policy::default() };
        let peer = |number: usize| PeerSpec {
            id: format!("p{number}").parse().unwrap(),
            address: format!("127.0.0.1:{}", 11_211 + number).parse().unwrap(),
            weight: Weight::default(),
            engine: EngineKind::Memcached,
            ring_name: None,
            auth_file: None,
        };
        let spec = NetworkSpec {
            name: "main".parse().unwrap(),
            peers: (0..peers).map(peer).collect(),
            replication: Replication::new(copies).unwrap(),
            vnodes: Vnodes::default(),
            hash: HashKind::Xxh3,
            policy,
        };
        let shared = Shared::new(Arc::default(), 1, &Options::default(), Vec::new());
        let hub = Hub::new(Arc::new(Topology::build(&spec).unwrap()), Arc::new(shared), 0);
        let mut stage = Self { hub, now: Duration::from_secs(1), clients: HashMap::new() };
        stage.hub.set_now(stage.now);
        for peer in 0..peers {
            // A link connects when it is used, so that is what it is made to believe.
            assert_eq!(stage.hub.poll_peer(peer), Next::Wait);
            let incarnation = Incarnation { pid: peer as u32 + 1, started_s: 1000 };
            let greeting = Greeting { incarnation, items: 0, dialect: Dialect::Classic };
            stage.hub.peer_connected(peer, &greeting);
        }
        stage
    }

    /// A client comes.
    pub(super) fn client(&mut self) -> u32 {
        let id = self.hub.open_session("a test".to_owned());
        assert!(self.clients.insert(id, Client::default()).is_none_or(|before| before.is_over));
        id
    }

    /// Its socket takes so many bytes more and then none.
    pub(super) fn takes(&mut self, client: u32, bytes: usize) {
        self.clients.get_mut(&client).unwrap().takes = Some(bytes);
        self.unblock(client);
    }

    /// Its socket takes everything.
    pub(super) fn takes_all(&mut self, client: u32) {
        self.clients.get_mut(&client).unwrap().takes = None;
        self.unblock(client);
    }

    fn unblock(&mut self, id: u32) {
        if std::mem::take(&mut self.clients.get_mut(&id).unwrap().is_blocked) {
            self.hub.touch(id);
        }
        self.flush();
    }

    /// A client sends something.
    pub(super) fn send(&mut self, client: u32, bytes: &[u8]) {
        self.hub.client_input(client, bytes);
        self.flush();
    }

    /// A client has gone.
    pub(super) fn leave(&mut self, client: u32) {
        self.hub.client_gone(client);
        self.flush();
    }

    /// What a client has been sent since the last look.
    pub(super) fn heard(&mut self, client: u32) -> Vec<u8> {
        std::mem::take(&mut self.clients.get_mut(&client).unwrap().heard)
    }

    /// What a peer has been asked since the last look.
    pub(super) fn asked(&mut self, peer: usize) -> Vec<u8> {
        let mut out = Vec::new();
        self.hub.peer_output(peer, &mut out);
        self.flush();
        out
    }

    /// A peer sends something.
    pub(super) fn answer(&mut self, peer: usize, bytes: &[u8]) {
        self.hub.peer_input(peer, bytes).unwrap();
        self.flush();
    }

    /// Every peer answers what it is asked for until nobody asks any more: each key has a value of so many
    /// bytes.
    pub(super) fn serve(&mut self, value_bytes: usize) {
        loop {
            let asked: Vec<_> = (0..self.hub.peers.len()).map(|peer| self.asked(peer)).collect();
            if asked.iter().all(Vec::is_empty) {
                return;
            }
            for (peer, asked) in asked.iter().enumerate() {
                let answer = answers(asked, value_bytes);
                answer.chunks(64 << 10).for_each(|packet| self.answer(peer, packet));
            }
        }
    }

    /// Time passes, and alarms ring.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.hub.set_now(self.now);
        self.hub.alarm();
        self.flush();
    }

    /// The first so many keys that this peer owns.
    pub(super) fn keys_of(&self, peer: usize, count: usize) -> Vec<String> {
        let topology = self.hub.topology();
        let owner = |key: &String| {
            let set = topology.ring().unwrap().replicas_of(key.as_bytes(), topology.replication());
            set.as_slice()[0].get()
        };
        (0..).map(|number| format!("k{number}")).filter(|key| owner(key) == peer).take(count).collect()
    }

    /// What clients are to be sent goes to their sockets, as the flusher would do it.
    fn flush(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let mut dirty = Vec::new();
            self.hub.take_dirty_sessions(&mut dirty);
            if dirty.is_empty() {
                return;
            }
            dirty.into_iter().for_each(|id| self.flush_one(id));
        }
        panic!("there is no end to it");
    }

    fn flush_one(&mut self, id: u32) {
        let client = self.clients.get_mut(&id).unwrap();
        if client.is_blocked {
            return self.hub.touch_later(id);
        }
        let Some(session) = self.hub.session(id) else { return };
        let unsent = &session.out[session.sent..];
        let taken = client.takes.map_or(unsent.len(), |takes| takes.min(unsent.len()));
        client.heard.extend_from_slice(&unsent[..taken]);
        client.is_blocked = taken < unsent.len();
        client.takes = client.takes.map(|takes| takes - taken);
        if taken > 0 {
            self.hub.note_written(id, taken);
        }
        client.is_over = self.hub.sent(id);
    }
}

/// `VALUE` of a key with a value of so many bytes.
pub(super) fn value(key: &str, value_bytes: usize) -> Vec<u8> {
    [format!("VALUE {key} 0 {value_bytes}\r\n").as_bytes(), &vec![b'v'; value_bytes], b"\r\n"].concat()
}

/// What a peer answers that has everything.
pub(super) fn answers(asked: &[u8], value_bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for line in String::from_utf8(asked.to_vec()).unwrap().lines() {
        let mut words = line.split(' ');
        let keys: Vec<_> = match words.next() {
            Some("get" | "gets") => words.collect(),
            Some("gat" | "gats") => words.skip(1).collect(),
            Some("touch") => {
                out.extend_from_slice(b"TOUCHED\r\n");
                continue;
            }
            verb => panic!("nobody answers {verb:?}"),
        };
        keys.into_iter().for_each(|key| out.extend_from_slice(&value(key, value_bytes)));
        out.extend_from_slice(b"END\r\n");
    }
    out
}
