//! Everything at once, for long: what a proxy holds must not grow with what its clients have done.

use crate::client::{Client, set};
use crate::fuzzed::Random;
use crate::scale::short_or_long;
use crate::stage::{PATIENCE, Proxy, Stage, wait_for};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// What a proxy holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    memory_kb: u64,
    descriptors: usize,
    threads: usize,
}

impl Held {
    /// Looks when nobody is connected.
    fn by(proxy: &Proxy) -> Self {
        wait_for("everybody to be gone", || proxy.stat("curr_connections") == 1);
        let before = proxy.descriptors();
        wait_for("the sockets to be closed", || proxy.descriptors() <= before);
        Self {
            memory_kb: proxy.memory_kb("VmRSS:"),
            descriptors: proxy.descriptors(),
            threads: proxy.threads(),
        }
    }
}

/// One way to misbehave, done once; tells how many connections it took.
type Trouble = fn(SocketAddr, &mut Random) -> u64;

/// A client that asks for much, takes the beginning slowly and leaves.
fn greedy(address: SocketAddr, random: &mut Random) -> u64 {
    let mut client = Client::connect(address);
    client.send(&b"get big big big\r\n".repeat(500));
    let mut taken = vec![0; 1 + random.below(1 << 20)];
    client.stream.read_exact(&mut taken).unwrap();
    1
}

/// A client that dies in the middle of a value.
fn dying(address: SocketAddr, random: &mut Random) -> u64 {
    let mut client = Client::connect(address);
    let request = set("half", &vec![b'h'; 10_000]);
    client.send(&request[..1 + random.below(request.len() - 1)]);
    1
}

/// A client that sends what nobody understands.
fn rubbish(address: SocketAddr, random: &mut Random) -> u64 {
    let mut client = Client::connect(address);
    let bytes: Vec<u8> = (0..random.below(4_000)).map(|_| random.below(256) as u8).collect();
    client.send(&bytes);
    let _ = client.finish();
    1
}

/// A client that asks for more than it has time for, and takes the beginning.
fn hasty(address: SocketAddr, random: &mut Random) -> u64 {
    let mut client = Client::connect(address);
    client.send(&b"get big\r\nset k 0 0 1\r\nx\r\nincr n 1\r\n".repeat(1 + random.below(50)));
    let _ = client.stream.read(&mut [0; 4096]);
    1
}

/// Connections that say nothing, or a byte.
fn silent(address: SocketAddr, random: &mut Random) -> u64 {
    let mut crowd: Vec<_> = (0..20).map(|_| Client::connect(address)).collect();
    crowd.iter_mut().filter(|_| random.below(2) == 0).for_each(|client| client.send(b"g"));
    20
}

const TROUBLES: &[Trouble] = &[greedy, dying, rubbish, hasty, silent];

/// Misbehaves in every way for a while, beside a client that must not notice.
fn soak(stage: &Stage, time: Duration, seed: u64) -> u64 {
    let (is_over, connections) = (AtomicBool::new(false), AtomicU64::new(0));
    let address = stage.proxy.address();
    thread::scope(|scope| {
        for (number, trouble) in TROUBLES.iter().enumerate() {
            let (is_over, connections) = (&is_over, &connections);
            scope.spawn(move || {
                let mut random = Random::new(seed + number as u64);
                while !is_over.load(Relaxed) {
                    connections.fetch_add(trouble(address, &mut random), Relaxed);
                }
            });
        }
        let (started, mut guard) = (Instant::now(), stage.client());
        let (mut number, mut slowest) = (0_u64, Duration::ZERO);
        while started.elapsed() < time {
            number += 1;
            let asked = Instant::now();
            guard.expect(&set("guard", number.to_string().as_bytes()), b"STORED\r\n");
            let answer = format!("VALUE guard 0 {}\r\n{number}\r\nEND\r\n", number.to_string().len());
            guard.expect(b"get guard\r\n", answer.as_bytes());
            slowest = slowest.max(asked.elapsed());
        }
        is_over.store(true, Relaxed);
        println!("{number} writes and reads beside it, the slowest pair {slowest:?}");
        assert!(slowest < PATIENCE / 10, "others wait for {slowest:?}");
    });
    connections.load(Relaxed)
}

#[test]
fn all_misbehaviours_at_once_leave_nothing_behind() {
    let stage = Stage::new();
    stage.client().expect(&set("big", &vec![b'x'; 100_000]), b"STORED\r\n");
    let (rounds, time) = short_or_long((3, 2), (7, 60));
    let held: Vec<_> = (0..rounds)
        .map(|round| {
            let connections = soak(&stage, Duration::from_secs(time), round);
            let held = Held::by(&stage.proxy);
            println!("round {round}: {time} s, {connections} connections: {held:?}");
            held
        })
        .collect();
    stage.assert_well();
    // What buffers and allocators keep for good is theirs after a while.
    let (before, after) = (held[rounds as usize / 2], held[rounds as usize - 1]);
    assert!(after.descriptors <= before.descriptors + 2, "descriptors grow");
    assert!(after.threads <= before.threads, "threads grow");
    // A megabyte a round of a minute, and what a short run cannot tell from it.
    let grown = after.memory_kb.saturating_sub(before.memory_kb);
    let allowed = short_or_long(16, rounds / 2);
    assert!(grown <= allowed << 10, "memory grows by {grown} KB");
    assert!(!stage.proxy.log().contains("panicked"), "{}", stage.proxy.log());
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let stage = Stage::new();
    let address = stage.proxy.address();
    let come_and_go = |time: Duration| {
        let (started, mut count) = (Instant::now(), 0_u64);
        while started.elapsed() < time {
            let mut stream = TcpStream::connect(address).unwrap();
            // Every other one asks something; a reset frees both ends' ports at once.
            if count % 2 == 0 {
                stream.write_all(b"mn\r\n").unwrap();
                stream.read_exact(&mut [0; 4]).unwrap();
            }
            count += 1;
        }
        count
    };
    let time = Duration::from_secs(short_or_long(1, 30));
    come_and_go(Duration::from_millis(500));
    let before = Held::by(&stage.proxy);
    let (total, spent) = (stage.proxy.stat("total_connections"), stage.proxy.processor_time());
    let count: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| come_and_go(time))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let spent = stage.proxy.processor_time() - spent;
    let after = Held::by(&stage.proxy);
    assert!(stage.proxy.stat("total_connections") >= total + count);
    let rate = count as f64 / time.as_secs_f64();
    println!("{count} connections, {rate:.0} a second, {spent:?} of a processor");
    println!("{before:?} before, {after:?} after");
    // The look itself has a connection, and a folder is open now and then.
    wait_for("no more descriptors than before", || stage.proxy.descriptors() <= before.descriptors);
    let grown = after.memory_kb.saturating_sub(before.memory_kb);
    assert!(grown < 8 << 10, "memory grows by {grown} KB");
}

#[test]
fn a_peer_that_is_gone_costs_no_descriptors() {
    const WORKERS: usize = 4;
    let mut stage = Stage::with(2, 1, &format!("--workers {WORKERS}"));
    // Each has a worker of its own, and sends something to both peers.
    let mut clients: Vec<_> = (0..WORKERS).map(|_| stage.client()).collect();
    for client in &mut clients {
        (0..50).for_each(|number| client.expect(&set(&format!("k{number}"), b"v"), b"STORED\r\n"));
    }
    let before = stage.proxy.descriptors();
    stage.peers[1].signal(Signal::KILL);
    stage.peers[1].end();
    wait_for("its sockets to be closed", || stage.proxy.descriptors() + WORKERS <= before);
}
