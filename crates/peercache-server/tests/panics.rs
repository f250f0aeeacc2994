//! A proxy with a bug does not serve half: when anything in it panics it stops, and says so.
//!
//! What panics here is what listens to the log: it is told of something in the middle of a task's work. There
//! is one such listener for the whole process, so these tests have a program of their own.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use peercache_client::Network;
use peercache_core::spec::{EngineKind, NetworkSpec, PeerSpec, Policy, Replication, Vnodes, Weight};
use peercache_core::spec::{HashKind, PeerId};
use peercache_core::topology::Topology;
use peercache_server::ServeError;
use peercache_server::proxy::{Options, Proxy};
use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Once};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Panics when it hears one of certain words.
struct Fragile;

impl Subscriber for Fragile {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Ear);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Ear;

impl Visit for Ear {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        let said = format!("{value:?}");
        assert!(!["flush_all", "up → down: connection refused or lost"].contains(&said.as_str()), "{said}");
    }
}

/// A network of those peers.
fn network(peers: &[SocketAddr]) -> Arc<Network> {
    let peer = |(number, &address): (usize, &SocketAddr)| PeerSpec {
        id: format!("p{number}").parse::<PeerId>().unwrap(),
        address,
        weight: Weight::default(),
        engine: EngineKind::Memcached,
        ring_name: None,
        auth_file: None,
    };
    let spec = NetworkSpec {
        name: "main".parse().unwrap(),
        peers: peers.iter().enumerate().map(peer).collect(),
        replication: Replication::new(1).unwrap(),
        vnodes: Vnodes::default(),
        hash: HashKind::Xxh3,
        policy: Policy::default(),
    };
    Network::new(Arc::new(Topology::build(&spec).unwrap()))
}

/// Serves clients until the proxy ends by itself. `talk` is told where it listens.
fn serve(peers: &[SocketAddr], talk: impl FnOnce(SocketAddr) + Send + 'static) -> Result<(), ServeError> {
    static FRAGILE: Once = Once::new();
    FRAGILE.call_once(|| tracing::subscriber::set_global_default(Fragile).unwrap());
    let listen = vec![([127, 0, 0, 1], 0).into()];
    let workers = 2.try_into().unwrap();
    let proxy = Proxy::bind(network(peers), Options { listen, workers, ..Options::default() }).unwrap();
    let address = proxy.addresses()[0];
    let talking = std::thread::spawn(move || talk(address));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = runtime.block_on(async {
        let served = proxy.serve(std::future::pending());
        tokio::time::timeout(PATIENCE, served).await.expect("a proxy that panicked goes on")
    });
    talking.join().unwrap();
    served
}

fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

#[test]
fn a_proxy_ends_with_an_error_when_the_task_of_a_client_panics() {
    let served = serve(&[], |address| {
        let mut clients = [connect(address), connect(address)];
        for client in &mut clients {
            client.write_all(b"mn\r\n").unwrap();
            client.read_exact(&mut [0; 4]).unwrap();
        }
        clients[0].write_all(b"flush_all\r\n").unwrap();
        // Nobody is left waiting: not who asked, and not the client of another worker.
        for client in &mut clients {
            let mut said = Vec::new();
            // A reset is an end as well.
            let _ = client.read_to_end(&mut said);
            assert_eq!(said, b"");
        }
    });
    assert!(matches!(served, Err(ServeError::Panicked)), "{served:?}");
}

#[test]
fn a_proxy_ends_with_an_error_when_the_task_of_a_peer_panics() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let served = serve(&[nobody], |_| {});
    assert!(matches!(served, Err(ServeError::Panicked)), "{served:?}");
}
