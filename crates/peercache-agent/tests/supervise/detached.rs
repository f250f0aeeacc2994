//! A daemon outlives the command that started it, whichever way that command ends.

use crate::common::{GRACE, PATIENCE, Yard, eventually, wait_ready};
use peercache_agent::supervise::{Process, ProcessIdentity, Stopped, stats};
use rustix::process::{Pid, Signal, kill_process_group};
use std::env;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// Set in the process that plays the command; its value is where the daemon is written down.
const RECORD: &str = "PEERCACHE_TEST_RECORD";

/// The test below, as the test program knows it.
const NAME: &str = "detached::a_daemon_survives_the_ctrl_c_and_the_kill_of_its_starter";

#[tokio::test]
async fn a_daemon_survives_the_ctrl_c_and_the_kill_of_its_starter() {
    if let Some(record) = env::var_os(RECORD) {
        start_a_daemon_and_never_end(Path::new(&record)).await;
    }
    for signal in [Signal::INT, Signal::HUP, Signal::KILL] {
        survive(signal).await;
    }
}

/// The command: starts a daemon, records it, and runs until it is killed.
async fn start_a_daemon_and_never_end(record: &Path) {
    let mut yard = Yard::new();
    let (daemon, address) = yard.memcached();
    wait_ready(daemon, address, PATIENCE).await.expect("memcached serves");
    let text = serde_json::to_string(&(daemon.process.identity(), address)).expect("an identity is JSON");
    let torn = record.with_extension("torn");
    fs::write(&torn, text).expect("our folder is there");
    fs::rename(torn, record).expect("our folder is there");
    std::future::pending::<()>().await;
}

async fn survive(signal: Signal) {
    let mut yard = Yard::new();
    let record = yard.path().join("record");
    // Whoever runs the tests in the background may have had Ctrl-C ignored, which is inherited.
    let mut starter = Command::new("env")
        .args(["--default-signal=INT,HUP", "--"])
        .arg(env::current_exe().expect("a running program has a path"))
        .args(["--exact", NAME, "--nocapture"])
        .env(RECORD, &record)
        // Its folder goes with ours, as a killed program does not clean up.
        .env("TMPDIR", yard.path())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("this program can be run again");
    eventually("the starter records its daemon", || {
        assert!(starter.try_wait().expect("our child").is_none(), "the starter runs until it is killed");
        record.exists()
    });
    let (identity, address): (ProcessIdentity, SocketAddr) =
        serde_json::from_slice(&fs::read(&record).expect("the record is there")).expect("it is whole");
    let process = Process::open(&identity).expect("Linux knows").expect("the daemon runs");
    let daemon = yard.adopt_process(process);

    // What a terminal does on Ctrl-C or when it closes: the signal goes to the whole group.
    let group = i32::try_from(starter.id()).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process_group(group, signal).expect("our own group");
    let ended = starter.wait().expect("our child");
    assert_eq!(ended.signal(), Some(signal.as_raw()));

    let answer = stats::query(address, None, PATIENCE).await.expect("the daemon serves on");
    assert_eq!(stats::value(&answer, "pid"), Some(identity.pid.to_string().as_str()));
    // It is an orphan now: whether anybody reaps it or not, it counts as stopped.
    assert_eq!(daemon.process.stop(GRACE).expect("ours to stop"), Stopped::Gracefully);
    assert!(Process::open(&identity).expect("Linux knows").is_none());
}
