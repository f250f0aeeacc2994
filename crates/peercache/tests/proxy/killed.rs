//! A peer is killed while clients work, and started again (P-14, P-20).

use crate::load::Load;
use crate::network::{Network, wait_for};

/// How many requests make a part of the test.
const REQUESTS: usize = 4_000;

#[test]
fn p14_p20_a_peer_that_is_killed_under_load_costs_no_error_and_no_acknowledged_value() {
    let network = Network::of(4, 2);
    let proxy = network.proxy("");
    let load = Load::start(&proxy, 10_000);
    let work_on = || {
        let before = load.requests();
        wait_for("requests to be answered", || load.requests() >= before + REQUESTS);
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
    assert!(outcome.reads > REQUESTS);
    assert_eq!(outcome.judge_all(&mut proxy.connect()), []);
    // It takes its part again.
    let mut conn = proxy.connect();
    let mine = (0..1_000).map(|n| format!("new{n}")).filter(|key| {
        assert_eq!(conn.set(key, "v"), "STORED");
        network.peers[1].connect().get(key).is_some()
    });
    assert!(mine.count() > 200, "of 1,000 keys with two copies on four peers");
}
