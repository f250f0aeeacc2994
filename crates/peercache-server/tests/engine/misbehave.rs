//! Clients that do what no client should: the others must not notice.

use crate::client::Client;
use crate::programs::{PATIENCE, Running, eventually, options};
use peercache_server::Options;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::num::NonZeroUsize;

fn start() -> Running {
    Running::start(options())
}

pub(crate) fn connections(running: &Running) -> u64 {
    let answer = Client::connect(running.address).ask(b"stats\r\n");
    let text = String::from_utf8(answer.bytes).expect("stats are text");
    let line = text.lines().find_map(|line| line.strip_prefix("STAT curr_connections "));
    line.expect("stats has it").parse().expect("it is a number")
}

#[test]
fn a_client_that_never_reads_holds_up_nobody_and_little_memory() {
    let running = start();
    let value = vec![b'x'; 1_000_000];
    let mut client = Client::connect(running.address);
    client.expect(&[b"set big 0 0 1000000\r\n", &value[..], b"\r\n"].concat(), b"STORED\r\n");
    let mut greedy = TcpStream::connect(running.address).unwrap();
    greedy.set_nonblocking(true).unwrap();
    // Answers to all of this would be many gigabytes. It stops taking requests instead.
    let request = b"get big big big big\r\n".repeat(1_000);
    let mut sent = 0_usize;
    let stuck = loop {
        match greedy.write(&request) {
            Ok(written) => sent += written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let before = sent;
                client.expect(b"get small\r\n", b"END\r\n");
                match greedy.write(&request) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock && sent == before => break true,
                    Ok(written) => sent += written,
                    Err(error) => panic!("{error}"),
                }
            }
            Err(error) => panic!("{error}"),
        }
        if sent > 1 << 30 {
            break false;
        }
    };
    assert!(stuck, "it goes on taking requests whose answers nobody takes");
    for _ in 0..100 {
        client.expect(b"get small\r\n", b"END\r\n");
    }
    running.stop();
}

#[test]
fn a_multiget_of_gigabytes_arrives_whole() {
    let running = start();
    let mut client = Client::connect(running.address);
    let value = vec![b'x'; 1_000_000];
    client.expect(&[b"set k 0 0 1000000\r\n", &value[..], b"\r\n"].concat(), b"STORED\r\n");
    let keys = 300;
    let request = [b"get", &b" k".repeat(keys)[..], b"\r\n"].concat();
    client.stream.write_all(&request).unwrap();
    let due = keys * (b"VALUE k 0 1000000\r\n".len() + value.len() + 2) + b"END\r\n".len();
    let mut taken = 0;
    let mut buffer = vec![0; 1 << 20];
    while taken < due {
        let read = client.stream.read(&mut buffer).unwrap();
        assert!(read > 0, "closed after {taken} of {due} bytes");
        taken += read;
    }
    assert!(taken == due && buffer.windows(5).any(|end| end == b"END\r\n"));
}

#[test]
fn clients_that_die_in_the_middle_leave_nothing_behind() {
    let running = start();
    for (at, half) in [&b"set half 0 0 1000\r\nabc"[..], b"get hal", b"set x 0 0 9000000\r\nabc", b"", b"\r"]
        .iter()
        .enumerate()
    {
        let mut client = TcpStream::connect(running.address).unwrap();
        client.write_all(half).unwrap();
        client.shutdown(if at % 2 == 0 { Shutdown::Both } else { Shutdown::Write }).unwrap();
        drop(client);
    }
    // Only the connection that asks is left.
    eventually("the dead are forgotten", || connections(&running) == 1);
    Client::connect(running.address).expect(b"get half\r\n", b"END\r\n");
}

#[test]
fn ten_thousand_requests_in_one_packet_are_answered_in_order() {
    let running = start();
    let mut client = Client::connect(running.address);
    client.expect(b"set n 0 0 1\r\n0\r\n", b"STORED\r\n");
    let answer = client.ask(&b"incr n 1\r\n".repeat(10_000));
    let expected: String = (1..=10_000).map(|n| format!("{n}\r\n")).collect();
    assert_eq!(answer.bytes, expected.as_bytes());
}

#[test]
fn rubbish_is_answered_or_shown_the_door() {
    let running = start();
    let mut random = 1_u32;
    for round in 0..50 {
        let mut stream = TcpStream::connect(running.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let rubbish: Vec<u8> = (0..round * 37).map(|_| next(&mut random)).collect();
        // Whether it is taken to the end is the server's choice.
        let _ = stream.write_all(&rubbish);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "round {round}"),
        }
    }
    Client::connect(running.address).expect(b"get k\r\n", b"END\r\n");
}

/// A byte that looks random and is the same in every run.
fn next(state: &mut u32) -> u8 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    state.to_be_bytes()[0]
}

#[test]
fn other_protocols_and_endless_lines_are_closed() {
    let running = start();
    for (hello, answer) in
        [(&b"\x80\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..], &b""[..]), (&[b'y'; 9_000][..], b"")]
    {
        let mut stream = TcpStream::connect(running.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(hello).unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        assert_eq!(said, answer);
    }
}

#[test]
fn one_client_too_many_is_told_so_and_places_come_free() {
    let places = NonZeroUsize::new(3).unwrap();
    let running = Running::start(Options { connections_max: places, ..options() });
    let mut seated: Vec<Client> = (0..3).map(|_| Client::connect(running.address)).collect();
    seated.iter_mut().for_each(|client| client.expect(b"get k\r\n", b"END\r\n"));
    let mut refused = Client::connect(running.address);
    let mut said = Vec::new();
    refused.stream.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"ERROR Too many open connections\r\n");
    drop(seated.pop());
    eventually("a place is free", || {
        let answer = Client::connect(running.address).ask(b"");
        !answer.closed && answer.bytes.is_empty()
    });
}
