//! A writer that is killed with `kill -9` while it writes around a peer that hangs: a process of its own, at
//! whatever moment it happens to be (P-11, P-12).

use crate::daemon::{Daemon, network, patient, wait_for};
use crate::ledger::Process;
use peercache_client::SetOptions;
use peercache_control::Ledger;
use peercache_core::spec::Policy;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const KEYS: usize = 64;

/// Where the writer finds its work: addresses and the state directory, separated by blanks. With it, the test
/// below is the writer.
const WRITER: &str = "PEERCACHE_TEST_WRITER";

/// Short times: the writer goes on while the peer hangs, and dies in the middle of it.
fn hasty() -> Policy {
    Policy { attempt: Duration::from_millis(100), silence: Duration::from_millis(200), ..patient() }
}

/// Writes version after version of every key, and says which were acknowledged, until it is killed.
async fn write_until_killed(addresses: &[SocketAddr], state: &Path) {
    let writer = Process::over(&network(addresses, hasty()), state);
    for version in 1_u64.. {
        for n in 0..KEYS {
            let (name, value) = (format!("k{n}"), version.to_string());
            let written = writer.client.set(name.as_bytes(), value.as_bytes(), SetOptions::default()).await;
            if written.is_ok() {
                // A line that is not read any more ends it too.
                writeln!(std::io::stdout(), "acknowledged {n} {version}").expect("somebody listens");
            }
        }
    }
}

/// The writer's process, and what it acknowledged so far.
struct Writer {
    child: Child,
    acknowledged: Arc<Mutex<Vec<u64>>>,
    listener: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(test: &str, daemons: &[Daemon], state: &Path) -> Self {
        let words: Vec<String> = daemons.iter().map(|daemon| daemon.address.to_string()).collect();
        let work = format!("{} {}", words.join(" "), state.display());
        let mut command = Command::new(env::current_exe().expect("this very program"));
        command.args([test, "--exact", "--nocapture"]).env(WRITER, work);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
        let acknowledged = Arc::new(Mutex::new(vec![0; KEYS]));
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let noted = Arc::clone(&acknowledged);
        let listener = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut words = line.split(' ').skip_while(|word| !word.ends_with("acknowledged")).skip(1);
                let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
                if let (Some(n), Some(version)) = (number(), number()) {
                    noted.lock().expect("nobody panicked")[usize::try_from(n).expect("a key")] = version;
                }
            }
        });
        Self { child, acknowledged, listener: Some(listener) }
    }

    fn lowest(&self) -> u64 {
        *self.acknowledged.lock().expect("nobody panicked").iter().min().expect("there are keys")
    }

    /// `kill -9`; what it had acknowledged by then, by key.
    fn kill(mut self) -> Vec<u64> {
        self.child.kill().expect("a child of ours can be killed");
        self.child.wait().expect("a child of ours can be waited for");
        self.listener.take().expect("once").join().expect("nobody panicked");
        self.acknowledged.lock().expect("nobody panicked").clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No key may read as older than what was acknowledged.
async fn check(reader: &Process, acknowledged: &[u64], when: &str) {
    for (n, &least) in acknowledged.iter().enumerate() {
        let read = reader.client.get(format!("k{n}").as_bytes()).await.expect("a copy serves");
        let version =
            read.map(|value| String::from_utf8_lossy(&value.data).parse::<u64>().expect("a version"));
        assert!(version.is_none_or(|version| version >= least), "k{n} is {version:?} of {least} {when}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p12_nobody_reads_what_a_writer_that_was_killed_had_overwritten() {
    if let Ok(work) = env::var(WRITER) {
        let mut words: Vec<&str> = work.split(' ').collect();
        let state = words.pop().expect("a state directory");
        let addresses: Vec<SocketAddr> = words.iter().map(|word| word.parse().expect("an address")).collect();
        return write_until_killed(&addresses, Path::new(state)).await;
    }
    let test = "killed::p12_nobody_reads_what_a_writer_that_was_killed_had_overwritten";
    let daemons = vec![Daemon::start().await, Daemon::start().await];
    let addresses: Vec<SocketAddr> = daemons.iter().map(|daemon| daemon.address).collect();
    let state = tempfile::tempdir().unwrap();
    let reader = Process::over(&network(&addresses, hasty()), state.path());
    // Killed at another moment each time: before it noticed, while it records, and long after.
    for versions_more in [0, 1, 2, 40] {
        let writer = Writer::start(test, &daemons, state.path());
        wait_for("the writer to write", async || writer.lowest() >= 2).await;
        daemons[0].hang().await;
        let before = writer.lowest();
        wait_for("the writer to go on", async || writer.lowest() >= before + versions_more).await;
        let acknowledged = writer.kill();
        wait_for("the reader to know", async || {
            let recorded = !Ledger::at(state.path()).outages(&"p0".parse().unwrap()).unwrap().is_empty();
            !recorded || !reader.client.topology().peers()[0].cell.state().is_readable()
        })
        .await;
        check(&reader, &acknowledged, "while the peer hangs").await;
        daemons[0].resume();
        check(&reader, &acknowledged, "as it comes back").await;
        reader.wait_until_readable(0).await;
        check(&reader, &acknowledged, "after its return").await;
        let late = Process::over(&network(&addresses, hasty()), state.path());
        late.wait_until_readable(0).await;
        check(&late, &acknowledged, "for a late one").await;
    }
}
