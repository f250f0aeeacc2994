//! Full links: who waits for them, for how long, and what becomes of whom they belong to (P-60).

use super::stage::{Stage, ms};

/// Two peers with a key of each; the first one's link is full.
fn one_is_full() -> (Stage, String, String) {
    let mut stage = Stage::of(2, 1);
    let (full, free) = (stage.key(&[0]), stage.key(&[1]));
    stage.fill(0);
    (stage, full, free)
}

#[test]
fn p60_a_multiget_waits_for_no_link_that_it_does_not_need() {
    let (mut stage, full, free) = one_is_full();
    let client = stage.client();
    stage.says(client, &format!("get {free} {free}\r\n"));
    assert_eq!(stage.sent(1), format!("get {free} {free}\r\n"));
    stage.says(client, &format!("get {free} {full}\r\n"));
    assert_eq!(stage.sent(1), "", "this one waits for room");
}

#[test]
fn p60_whoever_waits_for_one_link_holds_up_nobody_who_waits_for_another() {
    let (mut stage, full, free) = one_is_full();
    stage.fill(1);
    let clients = [stage.client(), stage.client()];
    stage.says(clients[0], &format!("get {full}\r\n"));
    stage.says(clients[1], &format!("get {free}\r\n"));
    assert_eq!(stage.sent(1), "");
    stage.answers(1, "END\r\n");
    assert_eq!(stage.sent(1), format!("get {free}\r\n"));
}

/// A client that waits for the full link, and behind somebody who has gone; and what it asks.
fn waits_behind_nobody() -> (Stage, u32, String) {
    let (mut stage, full, _) = one_is_full();
    let clients = [stage.client(), stage.client()];
    let asked = format!("get {full}\r\n");
    clients.iter().for_each(|&client| stage.says(client, &asked));
    stage.leaves(clients[0]);
    (stage, clients[1], asked)
}

#[test]
fn p60_whoever_waited_and_has_gone_holds_up_nobody() {
    let (mut stage, _, asked) = waits_behind_nobody();
    stage.answers(0, "END\r\n");
    assert_eq!(stage.sent(0), asked);
}

#[test]
fn p60_whoever_waits_behind_somebody_who_has_gone_waits_no_longer_than_a_request_may_take() {
    let (mut stage, client, _) = waits_behind_nobody();
    // It answers now and then, so it is slow and not down.
    for _ in 0..12 {
        stage.pass(ms(100));
        stage.answers(0, "END\r\n");
        stage.fill(0);
    }
    assert!(stage.told(client).starts_with("SERVER_ERROR "));
}

#[test]
fn p60_a_peer_that_is_down_fails_at_once_however_full_its_link_is() {
    let (mut stage, full, free) = one_is_full();
    let client = stage.client();
    stage.says(client, &format!("get {free} {full}\r\n"));
    // Silent for so long, it counts as down, and its connection is open still.
    stage.pass(ms(310));
    assert_eq!(stage.sent(1), format!("get {free}\r\n"));
    stage.answers(1, "END\r\n");
    assert!(stage.told(client).starts_with("SERVER_ERROR no replica can serve this key"));
}

#[test]
fn p60_a_follower_whose_link_is_full_is_asked_all_the_same() {
    let mut stage = Stage::of(2, 2);
    let (key, client) = (stage.key(&[0, 1]), stage.client());
    stage.says(client, &format!("incr {key} 1\r\n"));
    stage.fill(1);
    stage.answers(0, "6\r\n");
    assert_eq!(stage.sent(1), format!("incr {key} 1\r\n"));
    assert!(stage.cell(1).state().is_readable());
}

#[test]
fn p60_a_read_fails_over_to_a_sibling_whose_link_is_full() {
    let mut stage = Stage::of(2, 2);
    let (key, client) = (stage.key(&[0, 1]), stage.client());
    stage.says(client, &format!("get {key}\r\n"));
    stage.fill(1);
    stage.answers(0, "SERVER_ERROR out of memory writing get response\r\n");
    assert_eq!(stage.sent(1), format!("get {key}\r\n"));
    assert_eq!(stage.told(client), "");
}

#[test]
fn p60_a_flush_reaches_a_peer_whose_link_is_full() {
    let mut stage = Stage::of(2, 2);
    let client = stage.client();
    stage.fill(1);
    stage.says(client, "flush_all\r\n");
    assert_eq!(stage.sent(1), "flush_all\r\n");
    stage.answers(0, "OK\r\n");
    assert!(stage.cell(1).state().is_readable());
    assert_eq!(stage.told(client), "");
}
