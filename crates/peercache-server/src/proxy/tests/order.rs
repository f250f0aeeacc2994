//! In which order requests of one key go out, and how long they wait for each other (P-15, P-16).

use super::stage::{Stage, ms};
use peercache_core::health::{Event, PeerCell};
use peercache_core::replication::order::{Entered, Together, Who};

/// Another worker writes a key: it has its turn, until what this returns is called.
fn write_elsewhere(stage: &Stage, key: &str) -> impl FnOnce() + use<> {
    let (orders, other) = (stage.hub.orders().0, Who { worker: 9, request: 0 });
    let (place, entered) = orders.enter(other, key.as_bytes(), Together::Exclusive);
    assert_eq!(entered, Entered::Granted, "nobody is before it");
    move || orders.leave(9, place, &mut Vec::new())
}

#[test]
fn p16_a_write_whose_turn_came_while_the_network_stopped_keeping_copies_leaves_its_place() {
    let mut stage = Stage::of(2, 2);
    let (key, clients) = (stage.key(&[0, 1]), [stage.client(), stage.client(), stage.client()]);
    let incr = format!("incr {key} 1\r\n");
    stage.says(clients[0], &incr);
    stage.says(clients[1], &incr);
    stage.hub.begin_change();
    assert_eq!(stage.sent(0), incr, "the second one waits");
    stage.answers(0, "NOT_FOUND\r\n");
    stage.change_copies(1);
    assert_eq!(stage.sent(0), incr);
    stage.answers(0, "NOT_FOUND\r\n");
    stage.hub.begin_change();
    stage.change_copies(2);
    stage.says(clients[2], &incr);
    assert_eq!(stage.sent(0), incr, "nobody is before the third");
}

#[test]
fn p16_a_write_that_waits_when_the_network_stops_keeping_copies_goes_on() {
    let mut stage = Stage::of(2, 2);
    let (key, client) = (stage.key(&[0, 1]), stage.client());
    let leave = write_elsewhere(&stage, &key);
    stage.says(client, &format!("incr {key} 1\r\n"));
    stage.hub.begin_change();
    stage.change_copies(1);
    assert_eq!(stage.sent(0), format!("incr {key} 1\r\n"));
    leave();
    // That would not be granted if it had not left.
    write_elsewhere(&stage, &key)();
}

#[test]
fn p16_a_write_that_has_waited_for_as_long_as_a_request_may_take_is_given_up() {
    let mut stage = Stage::of(2, 2);
    let (key, clients) = (stage.key(&[0, 1]), [stage.client(), stage.client()]);
    let leave = write_elsewhere(&stage, &key);
    let incr = format!("incr {key} 1\r\n");
    stage.says(clients[0], &format!("{incr}incr {key} 2 noreply\r\nversion\r\n"));
    stage.pass(ms(600));
    stage.says(clients[1], &incr);
    stage.pass(ms(399));
    assert_eq!(stage.told(clients[0]), "");
    stage.pass(ms(1));
    assert!(stage.told(clients[0]).starts_with("SERVER_ERROR this write has waited in vain"));
    stage.pass(ms(600));
    assert!(stage.told(clients[1]).starts_with("SERVER_ERROR "));
    stage.pass(ms(400));
    assert!(stage.told(clients[0]).starts_with("VERSION "), "noreply is heeded");
    leave();
    stage.says(clients[1], &incr);
    assert_eq!(stage.sent(0), incr);
}

#[test]
fn p16_whom_a_session_that_is_cut_lets_in_goes_on_at_once() {
    let mut stage = Stage::of(2, 2);
    let (key, clients) = (stage.key(&[0, 1]), [stage.client(), stage.client(), stage.client()]);
    let other = stage.key(&[1, 0]);
    let set = |value| format!("set {key} 0 0 1\r\n{value}\r\n");
    stage.says(clients[0], &set("a"));
    stage.says(clients[1], &format!("gat 5 {other} {key}\r\n"));
    stage.says(clients[2], &set("b"));
    assert_eq!(stage.sent(1), format!("{}gat 5 {other}\r\n", set("a")));
    stage.answers(1, "STORED\r\nSERVER_ERROR out of memory\r\n");
    assert_eq!(stage.told(clients[1]), "SERVER_ERROR out of memory storing object\r\n");
    assert_eq!(stage.sent(1), set("b"), "it waited behind the second key");
}

