//! Peers that are killed, hang and come back, under load.

use crate::daemon::{Fleet, open_with_phases, patient, wait_for};
use futures_util::future::join_all;
use peercache_client::{Client, SetOptions, WriteError};
use peercache_control::Healer;
use peercache_core::health::Phase;
use peercache_core::spec::PeerId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const KEYS: usize = 10_000;

fn key(n: usize) -> String {
    format!("key-{n}")
}

async fn fill(client: &Client, version: u32) {
    let value = value(version);
    let writers = (0..16).map(|writer| {
        let value = &value;
        async move {
            for n in (writer..KEYS).step_by(16) {
                client.set(key(n).as_bytes(), value, SetOptions::default()).await.expect("no failure");
            }
        }
    });
    join_all(writers).await;
}

/// 100 bytes that say which version they are.
fn value(version: u32) -> Vec<u8> {
    format!("{version:0100}").into_bytes()
}

/// Readers and writers that go on until told to stop, and count what they did and what failed.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(client: &Client) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let task = |worker: usize| {
            let (client, stop, done) = (client.worker(), Arc::clone(&stop), Arc::clone(&done));
            tokio::spawn(async move {
                let mut failures = Vec::new();
                let mut n = worker;
                while !stop.load(Ordering::Relaxed) {
                    n = (n + 7) % KEYS;
                    let name = key(n);
                    if n.is_multiple_of(5) {
                        let written = client.set(name.as_bytes(), &value(1), SetOptions::default()).await;
                        failures.extend(written.err().map(|error| error.to_string()));
                    } else {
                        match client.get(name.as_bytes()).await {
                            Ok(Some(_)) => {}
                            Ok(None) => failures.push(format!("{name} is missing")),
                            Err(error) => failures.push(error.to_string()),
                        }
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
                failures
            })
        };
        let tasks = (0..4).map(task).collect();
        Self { stop, done, tasks }
    }

    /// Waits until it has done `more` further requests.
    async fn go_on_for(&self, more: usize) {
        let goal = self.done.load(Ordering::Relaxed) + more;
        wait_for("the load to go on", async || self.done.load(Ordering::Relaxed) >= goal).await;
    }

    async fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        join_all(self.tasks).await.into_iter().flat_map(Result::unwrap).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p20_with_two_copies_a_killed_peer_costs_no_request() {
    let mut fleet = Fleet::start_with(4, 2, patient()).await;
    fill(&fleet.client, 1).await;
    let load = Load::start(&fleet.client);
    load.go_on_for(2000).await;
    fleet.daemons[1].kill();
    load.go_on_for(4000).await;
    assert_eq!(load.stop().await, Vec::<String>::new());
    for n in 0..KEYS {
        let read = fleet.client.get(key(n).as_bytes()).await.unwrap();
        assert_eq!(read.expect("every key has a copy that lives").data, value(1), "{}", key(n));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p20_a_peer_that_restarts_empty_is_brought_back_and_its_misses_fall_to_the_next() {
    let mut fleet = Fleet::start_with(4, 2, patient()).await;
    fill(&fleet.client, 1).await;
    let load = Load::start(&fleet.client);
    load.go_on_for(1000).await;
    fleet.daemons[2].kill();
    load.go_on_for(1000).await;
    fleet.daemons[2].restart().await;
    fleet.wait_until_readable(2).await;
    load.go_on_for(2000).await;
    assert_eq!(load.stop().await, Vec::<String>::new());
    fleet.wait_until_readable(2).await;
    assert_eq!(fleet.client.topology().peers()[2].cell.state().phase(), Phase::Warming);
    for n in 0..KEYS {
        assert!(fleet.client.get(key(n).as_bytes()).await.unwrap().is_some(), "{}", key(n));
    }
}

#[tokio::test]
async fn p21_with_one_copy_errors_name_the_killed_peer_and_a_restart_brings_it_back() {
    let mut fleet = Fleet::start_with(4, 1, patient()).await;
    let names: Vec<String> = (0..KEYS).map(key).filter(|name| fleet.replicas(name) == [3]).take(20).collect();
    fleet.client.set(names[0].as_bytes(), b"v", SetOptions::default()).await.unwrap();
    fleet.daemons[3].kill();
    for name in &names {
        let read = fleet.client.get(name.as_bytes()).await.unwrap_err().to_string();
        let write =
            fleet.client.set(name.as_bytes(), b"v", SetOptions::default()).await.unwrap_err().to_string();
        for words in [read, write] {
            assert!(words.contains("p3") && words.contains(&fleet.daemons[3].address.to_string()), "{words}");
        }
    }
    fleet.daemons[3].restart().await;
    fleet.wait_until_readable(3).await;
    assert_eq!(fleet.client.get(names[0].as_bytes()).await.unwrap(), None, "it has forgotten, and says so");
    fleet.client.set(names[0].as_bytes(), b"v", SetOptions::default()).await.unwrap();
}

/// One copy hangs while half of the keys are overwritten and a quarter deleted; nothing old is ever read
/// again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p10_a_peer_that_hung_through_writes_serves_nothing_old() {
    let fleet = Fleet::start(2, 2).await;
    let settings = SetOptions::default();
    for n in 0..400 {
        set_retrying(&fleet.client, &key(n), &value(1)).await;
    }
    fleet.daemons[0].hang().await;
    for n in 0..400 {
        match n % 4 {
            0 | 1 => drop(fleet.client.set(key(n).as_bytes(), &value(2), settings).await.unwrap()),
            2 => assert!(fleet.client.delete(key(n).as_bytes()).await.unwrap().existed),
            _ => {}
        }
        assert_eq!(read(&fleet.client, n).await, expected(n), "while it hangs");
    }
    assert!(!fleet.client.topology().peers()[0].cell.state().is_readable());
    fleet.daemons[0].resume();
    for n in 0..400 {
        assert_eq!(read(&fleet.client, n).await, expected(n), "as it comes back");
    }
    fleet.wait_until_readable(0).await;
    let stranger = fleet.stranger();
    for n in 0..400 {
        assert_eq!(read(&fleet.client, n).await, expected(n), "after its return");
        let direct = read(&stranger, n).await;
        assert!(direct.is_none() || direct == expected(n), "{} is {direct:?} for a stranger", key(n));
    }
}

/// What key `n` must read as after the overwrites and deletes.
fn expected(n: usize) -> Option<Vec<u8>> {
    match n % 4 {
        0 | 1 => Some(value(2)),
        2 => None,
        _ => Some(value(1)),
    }
}

async fn read(client: &Client, n: usize) -> Option<Vec<u8>> {
    client.get(key(n).as_bytes()).await.expect("a copy serves").map(|value| value.data.to_vec())
}

async fn set_retrying(client: &Client, key: &str, value: &[u8]) {
    wait_for("a write on both copies", async || {
        let written = client.set(key.as_bytes(), value, SetOptions::default()).await;
        written.is_ok_and(|written| written.missed.is_empty())
    })
    .await;
}

#[tokio::test]
async fn p13_a_write_to_a_hung_peer_is_ambiguous_and_may_be_executed_later() {
    let fleet = Fleet::start(1, 1).await;
    set_retrying(&fleet.client, "k", b"old").await;
    fleet.daemons[0].hang().await;
    let error = fleet.client.set(b"k", b"new", SetOptions::default()).await.unwrap_err();
    assert!(matches!(error, WriteError::Ambiguous { .. }), "{error}");
    assert!(error.to_string().contains("p0"), "{error}");
    fleet.daemons[0].resume();
    fleet.wait_until_readable(0).await;
    assert_eq!(fleet.client.get(b"k").await.unwrap(), None, "nobody knows, so nobody has it");
}

/// A restart so quick that no request noticed it is an outage all the same: the copy is another incarnation.
#[tokio::test]
async fn p33_a_quick_restart_is_noticed_before_the_first_read() {
    let mut fleet = Fleet::start_with(2, 2, patient()).await;
    fleet.client.set(b"k", b"v", SetOptions::default()).await.unwrap();
    let owner = fleet.replicas("k")[0];
    fleet.daemons[owner].kill();
    fleet.daemons[owner].restart().await;
    for _ in 0..50 {
        let value = fleet.client.get(b"k").await.unwrap();
        assert!(value.is_some(), "the empty owner's miss must not decide");
    }
}

/// The worker that reads has no connection yet, so it never met the one that died; another worker did.
#[tokio::test]
async fn p33_a_worker_that_never_met_the_old_one_does_not_trust_the_new_one() {
    let mut fleet = Fleet::start_with(2, 2, patient()).await;
    fleet.client.set(b"k", b"v", SetOptions::default()).await.unwrap();
    let owner = fleet.replicas("k")[0];
    fleet.daemons[owner].kill();
    fleet.daemons[owner].restart().await;
    assert!(fleet.client.worker().get(b"k").await.unwrap().is_some(), "the empty owner must not decide");
}

/// A process that begins while a peer is down still takes it in when it comes.
#[tokio::test]
async fn p20_a_peer_that_was_down_from_the_beginning_is_taken_in() {
    let mut fleet = Fleet::start_with(2, 2, patient()).await;
    fleet.client.set(b"k", b"v", SetOptions::default()).await.unwrap();
    fleet.daemons[0].kill();
    let spec = |phase| move |id: &PeerId| if id.as_str() == "p0" { phase } else { Phase::Up };
    let late = open_with_phases(&fleet.daemons, 0..2, 2, patient(), spec(Phase::Down));
    let _healer = Healer::spawn(late.network());
    assert!(late.get(b"k").await.unwrap().is_some(), "the other copy serves");
    fleet.daemons[0].restart().await;
    let cell = &late.topology().peers()[0].cell;
    wait_for("the peer to be taken in", async || cell.state().phase() == Phase::Warming).await;
    assert!(late.get(b"k").await.unwrap().is_some(), "its miss falls to the other copy");
}

/// Somebody asks a hung peer for its statistics, with all the time that has; a read behind that question
/// still goes on to the other copy in its own time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p20_a_question_to_a_hung_peer_does_not_hold_up_reads() {
    let fleet = Fleet::start(2, 2).await;
    set_retrying(&fleet.client, "k", b"v").await;
    let owner = fleet.replicas("k")[0];
    fleet.daemons[owner].hang().await;
    let (client, id) = (fleet.client.clone(), format!("p{owner}").parse::<PeerId>().unwrap());
    let question = tokio::spawn(async move { client.stats(&id).await });
    for _ in 0..3 {
        assert!(fleet.client.get(b"k").await.unwrap().is_some(), "the other copy serves");
    }
    assert!(question.await.unwrap().is_err());
}

