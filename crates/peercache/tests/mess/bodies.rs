//! Bodies that look like commands: what stands where a value should is never executed (S2).

use crate::client::{Client, found, set};
use crate::stage::Stage;

/// Stands in every body, so that a body that is executed leaves a trace.
const EVIL: &[u8] = b"delete keep\r\nset keep 0 0 4\r\nevil\r\nflush_all\r\n";

fn assert_kept(client: &mut Client) {
    client.expect(b"get keep\r\n", &[&found("keep", b"good")[..], b"END\r\n"].concat());
}

#[test]
fn the_body_behind_a_refused_header_is_never_executed() {
    let stage = Stage::new();
    let mut guard = stage.client();
    guard.expect(&set("keep", b"good"), b"STORED\r\n");
    let long_key = "k".repeat(251);
    let length = EVIL.len();
    let headers = [
        format!("set {long_key} 0 0 {length}"),
        format!("add {long_key} 0 0 {length} noreply"),
        format!("set k\tk {length} 0 {length}"),
        format!("set k -1 0 {length}"),
        format!("set k 4294967296 0 {length}"),
        format!("set k 0 never {length}"),
        format!("set k 0 0 {length} x y z"),
        format!("cas k 0 0 {length}"),
        format!("cas k 0 0 {length} not-a-number"),
        format!("ms {long_key} {length}"),
        format!("ms k {length} T"),
        format!("ms k {length} Mx"),
        format!("ms k {length} Fx"),
        format!("ms k {length} !"),
        "set k 0 0 x".to_owned(),
        "set k 0 0 99999999999999999999".to_owned(),
        "set k 0 0 2147483648".to_owned(),
        "ms k x".to_owned(),
        "set k".to_owned(),
        "ms k".to_owned(),
        format!("append {long_key} 0 0 {}", 3 << 20),
    ];
    for header in headers {
        let mut client = stage.client();
        client.send(&[header.as_bytes(), b"\r\n", EVIL, b"\r\n"].concat());
        let said = client.finish();
        for trace in [&b"DELETED"[..], b"STORED", b"OK", b"NOT_FOUND"] {
            let is_there = said.windows(trace.len()).any(|part| part == trace);
            assert!(!is_there, "{header} answers {}", said.escape_ascii());
        }
        assert_kept(&mut guard);
    }
}

#[test]
fn the_body_of_a_value_that_is_too_large_is_swallowed_and_the_next_command_answered() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.expect(&set("keep", b"good"), b"STORED\r\n");
    let body = EVIL.repeat((2 << 20) / EVIL.len());
    for (command, answer) in
        [("set big 0 0", &b"SERVER_ERROR object too large for cache\r\n"[..]), ("set big 0 0 noreply", b"")]
    {
        let header = match command.strip_suffix(" noreply") {
            Some(command) => format!("{command} {} noreply\r\n", body.len()),
            None => format!("{command} {}\r\n", body.len()),
        };
        client.expect(&[header.as_bytes(), &body, b"\r\n"].concat(), answer);
        assert_kept(&mut client);
    }
}

#[test]
fn a_value_that_is_longer_than_announced_is_refused_and_its_end_is_no_value() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.expect(&set("keep", b"good"), b"STORED\r\n");
    client.expect(
        b"set k 0 0 3\r\nabcdelete keep\r\nget k\r\n",
        b"CLIENT_ERROR bad data chunk\r\nERROR\r\nEND\r\n",
    );
    assert_kept(&mut client);
}

#[test]
fn a_value_that_is_shorter_than_announced_takes_what_follows_as_its_end() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.expect(&set("keep", b"good"), b"STORED\r\n");
    // What the client meant as a command is, by its own announcement, part of the value.
    client.expect(b"set k 0 0 16\r\nabc\r\ndelete keep\r\n", b"STORED\r\n");
    client.expect(b"get k\r\n", b"VALUE k 0 16\r\nabc\r\ndelete keep\r\nEND\r\n");
    assert_kept(&mut client);
}

#[test]
fn unknown_commands_between_others_cost_nobody_an_answer() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.expect(&set("k", b"v"), b"STORED\r\n");
    let found = found("k", b"v");
    let requests = b"get k\r\nget\r\nget k\r\nGET k\r\nget k\r\nincr k\r\nget k\r\n\r\nget k\r\n".repeat(50);
    let one = [
        &found[..],
        b"END\r\nERROR\r\n",
        &found,
        b"END\r\nERROR\r\n",
        &found,
        b"END\r\nERROR\r\n",
        &found,
        b"END\r\nERROR\r\n",
        &found,
        b"END\r\n",
    ];
    client.expect(&requests, &one.concat().repeat(50));
}

#[test]
fn lines_may_end_in_a_bare_line_feed() {
    let stage = Stage::new();
    let mut client = stage.client();
    let answer = [&b"STORED\r\n"[..], &found("k", b"x"), b"END\r\nMN\r\n"].concat();
    client.expect(b"set k 0 0 1\nx\r\nget k\nmn\n", &answer);
}
