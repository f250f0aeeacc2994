//! What the tests talk to: a real memcached, and an engine or a proxy in this process, each on a free port.

use peercache_client::Network;
use peercache_core::spec::{
    EngineKind, HashKind, NetworkSpec, PeerSpec, Policy, Replication, Vnodes, Weight,
};
use peercache_core::topology::Topology;
use peercache_server::proxy::{self, Proxy};
use peercache_server::{Options, ServeError, bind};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long anything may take before it counts as not happening.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Asks `condition` until it holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "not in {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(2)); // tidy: the rest between two looks
    }
}

/// A memcached that ends with the test.
pub(crate) struct Memcached {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Memcached {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let path = std::env::var_os("MEMCACHED_PATH").map_or_else(|| "memcached".into(), PathBuf::from);
        let address = free_address();
        let child = Command::new(path)
            .args(["-u", "nobody", "-l", "127.0.0.1", "-U", "0", "-p", &address.port().to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .expect("memcached is installed");
        let memcached = Self { child, address };
        eventually("memcached listens", || TcpStream::connect(address).is_ok());
        memcached
    }
}

impl Drop for Memcached {
    fn drop(&mut self) {
        // It is this test's own child, and nothing of it is kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it has an address")
}

/// An engine with all its threads; it stops when this is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Small, on a free port.
pub(crate) fn options() -> Options {
    let threads = NonZeroUsize::new(2).expect("2 is not 0");
    Options { port: 0, threads, ..Options::default() }
}

impl Running {
    pub(crate) fn start(options: Options) -> Self {
        let server = bind(options).expect("a free port can be bound");
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let address = server.addresses().first().copied().unwrap_or(nowhere);
        Self::serve(address, |shutdown| server.serve(shutdown))
    }

    /// A proxy with one worker over `peers`, each of which keeps `copies` of a key together with others.
    pub(crate) fn proxy(peers: &[Memcached], copies: u8) -> Self {
        let peer = |(number, peer): (usize, &Memcached)| PeerSpec {
            id: format!("p{number}").parse().expect("a sound test"),
            address: peer.address,
            weight: Weight::default(),
            engine: EngineKind::Memcached,
            ring_name: None,
            auth_file: None,
        };
        let network = NetworkSpec {
            name: "main".parse().expect("a sound test"),
            peers: peers.iter().enumerate().map(peer).collect(),
            replication: Replication::new(copies).expect("a sound test"),
            vnodes: Vnodes::default(),
            hash: HashKind::Xxh3,
            // On a machine that is busy a peer that is well may take its time.
            policy: Policy { attempt: PATIENCE, request: PATIENCE, silence: PATIENCE, ..Policy::default() },
        };
        let network = Network::new(Arc::new(Topology::build(&network).expect("a sound test")));
        let listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        let options = proxy::Options { listen, ..proxy::Options::default() };
        let proxy = Proxy::bind(network, options).expect("a free port can be bound");
        Self::serve(proxy.addresses()[0], |shutdown| proxy.serve(shutdown))
    }

    fn serve<F: Future<Output = Result<(), ServeError>>>(
        address: SocketAddr,
        serve: impl FnOnce(Pin<Box<dyn Future<Output = ()>>>) -> F + Send + 'static,
    ) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let shutdown = Box::pin(async { drop(stopped.await) });
            let served = runtime.expect("a runtime").block_on(serve(shutdown));
            served.expect("it serves and stops in order");
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Stops it and waits for all of its threads.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    /// Waits until it stops by itself.
    pub(crate) fn wait(&self) {
        eventually("the engine stops", || self.thread.as_ref().is_none_or(JoinHandle::is_finished));
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have stopped by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the engine's thread panicked");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
