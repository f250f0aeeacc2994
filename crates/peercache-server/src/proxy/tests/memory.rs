//! What a client may cost that asks for much and takes little (P-60).

use super::stage::{Stage, hits, value};
use crate::proxy::access::Access;
use crate::proxy::session::Session;
use std::time::Duration;

const MIB: usize = 1 << 20;

/// Keys that `asked` asks for.
fn keys(asked: &str) -> usize {
    asked.lines().map(|line| line.split(' ').count() - 1).sum()
}

fn held(stage: &mut Stage, client: u32) -> usize {
    stage.hub.session(client).unwrap().held_bytes()
}

fn kept_bytes(stage: &mut Stage, client: u32) -> usize {
    let session = stage.hub.session(client).unwrap();
    session.held.capacity() + session.out.capacity()
}

fn session() -> Session {
    Session::new("a test".to_owned(), Access::Granted, Duration::ZERO, 0)
}

#[test]
fn a_multiget_that_began_behind_another_request_waits_for_its_client_as_any_other() {
    let mut stage = Stage::of(2, 1);
    let client = stage.client();
    let (ahead, rest) = (stage.keys_of(0, 1), stage.keys_of(1, 300));
    stage.takes(client, 0);
    stage.says(client, &format!("get {}\r\nget {}\r\n", ahead[0], rest.join(" ")));
    let (first, window) = (stage.sent(0), stage.sent(1));
    assert!(keys(&window) < rest.len());
    // Its first window is there before the answer that comes before it.
    stage.answers(1, &hits(&window, 100_000));
    assert_eq!(stage.sent(1), "", "it is not its turn");
    stage.answers(0, &hits(&first, 100_000));
    stage.serve(100_000);
    assert!(held(&mut stage, client) < 16 * MIB, "{} bytes", held(&mut stage, client));
    stage.takes_all(client);
    stage.serve(100_000);
    let expected: usize = ahead.iter().chain(&rest).map(|key| value(key, 100_000).len()).sum();
    assert_eq!(stage.told(client).len(), expected + 2 * "END\r\n".len());
}

#[test]
fn multigets_in_a_row_have_no_more_keys_in_flight_than_fit() {
    let mut stage = Stage::of(1, 1);
    let client = stage.client();
    let all = stage.keys_of(0, 60).join(" ");
    let request = format!("get {all}\r\n").repeat(500);
    stage.says(client, &request);
    let at_first = stage.sent(0);
    assert!(keys(&at_first) <= 256, "{} keys at once while nothing is known", keys(&at_first));
    stage.answers(0, &hits(&at_first, 10));
    stage.serve(10);
    assert!(stage.told(client).len() > 500 * 60 * 10);
    stage.says(client, &request);
    let later = keys(&stage.sent(0));
    assert!((512..=1024 + 256).contains(&later), "{later} keys at once when answers are small");
}

#[test]
fn what_comes_for_a_client_that_has_gone_is_thrown_away_and_no_more_is_asked() {
    let mut stage = Stage::of(1, 1);
    let client = stage.client();
    let all = stage.keys_of(0, 1000);
    stage.says(client, &format!("get {0}\r\nget {1}\r\nget {1}\r\n", all[..3].join(" "), all.join(" ")));
    let asked = stage.sent(0);
    let (first, second) = asked.split_once("\r\n").unwrap();
    stage.answers(0, &value(&all[0], 100_000));
    assert!(held(&mut stage, client) > 100_000, "it counts when it comes");
    stage.leaves(client);
    assert_eq!(held(&mut stage, client), 0);
    all[1..3].iter().for_each(|key| stage.answers(0, &value(key, 100_000)));
    stage.answers(0, "END\r\n");
    assert_eq!(held(&mut stage, client), 0, "{first}");
    stage.answers(0, &hits(second, 1000));
    assert_eq!(stage.sent(0), "");
    assert!(stage.hub.session(client).is_none(), "it is over when its peers have answered");
}

#[test]
fn a_client_that_takes_nothing_is_cut_and_one_that_takes_little_is_not() {
    let (mut greedy, mut slow, mut waiting) = (session(), session(), session());
    for session in [&mut greedy, &mut slow] {
        session.out = vec![0; 1000];
        // The socket takes some before it is full.
        session.note_sent(100, 3);
    }
    let mut greedy_mib = 0;
    for mib in 0..1000 {
        greedy.note_waiting(MIB);
        if greedy_mib == 0 && greedy.is_over_budget() {
            greedy_mib = mib + 1;
        }
        slow.note_waiting(MIB);
        if mib % 60 == 0 {
            slow.note_sent(1, 3);
        }
        assert!(!slow.is_over_budget(), "{mib} MiB");
        // It could take nothing yet: its first answer has not come.
        waiting.note_waiting(MIB);
        assert!(!waiting.is_over_budget());
    }
    assert!((256..=258).contains(&greedy_mib), "{greedy_mib} MiB");
    assert!(!slow.has_room(256 * 1024), "but it gets nothing more");
}

#[test]
fn what_a_client_has_taken_is_given_back_also_when_it_always_has_more_to_take() {
    let mut session = session();
    for _ in 0..1000 {
        session.out.extend_from_slice(&[b'x'; 100_000]);
        let is_first = session.out.len() == 100_000;
        session.note_sent(if is_first { 50_000 } else { 100_000 }, 1);
        assert_eq!(session.held_bytes(), 50_000);
    }
    assert!(session.out.capacity() < 2 * MIB, "{} bytes", session.out.capacity());
}

