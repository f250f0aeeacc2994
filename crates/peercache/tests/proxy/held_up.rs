//! A proxy that was held up (a suspended machine, a debugger, no processor for a second) blames no peer for
//! it: what they answered meanwhile is there to be read (P-25).

use crate::load::Load;
use crate::network::{Network, wait_for};
use std::time::{Duration, Instant};

/// Longer than any time that a peer is given.
const HELD_UP: Duration = Duration::from_millis(1_000);

/// How often it is held up: where in its work that hits it is chance.
const TIMES: usize = 3;

fn blames_no_peer(options: &str) {
    let network = Network::of(4, 2);
    let proxy = network.proxy(options);
    let load = Load::start(&proxy, 2_000);
    for _ in 0..TIMES {
        let before = load.requests();
        wait_for("requests to be answered", || load.requests() > before + 500);
        proxy.hang();
        let start = Instant::now();
        wait_for("some time to pass", || start.elapsed() > HELD_UP);
        proxy.go_on();
    }
    let before = load.requests();
    wait_for("requests to be answered", || load.requests() > before + 500);
    let outcome = load.end();
    assert_eq!(outcome.errors, [""; 0]);
    assert_eq!(outcome.faults, []);
    assert_eq!(outcome.judge_all(&mut proxy.connect()), []);
    assert!(!proxy.log().contains(" down: "), "nobody was down");
}

#[test]
fn p25_a_proxy_that_was_held_up_blames_no_peer() {
    blames_no_peer("");
}

#[test]
fn p25_two_workers_that_were_held_up_blame_no_peer() {
    blames_no_peer("--workers 2");
}
