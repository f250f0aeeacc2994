//! Clients that ask for much and take nothing: they cost little, and nobody else waits for them.

use crate::client::{Client, found, set, shown};
use crate::stage::{Stage, wait_for};
use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

/// What others may wait at most while somebody misbehaves; on a busy machine most of it is the machine's.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Sends as much as is taken, until nothing more is.
fn stuff(client: &mut Client, requests: &[u8], others: &mut Client) {
    client.stream.set_nonblocking(true).unwrap();
    let mut sent = 0;
    let mut full = 0;
    while sent < requests.len() && full < 20 {
        match client.stream.write(&requests[sent..]) {
            Ok(bytes) => (sent, full) = (sent + bytes, 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                full += 1;
                others.expect(b"get small\r\n", b"END\r\n");
            }
            Err(error) => panic!("{error}"),
        }
    }
    client.stream.set_nonblocking(false).unwrap();
}

/// Clients that never read ask `count` times for a value of so many bytes; tells how many kilobytes the proxy
/// held at most, beyond what it had.
fn growth_kb(value_bytes: usize, count: usize, clients: usize) -> u64 {
    let stage = Stage::with(2, 1, "");
    let mut others = stage.client();
    others.expect(&set("big", &vec![b'x'; value_bytes]), b"STORED\r\n");
    let before = stage.proxy.memory_kb("VmRSS:");
    let requests = b"get big\r\n".repeat(count);
    let mut greedy: Vec<_> = (0..clients).map(|_| stage.client()).collect();
    for client in &mut greedy {
        stuff(client, &requests, &mut others);
    }
    for _ in 0..200 {
        let asked = Instant::now();
        others.expect(b"get small\r\n", b"END\r\n");
        assert!(asked.elapsed() < WAIT_MAX, "others wait for {:?}", asked.elapsed());
    }
    let most = stage.proxy.memory_kb("VmHWM:");
    stage.assert_well();
    most - before
}

#[test]
fn a_client_that_never_reads_5000_values_of_100_kb_costs_little_memory() {
    let grown = growth_kb(100_000, 5_000, 1);
    println!("one client, 5,000 gets of 100 KB: {grown} KB more");
    assert!(grown < 48 << 10, "it holds {grown} KB");
}

#[test]
fn clients_that_never_read_values_of_a_megabyte_cost_little_memory() {
    let grown = growth_kb(1_000_000, 2_000, 4);
    println!("four clients, 2,000 gets of 1 MB each: {grown} KB more");
    assert!(grown < 160 << 10, "they hold {grown} KB");
}

#[test]
fn a_client_that_never_reads_multigets_of_gigabytes_costs_a_window_of_them() {
    let stage = Stage::with(2, 1, "");
    let mut others = stage.client();
    others.expect(&set("big", &vec![b'x'; 1_000_000]), b"STORED\r\n");
    let before = stage.proxy.memory_kb("VmRSS:");
    let mut client = stage.client();
    let multiget = [b"get", &b" big".repeat(64)[..], b"\r\n"].concat();
    stuff(&mut client, &[b"get small\r\n", &multiget.repeat(200)[..]].concat(), &mut others);
    for _ in 0..200 {
        others.expect(b"get small\r\n", b"END\r\n");
    }
    let grown = stage.proxy.memory_kb("VmHWM:") - before;
    println!("one client, 200 multigets of 64 MB: {grown} KB more");
    assert!(grown < 400 << 10, "it holds {grown} KB");
    stage.assert_well();
}

#[test]
fn a_multiget_of_gigabytes_arrives_whole_and_holds_up_nobody() {
    let stage = Stage::new();
    let mut others = stage.client();
    let value = vec![b'x'; 1_000_000];
    others.expect(&set("k", &value), b"STORED\r\n");
    let keys = 300;
    let mut client = stage.client();
    client.send(&[b"get", &b" k".repeat(keys)[..], b"\r\n"].concat());
    let one = found("k", &value);
    for _ in 0..keys {
        client.take(&one);
        others.expect(b"get small\r\n", b"END\r\n");
    }
    client.take(b"END\r\n");
    println!("300 MB in one get: {} KB at most", stage.proxy.memory_kb("VmHWM:"));
}

#[test]
fn a_client_that_reads_late_still_gets_every_answer_in_order() {
    let stage = Stage::new();
    let mut client = stage.client();
    let values: Vec<_> = (0..40_u8).map(|n| vec![b'a' + n % 26; 100_000 + usize::from(n)]).collect();
    for (n, value) in values.iter().enumerate() {
        client.expect(&set(&format!("k{n}"), value), b"STORED\r\n");
    }
    let requests: String = (0..2_000).map(|n| format!("get k{}\r\n", n * 7 % 40)).collect();
    let mut writer = client.stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(requests.as_bytes()).unwrap());
    for n in 0..2_000 {
        let number = n * 7 % 40;
        client.take(&[&found(&format!("k{number}"), &values[number])[..], b"END\r\n"].concat());
    }
    writing.join().unwrap();
}

#[test]
fn ten_thousand_requests_in_one_packet_are_answered_in_order() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.expect(b"set n 0 0 1\r\n0\r\n", b"STORED\r\n");
    let expected: String = (1..=10_000).map(|n| format!("{n}\r\n")).collect();
    client.expect(&b"incr n 1\r\n".repeat(10_000), expected.as_bytes());
}

#[test]
fn a_client_that_sends_no_more_gets_all_its_answers_and_then_the_end() {
    let stage = Stage::new();
    let value = vec![b'x'; 50_000];
    stage.client().expect(&set("k", &value), b"STORED\r\n");
    let mut client = stage.client();
    client.send(&[&b"get k\r\n".repeat(3_000)[..], b"set half 0 0 100\r\nabc"].concat());
    client.stream.shutdown(Shutdown::Write).unwrap();
    let said = client.until_closed();
    let one = [&found("k", &value)[..], b"END\r\n"].concat();
    assert!(said == one.repeat(3_000), "{} bytes: {}", said.len(), shown(&said));
    stage.client().expect(b"get half\r\n", b"END\r\n");
}

#[test]
fn clients_that_die_in_the_middle_leave_nothing_behind() {
    let stage = Stage::new();
    let halves: &[&[u8]] =
        &[b"set half 0 0 1000\r\nabc", b"get hal", b"set x 0 0 9000000\r\nabc", b"", b"\r", b"get half\r\n"];
    stage.assert_well();
    let descriptors = stage.proxy.descriptors();
    for (at, half) in halves.iter().cycle().take(120).enumerate() {
        let mut client = stage.client();
        client.send(half);
        client.stream.shutdown(if at % 2 == 0 { Shutdown::Both } else { Shutdown::Write }).unwrap();
    }
    // Only the connection that asks is left.
    wait_for("the dead to be forgotten", || stage.proxy.stat("curr_connections") == 1);
    wait_for("their sockets to be closed", || stage.proxy.descriptors() <= descriptors);
    stage.client().expect(b"get half\r\n", b"END\r\n");
}

#[test]
fn a_multiget_of_many_windows_is_not_held_up_by_what_is_asked_behind_it() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.expect(&set("last", b"v"), b"STORED\r\n");
    let keys: String = (0..2_000).map(|n| format!(" k{n}")).collect();
    let request = format!("get{keys} last\r\n{}", "get last\r\n".repeat(5_000));
    let one = [&found("last", b"v")[..], b"END\r\n"].concat();
    client.expect(request.as_bytes(), &one.repeat(5_001));
}
