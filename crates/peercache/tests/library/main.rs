//! The library as a Rust program uses it. This program goes to another folder, which its tests would all do
//! together: there is one.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use peercache::spec::{EngineKind, HashKind, NetworkSpec, PeerSpec, Policy, Replication, Vnodes, Weight};
use peercache::{Client, SetOptions};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A memcached; ended when dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn peer(id: &str, address: SocketAddr) -> PeerSpec {
    let (weight, engine) = (Weight::default(), EngineKind::Memcached);
    PeerSpec { id: id.parse().unwrap(), address, weight, engine, ring_name: None, auth_file: None }
}

fn has_entry(state: &Path) -> bool {
    fs::read_dir(state.join("outage/gone")).is_ok_and(|mut entries| entries.next().is_some())
}

#[tokio::test(flavor = "current_thread")]
async fn p11_a_relative_state_directory_stays_where_it_was() {
    let (live, gone) = (free_address(), free_address());
    let args = ["-l", "127.0.0.1", "-p", &live.port().to_string(), "-u", "nobody"];
    let _daemon = Daemon(Command::new("memcached").args(args).spawn().unwrap());
    let begun = Instant::now();
    while TcpStream::connect(live).is_err() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for memcached to listen");
        std::thread::yield_now();
    }
    let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::env::set_current_dir(before.path()).unwrap();
    let network = NetworkSpec {
        name: "main".parse().unwrap(),
        peers: vec![peer("gone", gone), peer("live", live)],
        replication: Replication::new(2).unwrap(),
        vnodes: Vnodes::default(),
        hash: HashKind::Xxh3,
        policy: Policy { attempt: Duration::from_secs(2), ..Policy::default() },
    };
    let client = Client::open_with_state(&network, Path::new("state")).unwrap();
    std::env::set_current_dir(after.path()).unwrap();
    let written = client.set(b"k", b"v", SetOptions::default()).await.unwrap();
    assert_eq!(written.missed, ["gone".parse().unwrap()]);
    assert!(has_entry(&before.path().join("state")));
    assert!(!after.path().join("state").exists());
}
