//! Every transcript, with a real memcached and with the engine, over real sockets.

use crate::client::Client;
use crate::programs::{Memcached, PATIENCE, Running, options};
use crate::transcript::{Saved, Transcript, on};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

fn hold(transcript: &Transcript, address: SocketAddr) {
    Client::connect(address).expect(b"flush_all\r\n", b"OK\r\n");
    let mut client = Client::connect(address);
    let mut saved = Saved::default();
    for step in &transcript.steps {
        let request = step.request(&saved);
        let start = Instant::now();
        loop {
            let answer = client.ask(&request);
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
