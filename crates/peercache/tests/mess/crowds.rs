//! Many clients at once: slow ones, too many for the descriptors, ten thousand that say nothing.

use crate::client::{Client, set};
use crate::scale::short_or_long;
use crate::stage::{Folder, Proxy, SERVE, Stage, wait_for};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn two_hundred_clients_that_send_byte_by_byte_delay_nobody() {
    let stage = Stage::new();
    let mut slow: Vec<Client> = (0..200).map(|_| stage.client()).collect();
    let request = b"set slow 0 0 10\r\n0123456789\r\n";
    let mut others = stage.client();
    for &byte in request {
        for client in &mut slow {
            client.send(&[byte]);
        }
        let asked = Instant::now();
        others.expect(b"get fast\r\n", b"END\r\n");
        assert!(asked.elapsed() < Duration::from_secs(2), "others wait for {:?}", asked.elapsed());
    }
    slow.iter_mut().for_each(|client| client.take(b"STORED\r\n"));
}

#[test]
fn a_proxy_with_few_descriptors_turns_clients_away_keeps_its_own_and_accepts_again() {
    let folder = Folder::new();
    let (_memcached, address) = folder.memcached(&[]);
    folder.network(1, &[address]);
    let proxy = folder.proxy(folder.command_with_descriptors(64, SERVE));
    proxy.client().expect(b"get k\r\n", b"END\r\n");
    let crowd: Vec<_> = (0..200).map(|_| TcpStream::connect(proxy.address()).unwrap()).collect();
    let mut said = String::new();
    crowd.last().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "ERROR Too many open connections\r\n");
    assert!(proxy.log().contains("clients are let in at a time"), "{}", proxy.log());
    assert!(proxy.descriptors() < 60, "links and the ledger have {} left", 64 - proxy.descriptors());
    assert_quiet(&proxy);
    drop(crowd);
    wait_for("room for clients", || {
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        let mut said = [0; 4];
        let is_heard = client.write_all(b"mn\r\n").is_ok() && client.read_exact(&mut said).is_ok();
        is_heard && said == *b"MN\r\n"
    });
    let mut client = proxy.client();
    client.expect(b"set k 0 0 1\r\nx\r\nget k\r\n", b"STORED\r\nVALUE k 0 1\r\nx\r\nEND\r\n");
    let lines = proxy.log().lines().count();
    assert!(lines < 30, "the log has {lines} lines");
}

#[test]
fn without_a_descriptor_left_it_waits_quietly_and_then_serves_whoever_has_waited() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.expect(b"mn\r\n", b"MN\r\n");
    let before = stage.proxy.limit_descriptors(0);
    let mut waits = stage.client();
    waits.send(b"mn\r\n");
    wait_for("the log to say so", || stage.proxy.log().contains("cannot accept, clients wait"));
    assert_quiet(&stage.proxy);
    client.expect(b"mn\r\n", b"MN\r\n");
    stage.proxy.limit_descriptors(before);
    waits.take(b"MN\r\n");
}

/// It has nothing to do but to wait: what it does meanwhile is what clients cost that want in.
fn assert_quiet(proxy: &Proxy) {
    let (before, started) = (proxy.processor_time(), Instant::now());
    wait_for("a second to pass", || started.elapsed() > Duration::from_secs(1));
    let spent = proxy.processor_time() - before;
    assert!(spent < Duration::from_millis(250), "it was busy for {spent:?} of a second");
}

#[test]
fn connections_that_once_sent_a_large_value_cost_what_others_do() {
    let stage = Stage::new();
    let value = vec![b'x'; 1_000_000];
    let crowd: Vec<_> = (0..300)
        .map(|_| {
            let mut client = stage.client();
            client.expect(&set("large", &value), b"STORED\r\n");
            client
        })
        .collect();
    let kb = stage.proxy.memory_kb("VmRSS:");
    println!("{} connections that sent a megabyte: {kb} KB", crowd.len());
    assert!(kb < 100 << 10, "{kb} KB");
}

#[test]
fn thousands_of_idle_connections_cost_little_memory() {
    let (idle, active) = short_or_long((1_000, 200), (10_000, 2_000));
    let stage = Stage::with(2, 2, "--connections 13000");
    let before = stage.proxy.memory_kb("VmRSS:");
    let crowd: Vec<_> = (0..idle).map(|_| stage.client()).collect();
    wait_for("all to be welcome", || stage.proxy.stat("curr_connections") > idle);
    let after = stage.proxy.memory_kb("VmRSS:");
    println!("{idle} idle connections: {before} KB before, {after} KB with them");
    assert!(after < 100 << 10, "{after} KB");
    let mut busy: Vec<_> = (0..active).map(|_| stage.client()).collect();
    for round in 0..10 {
        let value = format!("set k{round} 0 0 1\r\nx\r\n");
        busy.iter_mut().for_each(|client| client.send(value.as_bytes()));
        busy.iter_mut().for_each(|client| client.take(b"STORED\r\n"));
        busy.iter_mut().for_each(|client| client.send(format!("get k{round}\r\n").as_bytes()));
        let answer = format!("VALUE k{round} 0 1\r\nx\r\nEND\r\n");
        busy.iter_mut().for_each(|client| client.take(answer.as_bytes()));
    }
    let busiest = stage.proxy.memory_kb("VmHWM:");
    println!("and {active} active ones: {busiest} KB at most");
    // Those who said nothing are served all the same.
    crowd.into_iter().step_by(100).for_each(|mut client| client.expect(b"mn\r\n", b"MN\r\n"));
    wait_for("all to be gone", || stage.proxy.stat("curr_connections") <= active as u64 + 1);
}
