//! The limits: what is refused before it is sent, and how many sockets are used.

use crate::daemon::{Fleet, patient};
use futures_util::future::join_all;
use peercache_client::{SetOptions, WriteError};
use std::net::SocketAddr;

#[tokio::test]
async fn p60_keys_that_would_change_the_command_never_reach_a_peer() {
    let fleet = Fleet::start_with(1, 1, patient()).await;
    let long = vec![b'k'; 251];
    let peer = fleet.client.topology().peers()[0].spec.id.clone();
    // The greeting of a connection asks a peer whether it knows `mg`, so what counts is what is added.
    let counters = async || {
        let mut stats = fleet.client.stats(&peer).await.unwrap();
        stats.retain(|(name, _)| ["cmd_get", "cmd_set", "cmd_flush", "delete_misses"].contains(&&**name));
        stats
    };
    let before = counters().await;
    for key in [&b""[..], &long, b"a b", b"a\r\nflush_all", b"a\0"] {
        assert!(fleet.client.get(key).await.is_err());
        assert!(fleet.client.get_many(&[b"fine", key]).await.is_err());
        assert!(fleet.client.set(key, b"v", SetOptions::default()).await.is_err());
        assert!(fleet.client.delete(key).await.is_err());
    }
    assert_eq!(before.len(), 4);
    assert_eq!(counters().await, before);
}

#[tokio::test]
async fn p60_a_value_over_the_limit_is_refused_before_it_is_sent() {
    let fleet = Fleet::start_with(1, 1, patient()).await;
    let error = fleet.client.set(b"k", &vec![0; (1 << 20) + 1], SetOptions::default()).await.unwrap_err();
    assert_eq!(error, WriteError::ValueTooLarge { bytes: (1 << 20) + 1, max: 1 << 20 });
}

/// More requests at once than a link takes wait for room; none is refused and none is lost.
#[tokio::test]
async fn p60_a_full_link_parks_requests() {
    let fleet = Fleet::start_with(1, 1, patient()).await;
    let value = vec![b'x'; 1000];
    let names: Vec<String> = (0..20_000).map(|n| format!("key-{n}")).collect();
    let sets = names.iter().map(|name| fleet.client.set(name.as_bytes(), &value, SetOptions::default()));
    for written in join_all(sets).await {
        written.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p61_sixteen_workers_on_eight_peers_use_at_most_128_sockets() {
    let fleet = Fleet::start_with(8, 2, patient()).await;
    let workers: Vec<_> = (0..16).map(|_| fleet.client.worker()).collect();
    let load = workers.iter().enumerate().map(|(w, worker)| async move {
        for n in 0..200 {
            let key = format!("key-{w}-{n}");
            worker.set(key.as_bytes(), b"value", SetOptions::default()).await.unwrap();
            assert!(worker.get(key.as_bytes()).await.unwrap().is_some());
        }
    });
    join_all(load).await;
    let addresses: Vec<SocketAddr> = fleet.daemons.iter().map(|daemon| daemon.address).collect();
    let sockets = established_to(&addresses);
    assert_eq!(sockets, 128, "every worker has used every peer, over one socket each");
}

/// Counts established connections to `addresses`, as the operating system lists them.
fn established_to(addresses: &[SocketAddr]) -> usize {
    const ESTABLISHED: &str = "01";
    let table = std::fs::read_to_string("/proc/net/tcp").expect("no failure");
    let to_one_of_them = |line: &&str| {
        let mut columns = line.split_whitespace().skip(2);
        let (remote, state) = (columns.next().unwrap_or(""), columns.next().unwrap_or(""));
        let port = remote.rsplit(':').next().and_then(|port| u16::from_str_radix(port, 16).ok());
        state == ESTABLISHED && addresses.iter().any(|address| Some(address.port()) == port)
    };
    table.lines().skip(1).filter(to_one_of_them).count()
}
