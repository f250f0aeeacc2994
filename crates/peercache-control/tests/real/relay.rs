//! A relay in front of a daemon, which can cut its clients off while the daemon keeps what they sent: how a
//! network looks that breaks at the worst moment.

use crate::daemon::{Fleet, PATIENCE, open_peers, steady, wait_for};
use peercache_client::SetOptions;
use peercache_control::Healer;
use peercache_core::health::Phase;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes bytes between its clients and one daemon.
struct Relay {
    address: SocketAddr,
    cut: watch::Sender<u32>,
}

impl Relay {
    async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (cut, cuts) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, to, cuts.clone()));
            }
        });
        Self { address, cut }
    }

    /// Closes every connection towards the clients, and none towards the daemon.
    fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }
}

async fn relay(client: TcpStream, to: SocketAddr, mut cuts: watch::Receiver<u32>) {
    cuts.mark_unchanged();
    let daemon = TcpStream::connect(to).await.expect("the daemon listens, even while it hangs");
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_daemon, mut to_daemon) = daemon.into_split();
    tokio::select! {
        () = pass(&mut from_client, &mut to_daemon) => {}
        () = pass(&mut from_daemon, &mut to_client) => {}
        _ = cuts.changed() => {
            drop((from_client, to_client));
            // The daemon's end stays open for longer than the test: what it was sent, it will execute.
            tokio::time::sleep(PATIENCE).await; // tidy: holds a connection open, waits for nothing
        }
    }
}

async fn pass(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) {
    let mut buffer = vec![0; 4096];
    while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..bytes]).await.is_err() {
            return;
        }
    }
}

/// A write was sent to a peer that hangs, the connection broke, and a later write was acknowledged without
/// that peer. When the peer goes on, it executes the first write, long after its connection is gone. Nobody
/// may ever read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p31_a_write_executed_after_its_connection_is_gone_is_never_read() {
    let mut fleet = Fleet::start(2, 2).await;
    let relay = Relay::start(fleet.daemons[0].address).await;
    let direct = fleet.daemons[0].address;
    fleet.daemons[0].address = relay.address;
    let client = open_peers(&fleet.daemons, [0, 1], 2, steady());
    let _healer = Healer::spawn(client.network());
    let settings = SetOptions::default();
    wait_for("a write on both copies", async || {
        client.set(b"k", b"first", settings).await.is_ok_and(|written| written.missed.is_empty())
    })
    .await;

    fleet.daemons[0].hang().await;
    let written = client.set(b"k", b"late", settings).await.expect("the other copy confirms");
    assert_eq!(written.missed.len(), 1);
    relay.cut();
    let cell = &client.topology().peers()[0].cell;
    wait_for("the cut to be noticed", async || cell.state().phase() == Phase::Down).await;
    assert!(client.delete(b"k").await.expect("the other copy confirms").existed);
    fleet.daemons[0].resume();

    // By its counter: the return may have emptied the peer again before anybody sees the value.
    let executed = "STAT cmd_set 2";
    wait_for("the late write to be executed", async || {
        raw(direct, "stats").await.lines().any(|line| line == executed)
    })
    .await;
    assert_eq!(client.get(b"k").await.expect("the other copy serves"), None);
    wait_for("the peer to return", async || {
        cell.state().is_readable() && cell.state().phase() == Phase::Warming
    })
    .await;
    assert_eq!(raw(direct, "get k").await, "END\r\n", "the return has emptied it");
    assert_eq!(client.get(b"k").await.expect("both copies serve"), None);
}

/// Asks the daemon itself, past every promise.
async fn raw(address: SocketAddr, command: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the daemon listens");
    stream.write_all(format!("{command}\r\nquit\r\n").as_bytes()).await.expect("the daemon reads");
    let mut answer = String::new();
    let reading = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(10), reading).await.expect("in time").expect("whole");
    answer
}
