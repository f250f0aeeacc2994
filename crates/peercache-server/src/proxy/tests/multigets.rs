//! Multigets: their windows, and what becomes of them whatever the order in which peers answer.

use super::stage::{Stage, value};
use std::time::Duration;

/// Keys that a client is asked for at first.
const WINDOW: usize = 128;

/// What a multiget of `keys` says that are all there.
fn found(keys: &[String], value_bytes: usize) -> Vec<u8> {
    let values: Vec<_> = keys.iter().map(|key| value(key, value_bytes)).collect();
    [&values.concat()[..], b"END\r\n"].concat()
}

/// Peers 0 and 1, asked for a window of keys of both and one more window of keys of both.
fn two_windows(stage: &Stage, first: usize) -> Vec<String> {
    let (mut own, mut other) = (stage.keys_of(0, first), stage.keys_of(1, first));
    let rest = [own.split_off(first / 2), other.split_off(first / 2)].concat();
    [own, other, rest].concat()
}

#[test]
fn the_first_hundred_keys_of_a_client_are_asked_for_in_one_go() {
    let mut stage = Stage::of(2, 1);
    let client = stage.client();
    let keys: Vec<_> = (0..100).map(|number| format!("k{number}")).collect();
    stage.send(client, format!("get {}\r\n", keys.join(" ")).as_bytes());
    let asked: Vec<_> = (0..2).map(|peer| stage.asked(peer)).collect();
    let spaces = asked.iter().flatten().filter(|&&byte| byte == b' ').count();
    assert_eq!(spaces, keys.len());
    (0..2).for_each(|peer| stage.answer(peer, &super::stage::answers(&asked[peer], 3)));
    assert!(stage.heard(client) == found(&keys, 3));
}

#[test]
fn a_window_ends_when_every_peer_has_ended_its_answer() {
    let mut stage = Stage::of(2, 1);
    let client = stage.client();
    let keys = two_windows(&stage, WINDOW);
    stage.send(client, format!("get {}\r\n", keys.join(" ")).as_bytes());
    let asked: Vec<_> = (0..2).map(|peer| stage.asked(peer)).collect();
    // All of peer 0's values come, and not yet its end; peer 1 is quicker.
    let (own, other) = (&keys[..WINDOW / 2], &keys[WINDOW / 2..WINDOW]);
    assert_eq!(asked[0], format!("get {}\r\n", own.join(" ")).as_bytes());
    own.iter().for_each(|key| stage.answer(0, &value(key, 3)));
    stage.answer(1, &found(other, 3));
    assert!(stage.asked(1).is_empty(), "the next window waits for the end of this one");
    stage.answer(0, b"END\r\n");
    stage.serve(3);
    assert!(stage.heard(client) == found(&keys, 3), "nothing is missed that is there");
}

#[test]
fn an_end_that_comes_late_finds_a_window_that_waits_for_its_turn() {
    let mut stage = Stage::of(3, 1);
    let client = stage.client();
    let keys = two_windows(&stage, WINDOW);
    // The answer to another request is due before.
    let ahead = stage.keys_of(2, 1);
    stage.send(client, format!("get {}\r\nget {}\r\n", ahead[0], keys.join(" ")).as_bytes());
    (0..3).for_each(|peer| drop(stage.asked(peer)));
    keys[..WINDOW / 2].iter().for_each(|key| stage.answer(0, &value(key, 3)));
    stage.answer(1, &found(&keys[WINDOW / 2..WINDOW], 3));
    stage.answer(0, b"END\r\n");
    stage.answer(2, &found(&ahead, 3));
    stage.serve(3);
    assert!(stage.heard(client) == [found(&ahead, 3), found(&keys, 3)].concat());
}

#[test]
fn an_end_that_comes_late_finds_a_window_that_waits_for_its_client() {
    let mut stage = Stage::of(2, 1);
    let client = stage.client();
    let (keys, bytes) = (two_windows(&stage, WINDOW), 10_000);
    stage.takes(client, 100);
    stage.send(client, format!("get {}\r\n", keys.join(" ")).as_bytes());
    (0..2).for_each(|peer| drop(stage.asked(peer)));
    keys[..WINDOW / 2].iter().for_each(|key| stage.answer(0, &value(key, bytes)));
    stage.answer(1, &found(&keys[WINDOW / 2..WINDOW], bytes));
    stage.answer(0, b"END\r\n");
    stage.takes_all(client);
    stage.serve(bytes);
    assert!(stage.heard(client) == found(&keys, bytes));
}

#[test]
fn a_peer_that_never_ends_its_answer_holds_up_a_multiget_until_its_time_is_over() {
    let mut stage = Stage::of(2, 1);
    let client = stage.client();
    let keys = two_windows(&stage, WINDOW);
    stage.send(client, format!("get {}\r\n", keys[..WINDOW].join(" ")).as_bytes());
    (0..2).for_each(|peer| drop(stage.asked(peer)));
    keys[..WINDOW / 2].iter().for_each(|key| stage.answer(0, &value(key, 3)));
    stage.answer(1, &found(&keys[WINDOW / 2..WINDOW], 3));
    assert_eq!(stage.heard(client), b"");
    // A first alarm that is so late is put off.
    stage.pass(Duration::from_millis(201));
    stage.pass(Duration::from_millis(201));
    assert!(stage.heard(client) == found(&keys[..WINDOW], 3), "every value was there");
}

#[test]
fn thousands_of_clients_that_wait_with_a_multiget_go_on_when_a_link_drains() {
    let mut stage = Stage::of(1, 1);
    // Peers are asked for 4096 answers at once.
    let first: Vec<_> = (0..256).map(|_| stage.client()).collect();
    first.iter().for_each(|&client| stage.send(client, &b"get a\r\n".repeat(16)));
    let waiting: Vec<_> = (0..4000).map(|_| stage.client()).collect();
    waiting.iter().for_each(|&client| stage.send(client, b"get a b\r\n"));
    assert_eq!(stage.asked(0), b"get a\r\n".repeat(4096));
    // All at once.
    stage.answer(0, &b"END\r\n".repeat(4096));
    stage.serve(3);
    let both = found(&["a".to_owned(), "b".to_owned()], 3);
    assert!(waiting.iter().all(|&client| stage.heard(client) == both));
}

#[test]
fn what_comes_late_for_a_client_that_has_gone_is_not_told_to_the_next() {
    let mut stage = Stage::of(2, 1);
    let first = stage.client();
    let key = stage.keys_of(0, 1).remove(0);
    stage.send(first, format!("get {key} {key}\r\n").as_bytes());
    stage.asked(0);
    stage.leave(first);
    [value(&key, 3), value(&key, 3)].iter().for_each(|value| stage.answer(0, value));
    let next = stage.client();
    assert_ne!(first, next, "the first is kept until its peer has answered");
    stage.answer(0, b"END\r\n");
    let next = stage.client();
    assert_eq!(first, next, "and its place is used again");
    let slot = stage.hub.session(next).unwrap().next_slot();
    assert_ne!(slot, 0, "with numbers that no answer to the first can have");
}
