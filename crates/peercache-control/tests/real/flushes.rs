//! Delayed flushes that several processes over one state directory carry out (P-18).

use crate::daemon::{Daemon, network, patient, steady, wait_for};
use crate::ledger::{KEYS, Process, addresses, id, key, two_daemons};
use peercache_client::{Client, SetOptions};
use peercache_control::{Ledger, PendingFlush};
use peercache_core::spec::Policy;
use peercache_core::topology::Topology;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn in_s(seconds: u64) -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a sound test").as_secs() + seconds
}

/// Orders a flush of both peers.
fn order(state: &Path, at_unix_s: u64) {
    Ledger::at(state)
        .set_pending_flush(&"main".parse().expect("a sound test"), at_unix_s, [id(0), id(1)])
        .expect("a sound test");
}

fn pending(state: &Path) -> Option<PendingFlush> {
    Ledger::at(state).pending_flush(&"main".parse().expect("a sound test")).expect("a sound test")
}

/// A client of one daemon alone, which knows of no network.
fn alone(daemon: &Daemon) -> Client {
    Client::open(Arc::new(Topology::build(&network(&[daemon.address], steady())).expect("a sound test")))
}

async fn put(daemon: &Daemon, key: &str) {
    alone(daemon).set(key.as_bytes(), b"v", SetOptions::default()).await.expect("a sound test");
}

async fn holds(daemon: &Daemon, key: &str) -> bool {
    alone(daemon).get(key.as_bytes()).await.expect("a sound test").is_some()
}

/// Told to the daemon itself, the delayed flush would make readable again what the return emptied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p18_a_delayed_flush_reaches_every_peer_and_brings_nothing_back() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    let (process, other) = (Process::start(&daemons, state.path()), Process::start(&daemons, state.path()));
    process.fill().await;
    daemons[0].hang().await;
    process.change().await;
    order(state.path(), in_s(3600));
    daemons[0].resume();
    process.wait_until_readable(0).await;
    process.check("after its return, with a flush to come").await;
    // It is due while the peer hangs again: the other one is flushed, and this one when it is back.
    process.set(3, 5).await;
    daemons[0].hang().await;
    order(state.path(), in_s(0));
    process.healer.finish_due_flush().await.unwrap();
    assert_eq!(pending(state.path()), None);
    daemons[0].resume();
    for process in [&process, &other] {
        process.wait_until_readable(0).await;
        for n in 0..KEYS {
            assert_eq!(process.read(n).await, None, "{}", key(n));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p18_a_flush_that_is_ordered_while_another_one_is_carried_out_still_comes() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    put(&daemons[1], "k").await;
    let _process = Process::over(&network(&addresses(&daemons), patient()), state.path());
    daemons[0].hang().await;
    order(state.path(), in_s(0));
    wait_for("the other peer to be flushed", async || !holds(&daemons[1], "k").await).await;
    // The one that hangs is still waited for.
    let later = in_s(3600);
    order(state.path(), later);
    let turn = File::open(state.path().join("flush/.main.lock")).unwrap();
    wait_for("the first flush to be through", async || turn.try_lock().is_ok()).await;
    let pending = pending(state.path()).expect("the second is to come");
    assert_eq!((pending.at_unix_s, pending.peers.len()), (later, 2));
}

#[tokio::test]
async fn p18_a_peer_that_an_older_process_does_not_know_is_flushed_by_another_one() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    for daemon in &daemons {
        put(daemon, "before").await;
    }
    let older = Process::over(&network(&addresses(&daemons)[..1], steady()), state.path());
    order(state.path(), in_s(0));
    older.healer.finish_due_flush().await.unwrap();
    assert!(!holds(&daemons[0], "before").await);
    let rest = pending(state.path()).expect("there is a peer that it does not know");
    assert_eq!(rest.peers, [id(1)].into());
    put(&daemons[0], "since").await;
    Process::start(&daemons, state.path()).healer.finish_due_flush().await.unwrap();
    assert_eq!(pending(state.path()), None);
    assert!(!holds(&daemons[1], "before").await);
    assert!(holds(&daemons[0], "since").await, "the first is not flushed twice");
}

#[tokio::test]
async fn p18_a_flush_whose_end_cannot_be_written_down_empties_nobody_twice() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    for daemon in &daemons {
        put(daemon, "before").await;
    }
    order(state.path(), in_s(0));
    // A folder where the lock of a change should be: nobody can change anything, not even root.
    let change = state.path().join("flush/.main.change");
    fs::remove_file(&change).unwrap();
    fs::create_dir(&change).unwrap();
    let process = Process::start(&daemons, state.path());
    process.healer.finish_due_flush().await.unwrap_err();
    for daemon in &daemons {
        assert!(!holds(daemon, "before").await);
        put(daemon, "since").await;
    }
    for _ in 0..3 {
        let error = process.healer.finish_due_flush().await.unwrap_err().to_string();
        assert!(error.contains("flush/.main.change"), "{error}");
    }
    fs::remove_dir(&change).unwrap();
    process.healer.finish_due_flush().await.unwrap();
    assert_eq!(pending(state.path()), None);
    for daemon in &daemons {
        assert!(holds(daemon, "since").await);
    }
}

#[tokio::test]
async fn p18_whoever_waits_for_the_flush_of_another_process_says_for_whom_and_not_for_ever() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    order(state.path(), in_s(0));
    let mut turn = File::create(state.path().join("flush/.main.lock")).unwrap();
    turn.write_all(b"4242\n").unwrap();
    turn.lock().unwrap();
    let policy = Policy { request: Duration::from_millis(200), ..steady() };
    let process = Process::over(&network(&addresses(&daemons), policy), state.path());
    let error = process.healer.finish_due_flush().await.unwrap_err().to_string();
    assert!(error.contains("process 4242 has begun it and is not through after 600 ms"), "{error}");
    assert!(pending(state.path()).is_some());
    drop(turn);
    process.healer.finish_due_flush().await.unwrap();
    assert_eq!(pending(state.path()), None);
}
