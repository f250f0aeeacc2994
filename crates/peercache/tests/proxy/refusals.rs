//! What is said when nobody can serve a key (P-10, P-13, P-21): an error that names the peers, and never that
//! something was stored which was not.

use crate::network::{Network, Peer, wait_for};
use crate::wire::Conn;

/// Waits until what is written can be read. A peer that returns takes writes, and is emptied before it is
/// read.
fn wait_until_served(conn: &mut Conn) {
    wait_for("a peer to be back", || {
        let is_stored = conn.set("k", "newer") == "STORED";
        let read = conn.read("get k").unwrap_or_default();
        assert!(read.iter().all(|item| item.data == "newer"), "{read:?}");
        is_stored && !read.is_empty()
    });
}

#[test]
fn p10_p13_with_both_replicas_hung_a_write_is_an_error() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    assert_eq!(conn.set("k", "old"), "STORED");
    network.peers.iter().for_each(Peer::hang);
    for command in ["set k 0 0 3\r\nnew", "delete k", "touch k 0", "append k 0 0 1\r\n1", "incr k 1"] {
        let answer = conn.ask(command);
        assert!(answer.starts_with("SERVER_ERROR "), "{command}: {answer}");
    }
    let answer = conn.ask("flush_all");
    assert!(answer.starts_with("SERVER_ERROR "), "{answer}");
    let read = conn.read("get k");
    assert!(read.as_ref().is_err_and(|line| line.starts_with("SERVER_ERROR ")), "{read:?}");
    // Both may have executed any of it. Whatever is read from now on, it is not what was there before: all
    // that may have missed a write is emptied.
    network.peers.iter().for_each(Peer::go_on);
    wait_until_served(&mut conn);
}

fn kill_all(network: &Network, conn: &mut Conn) {
    assert_eq!(conn.set("k", "v"), "STORED");
    network.peers.iter().for_each(Peer::kill);
}

#[test]
fn p21_with_no_replica_left_the_error_names_the_peers() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    kill_all(&network, &mut conn);
    wait_for("the proxy to know that they are down", || {
        let answers =
            ["get k", "gets k", "get k other", "delete k", "incr k 1", "mg k v", "touch k 5", "gat 5 k"]
                .map(|command| conn.ask(command));
        assert!(answers.iter().all(|answer| answer.starts_with("SERVER_ERROR ")), "{answers:?}");
        let names = |answer: &String| {
            network
                .peers
                .iter()
                .all(|peer| answer.contains(&format!("{} ({}) is down", peer.id, peer.address())))
        };
        answers.iter().all(names)
    });
    let answer = conn.set("k", "v");
    assert!(answer.starts_with("SERVER_ERROR no replica can serve this key: "), "{answer}");
    network.peers[0].restart();
    wait_until_served(&mut conn);
}

#[test]
fn p21_where_a_miss_is_wanted_a_read_misses_and_a_write_is_an_error() {
    let network = Network::with(2, "--replication 2 --on-down miss");
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    kill_all(&network, &mut conn);
    assert_eq!(conn.read("get k"), Ok(Vec::new()));
    assert_eq!(conn.read("gets k"), Ok(Vec::new()));
    assert_eq!(conn.read("get k other more"), Ok(Vec::new()));
    assert_eq!(conn.ask("mg k v"), "EN");
    assert_eq!(conn.ask("mg k v q\r\nmn"), "MN");
    for command in ["set k 0 0 1\r\nw", "delete k", "incr k 1", "add k 0 0 1\r\nw"] {
        let answer = conn.ask(command);
        assert!(answer.starts_with("SERVER_ERROR "), "{command}: {answer}");
    }
}

#[test]
fn p21_an_empty_network_has_no_peers_available() {
    let network = Network::of(0, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    for command in [
        "get k",
        "gets k",
        "get k other",
        "gat 5 k",
        "set k 0 0 1\r\nv",
        "add k 0 0 1\r\nv",
        "cas k 0 0 1 5\r\nv",
        "delete k",
        "incr k 1",
        "touch k 5",
        "mg k v",
        "ms k 1\r\nv",
        "flush_all",
    ] {
        assert_eq!(conn.ask(command), "SERVER_ERROR No peers available.", "{command}");
    }
    assert!(conn.ask("version").starts_with("VERSION "));
    assert_eq!(conn.stats("network")["peers"], "0");
}