#[test]
fn a_write_whose_turn_has_come_goes_out_though_its_client_takes_nothing() {
    let mut stage = Stage::of(2, 2);
    let (quick, slow) = (stage.client(), stage.client());
    let (key, big) = (stage.keys_of(0, 1).remove(0), stage.keys_of(1, 1).remove(0));
    stage.takes(slow, 0);
    stage.says(quick, &format!("append {key} 0 0 1\r\nx\r\n"));
    stage.says(slow, &format!("get {big}\r\nappend {key} 0 0 1\r\ny\r\n"));
    assert_eq!(stage.sent(0), format!("append {key} 0 0 1\r\nx\r\n"));
    assert_eq!(stage.sent(1), format!("get {big}\r\n"));
    stage.answers(1, &format!("{}END\r\n", value(&big, 300_000)));
    stage.answers(0, "STORED\r\n");
    assert_eq!(stage.sent(1), format!("delete {key}\r\n"));
    // Its turn comes while the network changes, when nothing is begun.
    stage.hub.begin_change();
    stage.answers(1, "DELETED\r\n");
    assert_eq!(stage.told(quick), "STORED\r\n");
    assert_eq!(stage.sent(0), "");
    stage.hub.end_change();
    stage.flush();
    // Others wait behind it for that key.
    assert_eq!(stage.sent(0), format!("append {key} 0 0 1\r\ny\r\n"));
}

#[test]
fn a_client_that_is_silent_keeps_no_memory_for_what_it_once_did() {
    let mut stage = Stage::of(1, 1);
    let client = stage.client();
    let request = format!("set k 0 0 1000000\r\n{}\r\n", "v".repeat(1_000_000));
    let packets = request.as_bytes().chunks(60_000).map(|packet| str::from_utf8(packet).unwrap());
    packets.for_each(|packet| stage.says(client, packet));
    stage.sent(0);
    stage.answers(0, "STORED\r\n");
    let kept = stage.hub.session(client).unwrap().held.capacity();
    assert!(kept <= 64 * 1024, "{kept} bytes");
    for _ in 0..20 {
        stage.says(client, &"get k\r\n".repeat(1000));
        stage.serve(10);
    }
    assert!(kept_bytes(&mut stage, client) > 1000);
    stage.pass(Duration::from_secs(10));
    stage.hub.look_at_idle();
    assert_eq!(kept_bytes(&mut stage, client), 0);
    stage.says(client, "get k\r\n");
    assert_eq!(stage.sent(0), "get k\r\n", "it is served as before");
}

#[test]
fn buffers_that_are_used_again_and_again_are_kept_within_bounds() {
    let mut stage = Stage::of(1, 1);
    let client = stage.client();
    let request = format!("get {}\r\n", stage.keys_of(0, 100).join(" "));
    for _ in 0..3 {
        stage.says(client, &request);
        stage.serve(1024);
    }
    assert!(stage.hub.session(client).unwrap().out.capacity() > 100 * 1024, "what it is sent each time");
    let many = stage.hub.core.buffers.take_many();
    assert!(many.buffer_bytes() > 100 * 1024, "where values come together");
    stage.hub.core.buffers.put_many(many);
    // A hundred clients at once.
    let clients: Vec<_> = (0..100).map(|_| stage.client()).collect();
    clients.iter().for_each(|&client| stage.says(client, &request));
    stage.serve(3000);
    let kept: Vec<_> = (0..100).map(|_| stage.hub.core.buffers.take_many().buffer_bytes()).collect();
    assert!(kept.iter().sum::<usize>() <= 8 * MIB, "{kept:?}");
    let mut session = session();
    session.out = vec![0; MIB];
    session.note_sent(MIB, 10_000);
    assert!(session.out.capacity() <= 16 * 1024, "with thousands of clients each keeps little");
}

#[test]
fn in_a_crowd_those_who_hold_little_are_served_and_those_who_hold_much_wait() {
    let mut stage = Stage::of(1, 1);
    stage.hub.core.bytes_crowded = MIB;
    let (greedy, waiting, modest) = (stage.client(), stage.client(), stage.client());
    stage.takes(greedy, 0);
    stage.takes(waiting, 0);
    stage.says(greedy, &"get k\r\n".repeat(12));
    stage.says(waiting, "get k\r\n");
    stage.serve(100_000);
    stage.says(waiting, "get k\r\n");
    assert_eq!(stage.sent(0), "", "nothing is begun for one that holds much");
    stage.says(modest, "get k\r\nget k k\r\n");
    stage.serve(100);
    assert!(stage.told(modest).ends_with("END\r\n"));
    let third = stage.client();
    stage.says(third, &format!("get{}\r\n", " k".repeat(100)));
    assert!(keys(&stage.sent(0)) <= 16, "nobody knows yet what they will cost");
    stage.answers(0, "END\r\n");
    stage.serve(100);
    stage.takes_all(waiting);
    assert_eq!(stage.sent(0), "get k\r\n", "what it takes is room for more");
    stage.leaves(greedy);
    assert!(stage.hub.core.bytes_full() > 64 * 1024, "it is no crowd any more");
}
