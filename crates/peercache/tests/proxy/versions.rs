//! Versions are of one replica and one run of it (P-17).

use crate::network::{Network, wait_for};
use std::sync::Barrier;
use std::thread;

/// How many clients want to be the one that stores.
const CLIENTS: usize = 8;

/// How often they try.
const ROUNDS: usize = 50;

#[test]
fn p17_a_version_of_a_peer_is_foreign_to_the_proxy_and_below_2_to_the_53() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    assert_eq!(conn.set("k", "v"), "STORED");
    assert!(conn.version("k") < 1 << 53);
    for peer in &network.peers {
        let bare = peer.connect().version("k");
        assert_eq!(conn.store(&format!("cas k 0 0 {bare}"), "wrong"), "EXISTS");
        assert_eq!(conn.ask(&format!("ms k 5 C{bare}\r\nwrong")), "EX");
        assert_eq!(conn.ask(&format!("md k C{bare}")), "EX");
    }
    assert_eq!(conn.store("cas none 0 0 5", "v"), "NOT_FOUND");
    assert_eq!(network.copies("k"), ["v", "v"]);
    let own = conn.version("k");
    assert_eq!(conn.store(&format!("cas k 0 0 {own}"), "right"), "STORED");
}

#[test]
fn p17_a_version_of_one_replica_is_never_taken_by_the_other() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    // Copies that were written alike have like versions in both daemons: the most dangerous case.
    let keys: Vec<_> = (0..50).map(|number| format!("key{number}")).collect();
    keys.iter().for_each(|key| assert_eq!(conn.set(key, "v"), "STORED"));
    let led = |key: &&String| network.replicas(key)[0] == "p0";
    let keys: Vec<_> = keys.iter().filter(led).take(8).collect();
    let versions: Vec<_> = keys.iter().map(|key| conn.version(key)).collect();
    network.peers[0].kill();
    wait_for("the other to lead", || conn.set("knock", "v") == "STORED");
    proxy.wait_until_readable(&network.peers[0], false);
    for (key, version) in keys.iter().zip(&versions) {
        assert_eq!(conn.store(&format!("cas {key} 0 0 {version}"), "wrong"), "EXISTS");
        assert_eq!(conn.get(key).unwrap().data, "v");
    }
    // Nor by the next run of the one that gave it.
    network.peers[0].restart();
    proxy.wait_until_readable(&network.peers[0], true);
    for (key, version) in keys.iter().zip(&versions) {
        let answer = conn.store(&format!("cas {key} 0 0 {version}"), "wrong");
        assert!(["EXISTS", "NOT_FOUND"].contains(&answer.as_str()), "{answer}");
    }
}

#[test]
fn p17_a_version_outlives_the_proxy_that_gave_it() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    assert_eq!(conn.set("k", "v"), "STORED");
    let version = conn.version("k");
    proxy.kill();
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    assert_eq!(conn.store(&format!("cas k 0 0 {version}"), "new"), "STORED");
    assert_eq!(conn.store(&format!("cas k 0 0 {version}"), "again"), "EXISTS");
}

fn one_wins(options: &str) {
    let network = Network::of(2, 2);
    let proxy = network.proxy(options);
    let mut conn = proxy.connect();
    assert_eq!(conn.set("k", "first"), "STORED");
    let barrier = Barrier::new(CLIENTS);
    let client = |number: usize| {
        let (mut conn, barrier) = (proxy.connect(), &barrier);
        let attempt = move |round: usize| {
            let version = conn.version("k");
            // Everybody has the version before anybody uses it.
            barrier.wait();
            let value = format!("{round}:{number}");
            let answer = conn.store(&format!("cas k 0 0 {version}"), &value);
            barrier.wait();
            assert!(["STORED", "EXISTS"].contains(&answer.as_str()), "{answer}");
            let seen = conn.get("k").unwrap().data;
            (round, answer == "STORED", value, seen)
        };
        (0..ROUNDS).map(attempt).collect::<Vec<_>>()
    };
    let attempts: Vec<_> = thread::scope(|scope| {
        let client = &client;
        let clients: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || client(number))).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    for round in 0..ROUNDS {
        let of_round = || attempts.iter().filter(|attempt| attempt.0 == round);
        let winners: Vec<_> = of_round().filter(|attempt| attempt.1).map(|attempt| &attempt.2).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        assert!(of_round().all(|attempt| attempt.3 == *winners[0]), "round {round}");
    }
}

#[test]
fn p17_of_eight_clients_with_one_version_one_stores() {
    one_wins("");
}

#[test]
fn p17_of_eight_clients_of_two_workers_with_one_version_one_stores() {
    one_wins("--workers 2");
}