#[test]
fn p16_a_write_of_a_client_that_took_its_time_has_all_of_its_own() {
    let mut stage = Stage::of(2, 2);
    let (key, client) = (stage.key(&[0, 1]), stage.client());
    let leave = write_elsewhere(&stage, &key);
    stage.takes(client, 0);
    stage.says(client, &format!("get {key}\r\n"));
    stage.answers(0, &format!("VALUE {key} 0 300000\r\n{}\r\nEND\r\n", "v".repeat(300_000)));
    stage.says(client, &format!("incr {key} 1\r\n"));
    stage.pass(ms(5000));
    stage.takes_all(client);
    assert!(stage.told(client).ends_with("END\r\n"), "its write waits for its turn");
    stage.sent(0);
    leave();
    stage.hub.look_at_granted();
    stage.flush();
    assert_eq!(stage.sent(0), format!("incr {key} 1\r\n"));
}

/// What is read behind a counter of a key whose owner does not lead comes from the replica that does.
fn reads_follow(read: &str, prepare: impl Fn(&PeerCell)) {
    let mut stage = Stage::of(2, 2);
    let (key, client) = (stage.key(&[0, 1]), stage.client());
    prepare(&stage.cell(0));
    stage.says(client, &format!("incr {key} 1\r\n{}\r\n", read.replace("KEY", &key)));
    assert_eq!(stage.sent(0), "", "{read}");
    assert_eq!(stage.sent(1), format!("incr {key} 1\r\n{}\r\n", read.replace("KEY", &key)));
    stage.answers(1, &format!("6\r\nVALUE {key} 0 1\r\n6\r\nEND\r\n"));
    assert_eq!(stage.sent(0), format!("incr {key} 1\r\n"));
    stage.answers(0, "NOT_FOUND\r\n");
    assert_eq!(stage.told(client), format!("6\r\nVALUE {key} 0 1\r\n6\r\nEND\r\n"));
    // The others have followed, so it reads as ever.
    stage.says(client, &format!("get {key}\r\n"));
    assert_eq!(stage.sent(0) + &stage.sent(1), format!("get {key}\r\n"));
}

#[test]
fn p15_what_a_session_reads_behind_its_own_counter_is_what_that_came_to() {
    for read in ["get KEY", "get KEY nothing", "gets KEY"] {
        reads_follow(&read.replace("nothing", "KEY"), PeerCell::note_forgotten);
    }
}

#[test]
fn p15_a_suspect_leader_is_read_too() {
    let mut stage = Stage::of(2, 2);
    let (key, client) = (stage.key(&[0, 1]), stage.client());
    stage.cell(0).observe(Event::TimedOut);
    stage.says(client, &format!("incr {key} 1\r\nget {key}\r\n"));
    assert_eq!(stage.sent(0), format!("incr {key} 1\r\nget {key}\r\n"), "suspicion moves no leader");
    assert_eq!(stage.sent(1), "");
}

#[test]
fn p15_a_read_that_fails_over_behind_a_counter_that_does_stays_behind_it() {
    let mut stage = Stage::of(2, 2);
    let (key, client) = (stage.key(&[0, 1]), stage.client());
    let asked = format!("incr {key} 1\r\nget {key}\r\n");
    stage.hub.client_input(client, asked.as_bytes());
    // Nothing of it was sent when the leader turned out to miss writes.
    stage.cell(0).clear_readable();
    stage.flush();
    assert_eq!((stage.sent(0), stage.sent(1)), (String::new(), asked));
}
