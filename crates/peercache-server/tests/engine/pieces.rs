//! A large value goes into the store as it comes: nobody sees a part of it, and what does not come whole is
//! given back.

use crate::client::Client;
use crate::misbehave::connections;
use crate::programs::{Running, eventually, options};
use peercache_engine::{Now, WhenFull};
use peercache_server::{Engine, Options, Session};
use std::io::Write;
use std::net::TcpStream;
use std::num::NonZeroU32;

const VALUE_BYTES: usize = 900_000;

struct Pieces {
    engine: Engine,
    session: Session,
    now: Now,
}

impl Pieces {
    fn new(options: Options) -> Self {
        let engine = Engine::new(options);
        Self { session: Session::new(&engine), now: engine.now(), engine }
    }

    /// What is answered to the next piece.
    fn feed(&mut self, piece: &[u8]) -> String {
        let mut out = Vec::new();
        self.session.handle_input(&self.engine, piece, self.now, &mut out);
        String::from_utf8(out).expect("it is text")
    }

    /// Begins a value, and sends all of it but its last byte.
    fn most_of(&mut self, key: &str) {
        let line = format!("set {key} 0 0 {VALUE_BYTES}\r\n");
        let value = vec![b'v'; VALUE_BYTES - 1];
        assert_eq!(self.feed(line.as_bytes()), "");
        value.chunks(10_000).for_each(|piece| assert_eq!(self.feed(piece), ""));
    }

    /// What another client is answered.
    fn other(&mut self, request: &str) -> String {
        let mut out = Vec::new();
        Session::new(&self.engine).handle_input(&self.engine, request.as_bytes(), self.now, &mut out);
        String::from_utf8(out).expect("it is text")
    }
}

/// With 4 MiB, which is one shard with items of up to 1 MiB, and nobody has to go.
fn refusing() -> Options {
    let memory_mb = NonZeroU32::new(4).expect("not 0");
    Options { memory_mb, when_full: WhenFull::Refuse, ..options() }
}

#[test]
fn nobody_sees_it_before_it_is_whole_and_the_old_value_lives_until_then() {
    let mut pieces = Pieces::new(options());
    assert_eq!(pieces.other("set k 0 0 3\r\nold\r\n"), "STORED\r\n");
    pieces.most_of("k");
    assert_eq!(pieces.other("get k\r\n"), "VALUE k 0 3\r\nold\r\nEND\r\n");
    assert_eq!(pieces.feed(b"v\r"), "");
    assert_eq!(pieces.other("get k\r\n"), "VALUE k 0 3\r\nold\r\nEND\r\n");
    assert_eq!(pieces.feed(b"\nmg k s\r\n"), "STORED\r\nHD s900000\r\n");
}

#[test]
fn flush_all_before_it_is_whole_is_before_it() {
    let mut pieces = Pieces::new(options());
    pieces.most_of("k");
    assert_eq!(pieces.other("flush_all\r\n"), "OK\r\n");
    assert_eq!(pieces.feed(b"v\r\nmg k s\r\n"), "STORED\r\nHD s900000\r\n");
}

#[test]
fn one_that_does_not_end_where_it_should_is_given_back() {
    let mut pieces = Pieces::new(refusing());
    assert_eq!(pieces.other("set k 0 0 3\r\nold\r\n"), "STORED\r\n");
    // Together they would be more than all the memory there is.
    for _ in 0..50 {
        pieces.most_of("k");
        let answers = "CLIENT_ERROR bad data chunk\r\nVALUE k 0 3\r\nold\r\nEND\r\n";
        assert_eq!(pieces.feed(b"vxyget k\r\n"), answers);
    }
}

#[test]
fn where_there_is_no_room_the_rest_is_taken_and_the_old_value_is_gone() {
    let mut pieces = Pieces::new(refusing());
    assert_eq!(pieces.other("set k 0 0 3\r\nold\r\n"), "STORED\r\n");
    let value = "v".repeat(VALUE_BYTES);
    let set = |n: usize| format!("set fill{n} 0 0 {VALUE_BYTES}\r\n{value}\r\n");
    let stored = (0..20).take_while(|&n| pieces.other(&set(n)) == "STORED\r\n").count();
    assert!((3..=4).contains(&stored), "{stored} of 900,000 bytes in 4 MiB");
    pieces.most_of("k");
    assert_eq!(pieces.feed(b"v\r\n"), "SERVER_ERROR out of memory storing object\r\n");
    assert_eq!(pieces.feed(b"get k\r\nmg fill0 s\r\n"), "END\r\nHD s900000\r\n");
    assert_eq!(pieces.feed(b"delete fill0\r\n"), "DELETED\r\n");
    pieces.most_of("k");
    assert_eq!(pieces.feed(b"v\r\n"), "STORED\r\n");
}

#[test]
fn clients_that_leave_in_the_middle_leave_nothing_behind() {
    let running = Running::start(refusing());
    let mut client = Client::connect(running.address);
    let value = vec![b'v'; VALUE_BYTES];
    let head = format!("set k 0 0 {VALUE_BYTES}\r\n");
    // Together they are more than all the memory there is.
    for _ in 0..10 {
        let leaving: Vec<TcpStream> = (0..20)
            .map(|_| {
                let mut stream = TcpStream::connect(running.address).expect("it listens");
                stream.write_all(head.as_bytes()).expect("it takes the line");
                stream.write_all(&value[1..]).expect("it takes the value");
                stream
            })
            .collect();
        drop(leaving);
        eventually("all but one have left", || connections(&running) <= 2);
    }
    client.expect(&[head.as_bytes(), &value, b"\r\n"].concat(), b"STORED\r\n");
    running.stop();
}
