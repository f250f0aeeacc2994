//! Real memcached processes on free ports, networks of them, and trace files.

use peercache_client::Client;
use peercache_core::spec::{
    EngineKind, HashKind, NetworkSpec, PeerSpec, Policy, Replication, Vnodes, Weight,
};
use peercache_core::topology::Topology;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A memcached of its own; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Daemon {
    /// Starts one on a port that it picks itself, so no other test can take it first.
    pub(crate) fn start(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port_file = dir.path().join("port");
        let program = std::env::var_os("MEMCACHED_PATH").unwrap_or_else(|| "memcached".into());
        let child = Command::new(program)
            .args(["-p", "-1", "-U", "0", "-l", "127.0.0.1", "-u", "root", "-t", "2"])
            .args(args)
            .env("MEMCACHED_PORT_FILENAME", &port_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("memcached runs (install it, or name it with MEMCACHED_PATH)");
        let mut daemon = Self { child, port: 0, _dir: dir };
        daemon.port = until("memcached tells its port", || read_port(&port_file));
        daemon
    }

    /// How many connections it has, the asking one among them. Counted from its list: its counter runs away
    /// by one when a connection is closed just as it is accepted.
    pub(crate) fn connections(&self) -> usize {
        self.list_of_connections().lines().filter(|line| line.contains(":listen_addr ")).count()
    }

    fn list_of_connections(&self) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        socket.write_all(b"stats conns\r\nquit\r\n").expect("it takes the question");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("it answers");
        answer.replace("\r\n", "\n")
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The file is renamed into place when it is whole.
fn read_port(path: &Path) -> Option<u16> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix("TCP INET: ")).and_then(|port| port.parse().ok())
}

/// Polls until `ready` says something.
pub(crate) fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ready() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "still waiting: {what}");
        std::thread::sleep(Duration::from_millis(5)); // tidy: the one poll interval of these tests
    }
}

pub(crate) fn daemons(number: usize, args: &[&str]) -> Vec<Daemon> {
    (0..number).map(|_| Daemon::start(args)).collect()
}

/// A client of a network of these daemons: peers p0, p1, ...
///
/// Time-outs are long: these tests are about counts, and the machine may be busy.
pub(crate) fn client(daemons: &[Daemon], replication: u8) -> Client {
    let peer = |(index, daemon): (usize, &Daemon)| PeerSpec {
        id: format!("p{index}").parse().expect("an id"),
        address: ([127, 0, 0, 1], daemon.port).into(),
        weight: Weight::default(),
        engine: EngineKind::Memcached,
        ring_name: None,
        auth_file: None,
    };
    let spec = NetworkSpec {
        name: "n1".parse().expect("a name"),
        peers: daemons.iter().enumerate().map(peer).collect(),
        replication: Replication::new(replication).expect("in range"),
        vnodes: Vnodes::default(),
        hash: HashKind::Xxh3,
        policy: Policy {
            attempt: DEADLINE,
            connect: DEADLINE,
            request: DEADLINE,
            silence: DEADLINE,
            ..Policy::default()
        },
    };
    Client::open(Arc::new(Topology::build(&spec).expect("a topology")))
}

/// A folder with one trace file.
pub(crate) struct TraceFile {
    _dir: TempDir,
    pub(crate) path: PathBuf,
}

impl TraceFile {
    pub(crate) fn new(name: &str, bytes: &[u8]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("it can be written");
        Self { _dir: dir, path }
    }

    pub(crate) fn oracle_general(records: impl IntoIterator<Item = (u64, u32)>) -> Self {
        let mut bytes = Vec::new();
        for (time_s, (id, value_bytes)) in (0u32..).zip(records) {
            bytes.extend(time_s.to_le_bytes());
            bytes.extend(id.to_le_bytes());
            bytes.extend(value_bytes.to_le_bytes());
            bytes.extend((-1i64).to_le_bytes());
        }
        Self::new("made.oracleGeneral.bin", &bytes)
    }
}
