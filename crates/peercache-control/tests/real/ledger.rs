//! Two processes over one state directory: what one missed, the other does not read (P-11, P-12), whatever
//! becomes of the first.
//!
//! Each is a network of its own here, with its own writer; the same with processes of the system is in the
//! tests of the command line.

use crate::daemon::{Daemon, network, steady, wait_for};
use peercache_client::{Client, ReadError, SetOptions, WriteError};
use peercache_control::{Healer, Ledger, Outage};
use peercache_core::health::Entry;
use peercache_core::key::Key;
use peercache_core::spec::{NetworkSpec, PeerId};
use peercache_core::topology::Topology;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

pub(crate) const KEYS: usize = 2_000;

/// One process as the others see it. Dropped, it is a process that died: nothing is tidied up.
pub(crate) struct Process {
    pub(crate) client: Client,
    pub(crate) healer: Healer,
}

impl Process {
    pub(crate) fn start(daemons: &[Daemon], state: &Path) -> Self {
        Self::over(&network(&addresses(daemons), steady()), state)
    }

    pub(crate) fn over(network: &NetworkSpec, state: &Path) -> Self {
        let client = Client::open(Arc::new(Topology::build(network).expect("a sound test")));
        let ledger = Arc::new(Ledger::at(state));
        let healer = Healer::spawn_with_ledger(client.network(), &ledger).expect("a ledger that can be read");
        Self { client, healer }
    }

    fn is_readable(&self, peer: usize) -> bool {
        self.client.topology().peers()[peer].cell.state().is_readable()
    }

    pub(crate) async fn wait_until_readable(&self, peer: usize) {
        wait_for("the peer to be readable", async || {
            let state = self.client.topology().peers()[peer].cell.state();
            state.is_readable() && state.is_live()
        })
        .await;
    }

    pub(crate) async fn read(&self, n: usize) -> Option<Vec<u8>> {
        let read = self.client.get(key(n).as_bytes()).await;
        read.expect("a copy serves").map(|value| value.data.to_vec())
    }

    pub(crate) async fn set(&self, n: usize, version: u32) {
        self.client
            .set(key(n).as_bytes(), &value(version), SetOptions::default())
            .await
            .expect("a copy confirms");
    }

    /// Ends it, and until its entries are known to be nobody's.
    async fn die(self, state: &Path) {
        drop(self);
        let is_held = |peer| outages(state, peer).iter().any(|outage| outage.is_held);
        wait_for("the writer to be gone", async || !is_held(0) && !is_held(1)).await;
    }

    /// Writes every key on both copies.
    pub(crate) async fn fill(&self) {
        for n in 0..KEYS {
            wait_for("a write on both copies", async || {
                let set = self.client.set(key(n).as_bytes(), &value(1), SetOptions::default()).await;
                set.is_ok_and(|written| written.missed.is_empty())
            })
            .await;
        }
    }

    /// Overwrites a quarter of the keys and deletes another one.
    pub(crate) async fn change(&self) {
        for n in 0..KEYS {
            match n % 4 {
                0 => self.set(n, 2).await,
                1 => drop(self.client.delete(key(n).as_bytes()).await.expect("a copy confirms")),
                _ => {}
            }
        }
    }

    /// Reads every key; none may have an old value, and none that was not changed may be missing.
    pub(crate) async fn check(&self, when: &str) {
        for n in 0..KEYS {
            assert_eq!(self.read(n).await, expected(n), "{} {when}", key(n));
        }
    }
}

pub(crate) fn key(n: usize) -> String {
    format!("key-{n}")
}

/// 100 bytes that say which version they are.
fn value(version: u32) -> Vec<u8> {
    format!("{version:0100}").into_bytes()
}

/// What key `n` must read as after [`Process::change`].
fn expected(n: usize) -> Option<Vec<u8>> {
    match n % 4 {
        0 => Some(value(2)),
        1 => None,
        _ => Some(value(1)),
    }
}

pub(crate) async fn two_daemons() -> Vec<Daemon> {
    vec![Daemon::start().await, Daemon::start().await]
}

pub(crate) fn addresses(daemons: &[Daemon]) -> Vec<SocketAddr> {
    daemons.iter().map(|daemon| daemon.address).collect()
}

