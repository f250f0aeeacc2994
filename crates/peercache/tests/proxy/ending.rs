//! A proxy ends in good order (P-11), also while a command is stopped (Ctrl-Z) that has the lock of the state
//! directory (P-12).

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

/// The write is on its way for longer than the proxy waits for its clients.
#[test]
fn p11_what_a_client_wrote_that_has_left_is_recorded_before_the_proxy_ends() {
    let network = Network::of(2, 2);
    let proxy = network.proxy_with("", &[("PEERCACHE_ATTEMPT_MS", "4000")]);
    let mut conn = proxy.connect();
    assert_eq!(conn.set("k", "old"), "STORED");
    network.peers[0].hang();
    conn.send("set k 0 0 3 noreply\r\nnew\r\n");
    drop(conn);
    let mut other = network.peers[1].connect();
    wait_for("the write to be on its way", || other.get("k").is_some_and(|item| item.data == "new"));
    proxy.end();
    assert!(network.is_outage_recorded(&network.peers[0]));
}

#[test]
fn p11_what_a_failed_write_may_have_missed_is_recorded_before_the_proxy_ends() {
    let network = Network::of(1, 1);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    assert_eq!(conn.set("k", "old"), "STORED");
    network.peers[0].hang();
    let answer = conn.set("k", "new");
    assert!(answer.starts_with("SERVER_ERROR unknown whether this was done"), "{answer}");
    proxy.end();
    assert!(network.is_outage_recorded(&network.peers[0]));
}

#[test]
fn p11_a_proxy_that_cannot_record_what_a_peer_missed_says_so_when_it_ends() {
    let network = Network::of(1, 1);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    assert_eq!(conn.set("k", "old"), "STORED");
    network.break_ledger();
    network.peers[0].hang();
    assert!(conn.set("k", "new").starts_with("SERVER_ERROR"));
    let log = proxy.end();
    assert!(log.contains("other processes do not know: cannot record the outage of p0"), "{log}");
}
