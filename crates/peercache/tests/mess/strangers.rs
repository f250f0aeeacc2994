//! Other protocols on memcached's port: each is shown the door before anything of it is executed, and the log
//! says what whoever runs the client has to change.

use crate::client::{found, set, shown};
use crate::stage::{Stage, wait_for};

/// Hellos of other protocols, what is answered, and what the log says of them.
fn hellos() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    // A TLS 1.2 record with a handshake in it; what follows the header is as good as random.
    let tls =
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &b"\r\nflush_all\r\n".repeat(30)].concat();
    let binary_get = b"\x80\0\0\x04\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0keep".to_vec();
    let binary_body =
        [&b"\x80\x01\0\x01\x08\0\0\0\0\0\0\x40"[..], b"\r\nflush_all\r\nset keep 0 0 4\r\nevil\r\n"];
    let web = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 11\r\n\r\nflush_all\r\n".to_vec();
    let redis = b"*3\r\n$3\r\nSET\r\n$4\r\nkeep\r\n$28\r\nflush_all\r\ndelete keep\r\n...\r\n".to_vec();
    vec![
        ("binary", binary_get, "binary=False"),
        ("binary with a body", binary_body.concat(), "OPT_BINARY_PROTOCOL"),
        ("TLS", tls, "TLS"),
        ("HTTP", web, "web request"),
        ("RESP", redis, "Redis"),
    ]
}

#[test]
fn other_protocols_are_closed_and_the_log_says_what_to_change() {
    let stage = Stage::new();
    let mut guard = stage.client();
    guard.expect(&set("keep", b"good"), b"STORED\r\n");
    for (name, hello, words) in hellos() {
        let mut client = stage.client();
        client.send(&hello);
        let said = client.until_closed();
        assert!(!said.windows(2).any(|part| part == b"OK"), "{name} is answered {}", shown(&said));
        wait_for("the log to name it", || stage.proxy.log().contains(words));
    }
    guard.expect(b"get keep\r\n", &[&found("keep", b"good")[..], b"END\r\n"].concat());
}

#[test]
fn an_endless_line_is_told_so_and_closed() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.send(&[b'y'; 9_000]);
    assert_eq!(client.until_closed(), b"CLIENT_ERROR line too long\r\n");
    stage.assert_well();
}

#[test]
fn what_is_sent_behind_the_end_of_a_connection_does_not_swallow_its_last_answers() {
    let stage = Stage::new();
    let value = vec![b'v'; 1_000_000];
    let mut client = stage.client();
    client.expect(&set("big", &value), b"STORED\r\n");
    // More than the sockets hold comes behind `quit`, and nobody will ever read it.
    client
        .send(&[&b"get big\r\nget big\r\nget big\r\nquit\r\n"[..], &b"get big\r\n".repeat(50_000)].concat());
    let one = [&found("big", &value)[..], b"END\r\n"].concat();
    let said = client.until_closed();
    assert!(said == one.repeat(3), "{}", shown(&said));
}

#[test]
fn rubbish_is_answered_or_shown_the_door() {
    let stage = Stage::new();
    let mut random = crate::fuzzed::Random::new(1);
    for round in 0..50 {
        let mut client = stage.client();
        let rubbish: Vec<u8> = (0..round * 37).map(|_| random.below(256) as u8).collect();
        client.send(&rubbish);
        client.finish();
    }
    stage.assert_well();
}
