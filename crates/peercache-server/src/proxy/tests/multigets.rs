//! Multigets: their windows, and what becomes of them whatever the order in which peers answer.

use super::stage::{Stage, hits, ms, value};

/// Keys that a client is asked for at first.
const WINDOW: usize = 128;

/// What a multiget of `keys` says that are all there.
fn found(keys: &[String], value_bytes: usize) -> String {
    let values = keys.iter().map(|key| value(key, value_bytes)).collect::<String>();
    values + "END\r\n"
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
    stage.says(client, &format!("get {}\r\n", keys.join(" ")));
    let asked: Vec<_> = (0..2).map(|peer| stage.sent(peer)).collect();
    let spaces: usize = asked.iter().map(|asked| asked.matches(' ').count()).sum();
    assert_eq!(spaces, keys.len());
    (0..2).for_each(|peer| stage.answers(peer, &hits(&asked[peer], 3)));
    assert!(stage.told(client) == found(&keys, 3));
}

#[test]
fn a_window_ends_when_every_peer_has_ended_its_answer() {
    let mut stage = Stage::of(2, 1);
    let client = stage.client();
    let keys = two_windows(&stage, WINDOW);
    stage.says(client, &format!("get {}\r\n", keys.join(" ")));
    let asked: Vec<_> = (0..2).map(|peer| stage.sent(peer)).collect();
    // All of peer 0's values come, and not yet its end; peer 1 is quicker.
    let (own, other) = (&keys[..WINDOW / 2], &keys[WINDOW / 2..WINDOW]);
    assert_eq!(asked[0], format!("get {}\r\n", own.join(" ")));
    own.iter().for_each(|key| stage.answers(0, &value(key, 3)));
    stage.answers(1, &found(other, 3));
    assert!(stage.sent(1).is_empty(), "the next window waits for the end of this one");
    stage.answers(0, "END\r\n");
    stage.serve(3);
    assert!(stage.told(client) == found(&keys, 3), "nothing is missed that is there");
}

#[test]
fn an_end_that_comes_late_finds_a_window_that_waits_for_its_turn() {
    let mut stage = Stage::of(3, 1);
    let client = stage.client();
    let keys = two_windows(&stage, WINDOW);
    // The answer to another request is due before.
    let ahead = stage.keys_of(2, 1);
    stage.says(client, &format!("get {}\r\nget {}\r\n", ahead[0], keys.join(" ")));
    (0..3).for_each(|peer| drop(stage.sent(peer)));
    keys[..WINDOW / 2].iter().for_each(|key| stage.answers(0, &value(key, 3)));
    stage.answers(1, &found(&keys[WINDOW / 2..WINDOW], 3));
    stage.answers(0, "END\r\n");
    stage.answers(2, &found(&ahead, 3));
    stage.serve(3);
    assert!(stage.told(client) == [found(&ahead, 3), found(&keys, 3)].concat());
}

#[test]
fn an_end_that_comes_late_finds_a_window_that_waits_for_its_client() {
    let mut stage = Stage::of(2, 1);
    let client = stage.client();
    let (keys, bytes) = (two_windows(&stage, WINDOW), 10_000);
    stage.takes(client, 100);
    stage.says(client, &format!("get {}\r\n", keys.join(" ")));
    (0..2).for_each(|peer| drop(stage.sent(peer)));
    keys[..WINDOW / 2].iter().for_each(|key| stage.answers(0, &value(key, bytes)));
    stage.answers(1, &found(&keys[WINDOW / 2..WINDOW], bytes));
    stage.answers(0, "END\r\n");
    stage.takes_all(client);
    stage.serve(bytes);
    assert!(stage.told(client) == found(&keys, bytes));
}

#[test]
fn a_peer_that_never_ends_its_answer_holds_up_a_multiget_until_its_time_is_over() {
    let mut stage = Stage::of(2, 1);
    let client = stage.client();
    let keys = two_windows(&stage, WINDOW);
    stage.says(client, &format!("get {}\r\n", keys[..WINDOW].join(" ")));
    (0..2).for_each(|peer| drop(stage.sent(peer)));
    keys[..WINDOW / 2].iter().for_each(|key| stage.answers(0, &value(key, 3)));
    stage.answers(1, &found(&keys[WINDOW / 2..WINDOW], 3));
    assert_eq!(stage.told(client), "");
    stage.pass(ms(402));
    assert!(stage.told(client) == found(&keys[..WINDOW], 3), "every value was there");
}

#[test]
fn thousands_of_clients_that_wait_with_a_multiget_go_on_when_a_link_drains() {
    let mut stage = Stage::of(1, 1);
    // Peers are asked for 4096 answers at once.
    let first: Vec<_> = (0..256).map(|_| stage.client()).collect();
    first.iter().for_each(|&client| stage.says(client, &"get a\r\n".repeat(16)));
    let waiting: Vec<_> = (0..4000).map(|_| stage.client()).collect();
    waiting.iter().for_each(|&client| stage.says(client, "get a b\r\n"));
    assert_eq!(stage.sent(0), "get a\r\n".repeat(4096));
    // All at once.
    stage.answers(0, &"END\r\n".repeat(4096));
    stage.serve(3);
    let both = found(&["a".to_owned(), "b".to_owned()], 3);
    assert!(waiting.iter().all(|&client| stage.told(client) == both));
}

#[test]
fn what_comes_late_for_a_client_that_has_gone_is_not_told_to_the_next() {
    let mut stage = Stage::of(2, 1);
    let first = stage.client();
    let key = stage.keys_of(0, 1).remove(0);
    stage.says(first, &format!("get {key} {key}\r\n"));
    stage.sent(0);
    stage.leaves(first);
    [value(&key, 3), value(&key, 3)].iter().for_each(|value| stage.answers(0, value));
    let next = stage.client();
    assert_ne!(first, next, "the first is kept until its peer has answered");
    stage.answers(0, "END\r\n");
    let next = stage.client();
    assert_eq!(first, next, "and its place is used again");
    let slot = stage.hub.session(next).unwrap().next_slot();
    assert_ne!(slot, 0, "with numbers that no answer to the first can have");
}
