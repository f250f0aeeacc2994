//! A command is stopped (Ctrl-Z) while it has the lock of the state directory (P-11, P-12, P-70).

use crate::network::{Network, wait_for};

#[test]
fn p12_a_command_that_is_stopped_inside_a_change_makes_no_proxy_deaf() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let lock = network.lock();
    wait_for("the proxy to find the lock taken", || {
        proxy.log().contains("it stays as it is: another command has held the lock")
    });
    let outage = network.record_outage(&network.peers[0]);
    proxy.wait_until_readable(&network.peers[0], false);
    let mut conn = proxy.connect();
    assert_eq!(conn.ask("set k 0 0 1\r\nv"), "STORED");
    let answer = conn.ask("flush_all 1000");
    assert!(answer.starts_with("SERVER_ERROR a flush cannot be kept for its time"), "{answer}");
    drop((conn, outage));
    proxy.end();
    drop(lock);
}