/// The only link that knew the peer is gone with its worker, so nobody has a connection that could notice.
#[tokio::test]
async fn p20_a_peer_that_only_a_dropped_worker_had_met_is_taken_in() {
    let mut fleet = Fleet::start_with(1, 1, patient()).await;
    let worker = fleet.client.worker();
    worker.set(b"k", b"v", SetOptions::default()).await.unwrap();
    fleet.daemons[0].kill();
    assert!(worker.get(b"k").await.is_err());
    drop(worker);
    fleet.daemons[0].restart().await;
    fleet.wait_until_readable(0).await;
    assert_eq!(fleet.client.get(b"k").await.unwrap(), None);
}

/// A write that nobody waits for any more is unknown all the same.
#[tokio::test]
async fn p13_a_write_whose_caller_went_away_makes_its_peer_unreadable() {
    let fleet = Fleet::start(2, 2).await;
    set_retrying(&fleet.client, "k", b"old").await;
    let owner = fleet.replicas("k")[0];
    fleet.daemons[owner].hang().await;
    let write = fleet.client.set(b"k", b"new", SetOptions::default());
    assert!(tokio::time::timeout(Duration::from_millis(20), write).await.is_err(), "the caller gives up");
    let cell = &fleet.client.topology().peers()[owner].cell;
    wait_for("the peer to be unreadable", async || !cell.state().is_readable()).await;
    fleet.daemons[owner].resume();
    fleet.wait_until_readable(owner).await;
}

