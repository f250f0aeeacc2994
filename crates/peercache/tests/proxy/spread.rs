//! Reads that are spread over the copies (P-20).

use crate::load::Load;
use crate::network::{Network, wait_for};

/// How many reads make a part of the test.
const READS: u64 = 200;

fn hits(network: &Network, id: &str) -> u64 {
    network.peer(id).connect().stats("")["get_hits"].parse().unwrap()
}

#[test]
fn p20_spread_reads_are_answered_by_each_copy_equally_often() {
    let network = Network::with(3, "--replication 2 --read spread");
    assert!(network.run("network show main").contains("read spread"));
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    assert_eq!(conn.set("k", "v"), "STORED");
    let replicas = network.replicas("k");
    let mut before = [0; 2];
    let mut parts = |what: &str| {
        let now = [hits(&network, &replicas[0]), hits(&network, &replicas[1])];
        let parts = [now[0] - before[0], now[1] - before[1]];
        before = now;
        assert_eq!(parts[0] + parts[1], READS, "{what}: each read hits once");
        parts
    };
    // What comes regularly between two reads of a key does not keep them on one copy.
    for (command, between) in [("get k", ""), ("mg k v", "get other"), ("get k k2", "")] {
        for _ in 0..READS {
            if !between.is_empty() {
                conn.read(between).unwrap();
            }
            if command.starts_with("mg") {
                assert_eq!(conn.ask(command), "VA 1");
                assert_eq!(conn.line(), "v");
            } else {
                assert_eq!(conn.read(command).unwrap().len(), 1);
            }
        }
        let [owner, other] = parts(command);
        assert!(owner.abs_diff(other) <= READS / 10, "{command}: {owner} and {other}");
    }
    for _ in 0..READS {
        assert_eq!(conn.read("gets k").unwrap().len(), 1);
    }
    assert_eq!(parts("gets k"), [READS, 0], "a version is its peer's");
}

#[test]
fn p20_p14_spread_reads_are_never_stale_while_a_peer_is_killed_and_comes_back() {
    let network = Network::with(4, "--replication 2 --read spread");
    let proxy = network.proxy("");
    let load = Load::start(&proxy, 2_000);
    let work_on = || {
        let before = load.requests();
        wait_for("requests to be answered", || load.requests() >= before + 4_000);
    };
    work_on();
    network.peers[1].kill();
    work_on();
    network.peers[1].restart();
    proxy.wait_until_readable(&network.peers[1], true);
    work_on();
    let outcome = load.end();
    assert_eq!(outcome.errors, [""; 0]);
    assert_eq!(outcome.faults, []);
    assert_eq!(outcome.judge_all(&mut proxy.connect()), []);
}
