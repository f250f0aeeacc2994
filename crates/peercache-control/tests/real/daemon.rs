//! Real memcached processes for tests, stopped when the test ends, and a client over them.

use peercache_client::Client;
use peercache_client::direct;
use peercache_control::Healer;
use peercache_core::health::Phase;
use peercache_core::spec::{
    EngineKind, HashKind, NetworkSpec, OnDown, PeerId, PeerSpec, Policy, Replication, Vnodes, Weight,
};
use peercache_core::topology::Topology;
use rustix::process::{Pid, Signal, kill_process};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// How long a test waits for anything before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A memcached of the test's own.
pub(crate) struct Daemon {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Daemon {
    /// Starts one on a free port and waits until it answers as itself.
    pub(crate) async fn start() -> Self {
        let address = free_address();
        Self::start_at(address, &[]).await
    }

    pub(crate) async fn start_at(address: SocketAddr, more: &[&str]) -> Self {
        let child = spawn(address, more);
        let mut daemon = Self { address, child };
        let pid = daemon.child.id();
        wait_for("memcached to answer", async || {
            let status = daemon.child.try_wait().expect("a child of ours can be waited for");
            assert!(status.is_none(), "memcached ended at once: {status:?}");
            let Ok(mut stream) = TcpStream::connect(address).await else { return false };
            direct::greet(&mut stream).await.is_ok_and(|greeting| greeting.incarnation.pid == pid)
        })
        .await;
        daemon
    }

    /// `kill -9`, and until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child of ours can be killed");
        self.child.wait().expect("a child of ours can be waited for");
    }

    /// Starts it anew at its old address, empty.
    pub(crate) async fn restart(&mut self) {
        *self = Self::start_at(self.address, &[]).await;
    }

    /// SIGSTOP, and until each of its threads has stopped: it holds its connections and answers nothing.
    pub(crate) async fn hang(&self) {
        self.signal(Signal::STOP);
        wait_for("every thread to stop", async || self.is_stopped()).await;
    }

    fn is_stopped(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("a sound test");
        threads.into_iter().all(|thread| {
            let stat = std::fs::read_to_string(thread.expect("a sound test").path().join("stat"))
                .expect("a sound test");
            stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
        })
    }

    /// SIGCONT: it executes what it was sent meanwhile.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a sound test");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(address: SocketAddr, more: &[&str]) -> Child {
    let program = std::env::var_os("MEMCACHED_PATH").unwrap_or_else(|| "memcached".into());
    let mut command = Command::new(&program);
    command.args(["-l", "127.0.0.1", "-p", &address.port().to_string(), "-U", "0", "-m", "64", "-t", "2"]);
    if rustix::process::geteuid().is_root() {
        command.args(["-u", "root"]);
    }
    let child = command.args(more).stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    child.unwrap_or_else(|error| panic!("cannot run {}: {error}; install memcached", program.display()))
}

/// An address on loopback that nothing listens on.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a sound test");
    listener.local_addr().expect("a sound test")
}

/// Waits for a condition, looking every few milliseconds, for at most [`PATIENCE`].
pub(crate) async fn wait_for(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await; // tidy: the one poll interval of these tests
    }
}

/// Daemons and a healed client over them; peer `n` is `p<n>`.
pub(crate) struct Fleet {
    pub(crate) daemons: Vec<Daemon>,
    pub(crate) client: Client,
    _healer: Healer,
}

impl Fleet {
    pub(crate) async fn start(peers: usize, copies: u8) -> Self {
        Self::start_with(peers, copies, steady()).await
    }

    pub(crate) async fn start_with(peers: usize, copies: u8, policy: Policy) -> Self {
        let mut daemons = Vec::new();
        for _ in 0..peers {
            daemons.push(Daemon::start().await);
        }
        let client = open(&daemons, copies, policy);
        let healer = Healer::spawn(client.network());
        Self { daemons, client, _healer: healer }
    }

    /// A client of the same peers that knows nothing of what this one saw.
    pub(crate) fn stranger(&self) -> Client {
        open(&self.daemons, self.client.topology().replication().get(), steady())
    }

    /// The replicas of a key by number, owner first.
    pub(crate) fn replicas(&self, key: &str) -> Vec<usize> {
        let key = peercache_core::key::Key::new(key.as_bytes()).expect("a sound test");
        let topology = self.client.topology();
        let set = topology.ring().expect("a sound test").replicas(key, topology.replication());
        set.as_slice().iter().map(|peer| peer.get()).collect()
    }

    pub(crate) async fn wait_until_readable(&self, peer: usize) {
        wait_for("the peer to return", async || {
            let state = self.client.topology().peers()[peer].cell.state();
            state.is_live() && state.is_readable() && state.phase() != Phase::Returning
        })
        .await;
    }
}

fn open(daemons: &[Daemon], copies: u8, policy: Policy) -> Client {
    open_peers(daemons, 0..daemons.len(), copies, policy)
}

/// A client of some of the daemons, listed in this order.
pub(crate) fn open_peers(
    daemons: &[Daemon],
    listed: impl IntoIterator<Item = usize>,
    copies: u8,
    policy: Policy,
) -> Client {
    open_with_phases(daemons, listed, copies, policy, |_| Phase::Up)
}

/// As [`open_peers`], by a process that remembers how the peers stood.
pub(crate) fn open_with_phases(
    daemons: &[Daemon],
    listed: impl IntoIterator<Item = usize>,
    copies: u8,
    policy: Policy,
    phase: impl Fn(&PeerId) -> Phase,
) -> Client {
    let peers = listed.into_iter().map(|n| peer(n, daemons[n].address)).collect();
    let replication = Replication::new(copies).expect("a sound test");
    let network = NetworkSpec { peers, replication, ..network(&[], policy) };
    Client::open(Arc::new(Topology::with_phases(&network, phase).expect("a sound test")))
}

/// A network with two copies of everything, whose peer `n` is `p<n>` at the `n`-th address.
pub(crate) fn network(addresses: &[SocketAddr], policy: Policy) -> NetworkSpec {
    NetworkSpec {
        name: "main".parse().expect("a sound test"),
        peers: addresses.iter().enumerate().map(|(n, &address)| peer(n, address)).collect(),
        replication: Replication::new(2).expect("a sound test"),
        vnodes: Vnodes::default(),
        hash: HashKind::Xxh3,
        policy,
    }
}

fn peer(n: usize, address: SocketAddr) -> PeerSpec {
    let id = format!("p{n}").parse().expect("a sound test");
    PeerSpec {
        id,
        address,
        weight: Weight::default(),
        engine: EngineKind::Memcached,
        ring_name: None,
        auth_file: None,
    }
}

/// Five times the default times, for tests that have to sit through them: a peer that is well answers in time
/// on a loaded machine too.
pub(crate) fn steady() -> Policy {
    let Policy { attempt, connect, request, silence, .. } = Policy::default();
    Policy {
        attempt: attempt * 5,
        connect: connect * 5,
        request: request * 5,
        silence: silence * 5,
        ..Policy::default()
    }
}

/// The default policy with patience for a loaded machine: these tests are about outcomes, not about speed.
pub(crate) fn patient() -> Policy {
    Policy {
        attempt: Duration::from_secs(2),
        connect: Duration::from_secs(2),
        request: Duration::from_secs(10),
        silence: Duration::from_secs(3),
        on_down: OnDown::Error,
        ..Policy::default()
    }
}