/// The tasks behind a client end with the runtime that it was first used in; whoever uses it then is told.
#[test]
fn a_client_of_a_runtime_that_is_gone_fails_and_does_not_hang() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let fleet = first.block_on(Fleet::start_with(1, 1, patient()));
    first.block_on(fleet.client.set(b"k", b"v", SetOptions::default())).unwrap();
    drop(first);
    let answer = runtime()
        .block_on(async { tokio::time::timeout(Duration::from_secs(20), fleet.client.get(b"k")).await });
    assert!(answer.expect("an answer, and soon").is_err());
}

#[tokio::test]
async fn p33_something_else_on_the_port_is_not_a_peer() {
    let mut fleet = Fleet::start_with(2, 2, patient()).await;
    fleet.client.set(b"k", b"v", SetOptions::default()).await.unwrap();
    let owner = fleet.replicas("k")[0];
    fleet.daemons[owner].kill();
    let listener = tokio::net::TcpListener::bind(fleet.daemons[owner].address).await.unwrap();
    let stranger = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ =
                tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    for _ in 0..20 {
        assert!(fleet.client.get(b"k").await.unwrap().is_some());
    }
    assert_eq!(fleet.client.topology().peers()[owner].cell.state().phase(), Phase::Down);
    stranger.abort();
}