pub(crate) fn id(peer: usize) -> PeerId {
    format!("p{peer}").parse().expect("a sound test")
}

fn outages(state: &Path, peer: usize) -> Vec<Outage> {
    Ledger::at(state).outages(&id(peer)).expect("a ledger that can be read")
}

/// Nothing old is in the peer itself, whoever asks it.
async fn check_peer(daemon: &Daemon) {
    let topology = Topology::build(&network(&[daemon.address], steady())).expect("a sound test");
    let client = Client::open(Arc::new(topology));
    for n in 0..KEYS {
        let read = client.get(key(n).as_bytes()).await.expect("it serves").map(|value| value.data.to_vec());
        assert!(read.is_none() || read == expected(n), "{} is {read:?} in the peer", key(n));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p12_what_one_process_overwrote_while_a_peer_hung_no_other_one_reads_old() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    let (writer, reader) = (Process::start(&daemons, state.path()), Process::start(&daemons, state.path()));
    writer.fill().await;
    assert_eq!(reader.read(0).await, Some(value(1)), "so it has met both");
    daemons[0].hang().await;
    writer.change().await;
    // The first acknowledgement was at least 100 ms ago.
    assert!(!reader.is_readable(0));
    reader.check("while it hangs").await;
    let late = Process::start(&daemons, state.path());
    assert!(!late.is_readable(0), "who begins now knows before its first request");
    daemons[0].resume();
    let (early, late_check) =
        (reader.check("as it comes back"), late.check("as it comes back, for a late one"));
    futures_util::future::join(early, late_check).await;
    for process in [&writer, &reader, &late] {
        process.wait_until_readable(0).await;
        process.check("after its return").await;
    }
    check_peer(&daemons[0]).await;
    wait_for("the entry to go", async || outages(state.path(), 0).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p12_another_process_that_asks_for_nothing_stops_reading_too() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    let (writer, reader) = (Process::start(&daemons, state.path()), Process::start(&daemons, state.path()));
    writer.set(0, 1).await;
    daemons[0].hang().await;
    writer.set(0, 2).await;
    wait_for("the other process to stop reading", async || !reader.is_readable(0)).await;
    assert_eq!(reader.read(0).await, Some(value(2)));
}

/// What another process records meanwhile could not be seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p12_no_peer_is_read_while_the_ledger_cannot_be_read() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    let reader = Process::start(&daemons, state.path());
    reader.set(0, 1).await;
    assert_eq!(reader.read(0).await, Some(value(1)));
    // A file where the folder should be: nobody can read it, not even root.
    fs::write(state.path().join("outage"), "mine").unwrap();
    wait_for("nobody to be read", async || !reader.is_readable(0) && !reader.is_readable(1)).await;
    let error = reader.client.get(key(0).as_bytes()).await.unwrap_err();
    assert!(matches!(error, ReadError::Unavailable { .. }), "{error}");
    fs::remove_file(state.path().join("outage")).unwrap();
    for peer in 0..2 {
        reader.wait_until_readable(peer).await;
    }
    assert_eq!(reader.read(0).await, Some(value(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p11_the_entry_of_a_writer_that_is_gone_is_cleaned_for_by_another_process() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    let (writer, reader) = (Process::start(&daemons, state.path()), Process::start(&daemons, state.path()));
    writer.fill().await;
    daemons[0].hang().await;
    writer.change().await;
    assert_eq!(outages(state.path(), 0).iter().map(|outage| outage.is_held).collect::<Vec<_>>(), [true]);
    writer.die(state.path()).await;
    reader.check("while it hangs").await;
    daemons[0].resume();
    reader.check("as it comes back").await;
    reader.wait_until_readable(0).await;
    reader.check("after its return").await;
    check_peer(&daemons[0]).await;
    assert_eq!(outages(state.path(), 0), []);
}

/// The reader was not there when the peer was emptied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p20_a_process_that_begins_later_knows_that_the_peer_was_emptied() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    let writer = Process::start(&daemons, state.path());
    writer.fill().await;
    daemons[0].hang().await;
    writer.change().await;
    daemons[0].resume();
    writer.wait_until_readable(0).await;
    wait_for("the entry to go", async || outages(state.path(), 0).is_empty()).await;
    Process::start(&daemons, state.path()).check("for a late one: its misses are asked of the other").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p11_a_process_that_begins_later_cleans_for_one_that_is_gone() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    let writer = Process::start(&daemons, state.path());
    writer.fill().await;
    daemons[0].hang().await;
    writer.change().await;
    writer.die(state.path()).await;
    daemons[0].resume();
    let later = Process::start(&daemons, state.path());
    let mut begun = Vec::new();
    later.healer.finish_takeovers(|peer| begun.push(peer.clone())).await;
    assert_eq!(begun, [id(0)]);
    assert!(later.is_readable(0));
    later.check("after the take-over").await;
    check_peer(&daemons[0]).await;
    assert_eq!(outages(state.path(), 0), []);
}

/// Nothing says that the peer hangs but its silence, so nobody waits for it.
#[tokio::test]
async fn p11_nobody_waits_for_a_peer_that_still_hangs() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    let writer = Process::start(&daemons, state.path());
    writer.set(0, 1).await;
    daemons[0].hang().await;
    writer.set(0, 2).await;
    writer.die(state.path()).await;
    let later = Process::start(&daemons, state.path());
    later.healer.finish_takeovers(|peer| panic!("{peer} cannot be cleaned")).await;
    assert_eq!(outages(state.path(), 0).len(), 1, "it stays recorded");
}

#[tokio::test]
async fn p11_what_lies_in_the_folder_is_never_trusted_and_never_fatal() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    let folder = state.path().join("outage/p0");
    fs::create_dir_all(&folder).unwrap();
    // A pid that is somebody else's by now, a torn file, an empty one, and no file at all.
    fs::write(folder.join("1-0000002a"), "{\"schema\":1,\"pid\":1,\"since_unix_s\":1}\n").unwrap();
    fs::write(folder.join("torn"), "{\"sch").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    fs::create_dir(folder.join("folder")).unwrap();
    let process = Process::start(&daemons, state.path());
    assert!(!process.is_readable(0));
    process.wait_until_readable(0).await;
    wait_for("the folder to be empty", async || outages(state.path(), 0).is_empty()).await;
}

#[tokio::test]
async fn p11_a_write_that_cannot_be_recorded_is_not_acknowledged() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    let process = Process::start(&daemons, state.path());
    process.set(0, 1).await;
    daemons[0].hang().await;
    // A file where the folder should be: nobody may write through it, not even root.
    fs::write(state.path().join("outage"), "mine").unwrap();
    for _ in 0..3 {
        let error =
            process.client.set(key(0).as_bytes(), &value(2), SetOptions::default()).await.unwrap_err();
        assert!(matches!(error, WriteError::Unrecorded { .. }), "{error}");
        let words = error.to_string();
        assert!(words.contains("cannot record the outage of p0") && words.contains("outage"), "{words}");
    }
    assert_eq!(fs::read_to_string(state.path().join("outage")).unwrap(), "mine");
    fs::remove_file(state.path().join("outage")).unwrap();
    process.set(0, 3).await;
    assert_eq!(outages(state.path(), 0).len(), 1);
}

#[tokio::test]
async fn p11_an_entry_that_somebody_removes_is_written_again() {
    let (daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    let process = Process::start(&daemons, state.path());
    process.set(0, 1).await;
    daemons[0].hang().await;
    process.set(0, 2).await;
    fs::remove_dir_all(state.path().join("outage")).unwrap();
    wait_for("the entry to be there again", async || outages(state.path(), 0).len() == 1).await;
    let cell = &process.client.topology().peers()[0].cell;
    wait_for("the cell to know", async || cell.state().entry() == Entry::Recorded).await;
}

/// Another incarnation is met by everybody; nobody has to be told.
#[tokio::test]
async fn p11_a_restart_that_no_write_missed_records_nothing() {
    let (mut daemons, state) = (two_daemons().await, tempfile::tempdir().unwrap());
    let process = Process::start(&daemons, state.path());
    process.set(0, 1).await;
    daemons[0].kill();
    daemons[0].restart().await;
    let owned = Key::new(b"key-0").unwrap();
    let _ = process.client.get(owned.as_bytes()).await;
    process.wait_until_readable(0).await;
    assert!(!state.path().join("outage").exists());
}
