//! Every transcript, with a real memcached, with the engine and through the proxy, over real sockets.

use crate::client::Client;
use crate::programs::{Memcached, PATIENCE, Running, options};
use crate::transcript::{Answer, Saved, Transcript, on};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

fn hold(transcript: &Transcript, address: SocketAddr) {
    hold_with(transcript, address, Client::ask);
}

fn hold_with(
    transcript: &Transcript,
    address: SocketAddr,
    mut ask: impl FnMut(&mut Client, &[u8]) -> Answer,
) {
    Client::connect(address).expect(b"flush_all\r\n", b"OK\r\n");
    let mut client = Client::connect(address);
    let mut saved = Saved::default();
    for step in &transcript.steps {
        let request = step.request(&saved);
        let start = Instant::now();
        loop {
            let answer = ask(&mut client, &request);
            if let Some(now_saved) = step.accepts(&answer, &saved) {
                saved = now_saved;
                break;
            }
            let again = step.repeated && start.elapsed() < PATIENCE;
            assert!(again, "{}\n{step}\nanswered {answer:?}", transcript.title);
            thread::sleep(Duration::from_millis(20)); // tidy: the rest between two looks
        }
    }
}

#[test]
fn memcached_answers_as_written() {
    let memcached = Memcached::start();
    for transcript in on("memcached") {
        hold(&transcript, memcached.address);
    }
}

#[test]
fn the_engine_answers_as_memcached_does() {
    let engine = Running::start(options());
    let transcripts = on("engine");
    assert!(transcripts.len() > 100, "only {} transcripts were found", transcripts.len());
    for transcript in transcripts {
        hold(&transcript, engine.address);
    }
}

fn memcacheds(count: usize) -> Vec<Memcached> {
    (0..count).map(|_| Memcached::start()).collect()
}

#[test]
fn the_proxy_answers_as_memcached_does() {
    for (peers, copies) in [(1, 1), (4, 1), (4, 2)] {
        let peers = memcacheds(peers);
        let proxy = Running::proxy(&peers, copies);
        let transcripts = on("proxy");
        assert!(transcripts.len() > 200, "only {} transcripts were found", transcripts.len());
        for transcript in transcripts {
            hold(&transcript, proxy.address);
        }
    }
}

/// At how many places from either end requests are cut: nearly wherever they can be, where there is time.
fn cuts() -> usize {
    if std::env::var_os("PEERCACHE_LONG").is_some() { 48 } else { 3 }
}

/// A request is cut once at every place. That the proxy has taken in the first piece is known when it answers
/// somebody else who asks later: it has one worker, which sends what a turn brought when the turn is over.
#[test]
fn the_proxy_answers_the_same_however_requests_are_cut() {
    let peers = memcacheds(4);
    let proxy = Running::proxy(&peers, 2);
    let mut other = Client::connect(proxy.address);
    let cuts = cuts();
    for transcript in
        on("proxy").iter().filter(|transcript| transcript.steps.iter().all(|step| !step.repeated))
    {
        for cut in 0..2 * cuts {
            let mut is_cut = false;
            hold_with(transcript, proxy.address, |client, request| {
                let at = if cut < cuts { cut + 1 } else { request.len().saturating_sub(cut - cuts + 1) };
                // What the first cuts have seen, those counted from the end leave out.
                if at == 0 || at >= request.len() || cut >= cuts && at <= cuts {
                    return client.ask(request);
                }
                is_cut = true;
                let (first, rest) = request.split_at(at);
                client.ask_in_pieces(&[first, rest], || other.expect(b"", b""))
            });
            if !is_cut && cut >= cuts {
                break;
            }
        }
    }
}
