//! An engine that asks its clients who they are.

use crate::programs::{Running, options};
use peercache_server::{Options, bind};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const UNKNOWN: &str = "CLIENT_ERROR unauthenticated\r\n";
const NOT_ADMITTED: &str = "CLIENT_ERROR authentication failure\r\n";

/// An engine for ann and bob.
fn guarded() -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("users");
    fs::write(&file, "ann:secret\nbob:two words\n").expect("a file can be written");
    (Running::start(Options { auth_file: Some(file), ..options() }), folder)
}

fn connect(running: &Running) -> TcpStream {
    let stream = TcpStream::connect(running.address).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out can be set");
    stream
}

/// Sends `request`; what comes back begins with `answer`.
fn expect(stream: &mut TcpStream, request: &str, answer: &str) {
    stream.write_all(request.as_bytes()).expect("it is connected");
    let mut said = vec![0; answer.len()];
    stream.read_exact(&mut said).expect("it answers");
    assert_eq!(String::from_utf8_lossy(&said), answer, "{request}");
}

#[test]
fn nothing_is_understood_before_a_user_has_said_who_it_is() {
    let (running, _folder) = guarded();
    let mut client = connect(&running);
    expect(&mut client, "get k\r\n", UNKNOWN);
    expect(&mut client, "set x 0 0 9\r\nann wrong\r\n", NOT_ADMITTED);
    expect(&mut client, "set x 0 0 13\r\nbob two words\r\nset k 0 0 1\r\na\r\n", "STORED\r\nSTORED\r\n");
    expect(&mut client, "get k x\r\n", "VALUE k 0 1\r\na\r\nEND\r\n");
    expect(&mut connect(&running), "mg k v\r\n", UNKNOWN);
}

#[test]
fn whoever_guesses_is_shown_the_door() {
    let (running, _folder) = guarded();
    let mut client = connect(&running);
    for _ in 0..5 {
        expect(&mut client, "set x 0 0 9\r\nann wrong\r\n", NOT_ADMITTED);
    }
    assert_eq!(client.read(&mut [0; 16]).expect("it is closed in order"), 0);
}

#[test]
fn a_file_of_users_that_is_not_there_is_named() {
    let error = bind(Options { auth_file: Some("/nonexistent/users".into()), ..options() }).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/users"), "{error}");
}
