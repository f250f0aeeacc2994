//! `flush_all` reaches every peer, and expiry and flags survive every path (P-18).

use crate::network::{Network, wait_for};
use crate::wire::{Conn, set_command};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How much of a life may be lost, in seconds, on a machine that is busy.
const SLACK_S: i64 = 4;

fn keys() -> Vec<String> {
    (0..400).map(|number| format!("key{number}")).collect()
}

fn fill(conn: &mut Conn) {
    let sets: Vec<_> = keys().iter().map(|key| set_command(key, "v")).collect();
    assert!(conn.pipeline(&sets).iter().all(|answer| answer == "STORED"));
}

fn count(conn: &mut Conn) -> usize {
    conn.get_all(&keys()).len()
}

#[test]
fn p18_what_is_asked_behind_a_flush_comes_after_it() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    for round in 0..50 {
        conn.send(&format!("flush_all noreply\r\n{}\r\n", set_command("k", &round.to_string())));
        assert_eq!(conn.line(), "STORED");
        assert_eq!(conn.get("k").map(|item| item.data), Some(round.to_string()));
    }
}

#[test]
fn p18_a_flush_empties_every_peer() {
    let network = Network::of(4, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    fill(&mut conn);
    assert!(network.peers.iter().all(|peer| count(&mut peer.connect()) > 100));
    assert_eq!(conn.ask("flush_all"), "OK");
    assert!(network.peers.iter().all(|peer| count(&mut peer.connect()) == 0));
    assert_eq!(count(&mut conn), 0);
    fill(&mut conn);
    assert_eq!(count(&mut conn), 400);
}

#[test]
fn p18_a_flush_reaches_a_peer_that_hangs_when_it_returns() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    fill(&mut conn);
    network.peers[0].hang();
    assert_eq!(conn.ask("flush_all"), "OK");
    assert_eq!(count(&mut conn), 0);
    network.peers[0].go_on();
    wait_for("the peer to be back", || {
        assert_eq!(count(&mut conn), 0);
        conn.stats("peers")["p0:readable"] == "yes"
    });
    assert_eq!(count(&mut network.peers[0].connect()), 0);
    fill(&mut conn);
    assert_eq!(count(&mut network.peers[0].connect()), 400);
}

#[test]
fn p18_a_delayed_flush_empties_every_peer_when_its_time_has_come() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    fill(&mut conn);
    let start = Instant::now();
    assert_eq!(conn.ask("flush_all 2"), "OK");
    wait_for("the flush", || count(&mut conn) == 0);
    // Daemons count in whole seconds.
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(network.peers.iter().all(|peer| count(&mut peer.connect()) == 0));
}

/// A daemon that is told of a delayed flush forgets the one before.
#[test]
fn p18_a_delayed_flush_brings_nothing_back_that_was_flushed() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    fill(&mut conn);
    assert_eq!(conn.ask("flush_all"), "OK");
    assert_eq!(conn.ask("flush_all 100"), "OK");
    assert_eq!(count(&mut conn), 0);
    assert!(network.peers.iter().all(|peer| count(&mut peer.connect()) == 0));
}

#[test]
fn p18_a_delayed_flush_outlives_its_proxy_and_reaches_a_peer_that_hangs() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    fill(&mut conn);
    assert_eq!(conn.ask("flush_all 1"), "OK");
    proxy.kill();
    network.peers[0].hang();
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    wait_for("the flush", || count(&mut conn) == 0);
    network.peers[0].go_on();
    wait_for("the peer to be back", || {
        assert_eq!(count(&mut conn), 0);
        conn.stats("peers")["p0:readable"] == "yes"
    });
    assert_eq!(count(&mut network.peers[0].connect()), 0);
}

#[test]
fn p18_a_flush_at_once_cancels_a_delayed_one() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    assert_eq!(conn.ask("flush_all 1000"), "OK");
    assert!(network.is_flush_pending());
    assert_eq!(conn.ask("flush_all"), "OK");
    wait_for("the delayed one to be cancelled", || !network.is_flush_pending());
    conn.send("flush_all 1000 noreply\r\nflush_all noreply\r\nmn\r\n");
    assert_eq!(conn.line(), "MN");
    wait_for("the delayed one to be cancelled", || !network.is_flush_pending());
}

#[test]
fn p18_a_flush_at_once_that_reaches_nobody_leaves_the_delayed_one() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    assert_eq!(conn.ask("flush_all 1000"), "OK");
    network.peers.iter().for_each(crate::network::Peer::kill);
    let answer = conn.ask("flush_all");
    assert!(answer.starts_with("SERVER_ERROR"), "{answer}");
    assert!(network.is_flush_pending());
}

#[test]
fn p18_a_proxy_that_waits_for_the_flush_of_another_process_can_be_ended() {
    let network = Network::of(2, 2);
    let _turn = network.hold_due_flush();
    network.proxy("").end();
    assert!(network.is_flush_pending());
}

/// Checks what `mg` tells of a key in both copies: its flags, and the seconds that it has left.
fn check_copies(network: &Network, key: &str, flags: u32, left_s: i64) {
    for peer in &network.peers {
        let line = peer.connect().ask(&format!("mg {key} f t"));
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(words[..2], ["HD", &format!("f{flags}")], "{key}");
        let seconds: i64 = words[2].strip_prefix('t').unwrap().parse().unwrap();
        // A daemon's clock moves once a second, so to it a date may be one further away.
        assert!((left_s - SLACK_S..=left_s + 1).contains(&seconds), "{key}: {seconds} of {left_s}");
    }
}

#[test]
fn p18_flags_and_expiry_are_the_same_in_every_copy() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    assert_eq!(conn.store("set k 4294967295 100", "5"), "STORED");
    check_copies(&network, "k", u32::MAX, 100);
    assert_eq!(conn.ask("touch k 200"), "TOUCHED");
    check_copies(&network, "k", u32::MAX, 200);
    assert_eq!(conn.read("gat 300 k").unwrap()[0].flags, u32::MAX);
    check_copies(&network, "k", u32::MAX, 300);
    assert_eq!(conn.read("gats 400 k").unwrap()[0].flags, u32::MAX);
    check_copies(&network, "k", u32::MAX, 400);
    assert_eq!(conn.ask("mg k T500"), "HD");
    check_copies(&network, "k", u32::MAX, 500);
    assert_eq!(conn.ask("incr k 1"), "6");
    check_copies(&network, "k", u32::MAX, 500);
    assert_eq!(conn.ask("ms k 1 T600 F7\r\n5"), "HD");
    check_copies(&network, "k", 7, 600);
    assert_eq!(conn.ask("ma k T700"), "HD");
    check_copies(&network, "k", 7, 700);
    let days_40 = 40 * 24 * 60 * 60;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let date = now + days_40;
    for command in [format!("set k 9 {date} 1\r\n5"), format!("touch k {date}")] {
        assert!(["STORED", "TOUCHED"].contains(&conn.ask(&command).as_str()));
        check_copies(&network, "k", 9, i64::try_from(days_40).unwrap());
    }
}

#[test]
fn p18_what_has_expired_is_gone_in_every_copy() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    for command in ["set k 0 -1 1\r\nv", "set k 0 1 1\r\nv"] {
        assert_eq!(conn.ask(command), "STORED");
        wait_for("the item to expire", || conn.get("k").is_none());
        wait_for("its copies to expire", || network.copies("k").is_empty());
    }
    assert_eq!(conn.set("k", "v"), "STORED");
    assert_eq!(conn.ask("touch k -1"), "TOUCHED");
    assert_eq!(network.copies("k"), [""; 0]);
}
