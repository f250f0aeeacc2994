//! Real daemons from start to end: ready, found again, killed, hung, gone.

use crate::common::{GRACE, PATIENCE, Yard, eventually, wait_ready};
use peercache_agent::supervise::{
    Exit, LogMark, Process, ProcessIdentity, Statistic, Stopped, engine, find_marked, port, stats,
};
use peercache_core::spec::EngineKind;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, signal).expect("our own daemon can be signalled");
}

#[tokio::test]
async fn a_memcached_starts_serves_and_stops() {
    let mut yard = Yard::new();
    let (daemon, address) = yard.memcached();
    let ready = wait_ready(daemon, address, PATIENCE).await.unwrap();
    assert_eq!(ready.pid, daemon.process.pid());
    assert!(ready.version.starts_with("1."), "{}", ready.version);
    assert_eq!(stats::version(address, None, PATIENCE).await.unwrap(), ready.version);
    let answer = stats::query(address, None, PATIENCE).await.unwrap();
    let engine = engine::of(EngineKind::Memcached);
    assert_eq!(engine.number(&answer, Statistic::BytesMax), Some(8_388_608));
    for &which in Statistic::FIGURES {
        assert!(engine.number(&answer, which).is_some(), "{which:?}");
    }

    assert!(daemon.process.is_alive().unwrap());
    assert!(!port::is_free(address.port()));
    assert_eq!(daemon.process.stop(GRACE).unwrap(), Stopped::Gracefully);
    assert!(!daemon.process.is_alive().unwrap());
    assert!(port::is_free(address.port()), "a stopped daemon has given its port back");
    assert_eq!(daemon.process.stop(GRACE).unwrap(), Stopped::AlreadyGone);
}

#[tokio::test]
async fn every_memcached_of_thirty_gets_ready() {
    let mut yards: Vec<Yard> = (0..30).map(|_| Yard::new()).collect();
    let daemons: Vec<_> = yards.iter_mut().map(Yard::memcached).collect();
    for (daemon, address) in &daemons {
        wait_ready(daemon, *address, PATIENCE).await.unwrap();
    }
    let pids: std::collections::BTreeSet<u32> =
        daemons.iter().map(|(daemon, _)| daemon.process.pid()).collect();
    assert_eq!(pids.len(), 30);
}

#[tokio::test]
async fn a_daemon_is_found_again_by_its_written_identity() {
    let mut yard = Yard::new();
    let (daemon, address) = yard.memcached();
    wait_ready(daemon, address, PATIENCE).await.unwrap();
    let written = serde_json::to_string(daemon.process.identity()).unwrap();
    let identity: ProcessIdentity = serde_json::from_str(&written).unwrap();

    let again = Process::open(&identity).unwrap().expect("it runs");
    assert!(again.is_alive().unwrap());
    assert_eq!(again.stop(GRACE).unwrap(), Stopped::Gracefully);
    assert!(!daemon.process.is_alive().unwrap());
    assert!(Process::open(&identity).unwrap().is_none(), "it is gone");
}

#[tokio::test]
async fn a_kill_9_is_seen_at_once_and_a_zombie_is_not_alive() {
    let mut yard = Yard::new();
    let (daemon, address) = yard.memcached();
    wait_ready(daemon, address, PATIENCE).await.unwrap();
    let pid = daemon.process.pid();
    signal(pid, Signal::KILL);
    // Nobody has reaped it yet, so for a while it is a zombie with a pid and a start time.
    eventually("the killed daemon is seen as gone", || ProcessIdentity::of(pid).unwrap().is_none());
    assert!(Process::open(daemon.process.identity()).unwrap().is_none());

    let exit = tokio::time::timeout(PATIENCE, daemon.process.exited()).await.unwrap().unwrap();
    assert_eq!(exit, Exit::Signal(9));
    assert_eq!(daemon.process.stop(GRACE).unwrap(), Stopped::AlreadyGone);
    assert!(!fs::exists(format!("/proc/{pid}")).unwrap(), "our own child is reaped");
    let again = daemon.process.wait_exit(Duration::ZERO).unwrap();
    assert_eq!(again, Some(Exit::Signal(9)), "how it ended is remembered");
}

#[tokio::test]
async fn the_end_of_a_daemon_wakes_who_waits_for_it() {
    let mut yard = Yard::new();
    let (daemon, address) = yard.memcached();
    wait_ready(daemon, address, PATIENCE).await.unwrap();
    let killer = async {
        tokio::task::yield_now().await;
        signal(daemon.process.pid(), Signal::KILL);
    };
    let (exit, ()) = tokio::join!(tokio::time::timeout(PATIENCE, daemon.process.exited()), killer);
    assert_eq!(exit.unwrap().unwrap(), Exit::Signal(9));
}

#[tokio::test]
async fn a_hung_daemon_is_killed_after_its_grace_period() {
    let mut yard = Yard::new();
    let (daemon, address) = yard.memcached();
    wait_ready(daemon, address, PATIENCE).await.unwrap();
    signal(daemon.process.pid(), Signal::STOP);
    assert!(daemon.process.is_alive().unwrap(), "stopped is not ended");
    let grace = Duration::from_millis(300);
    let start = std::time::Instant::now();
    assert_eq!(daemon.process.stop(grace).unwrap(), Stopped::Killed);
    assert!(start.elapsed() >= grace);
    assert!(port::is_free(address.port()));
}

#[test]
fn a_recycled_pid_is_never_signalled() {
    let mut yard = Yard::new();
    let bystander = yard.shell("exec sleep 1000");
    let real = bystander.process.identity().clone();
    let forgeries = [
        ProcessIdentity { start_ticks: real.start_ticks + 1, ..real.clone() },
        ProcessIdentity { start_ticks: 0, ..real.clone() },
        ProcessIdentity { boot_id: "00000000-0000-0000-0000-000000000000".to_owned(), ..real.clone() },
        ProcessIdentity { boot_id: String::new(), ..real.clone() },
        ProcessIdentity { pid: 0, ..real.clone() },
        ProcessIdentity { pid: u32::MAX, ..real.clone() },
        ProcessIdentity { pid: std::process::id(), ..real.clone() },
    ];
    for forged in forgeries {
        assert!(Process::open(&forged).unwrap().is_none(), "{forged:?}");
    }
    assert!(bystander.process.is_alive().unwrap());
    assert!(Process::open(&real).unwrap().is_some());
}

#[test]
fn the_number_of_a_thread_is_nobody() {
    let (thread_id, received) = std::sync::mpsc::sync_channel(1);
    let (end, until_end) = std::sync::mpsc::sync_channel::<()>(0);
    let thread = std::thread::spawn(move || {
        let path = fs::read_link("/proc/thread-self").unwrap();
        let number: u32 = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        thread_id.send(number).unwrap();
        // Ends with an error when the other side is dropped, which is all it waits for.
        until_end.recv().unwrap_err();
    });
    let pid = received.recv().unwrap();
    let identity = ProcessIdentity::of(pid).unwrap().expect("the kernel shows threads under their number");
    assert!(Process::open(&identity).unwrap().is_none());
    drop(end);
    thread.join().unwrap();
}

#[test]
fn a_daemon_has_a_clean_environment_and_a_private_log() {
    let mut yard = Yard::new();
    let daemon = yard.shell("env; pwd; echo to stderr >&2; read line || echo no input");
    let exit = daemon.process.wait_exit(PATIENCE).unwrap();
    assert_eq!(exit, Some(Exit::Code(0)));
    let lines = daemon.log.last_lines(100).unwrap();
    let marker = format!("PEERCACHE_PEER={}#p0", yard.path().display());
    assert!(lines.contains(&marker), "{lines:?}");
    for line in ["/", "to stderr", "no input"] {
        assert!(lines.iter().any(|found| found == line), "{line:?} in {lines:?}");
    }
    assert!(!lines.iter().any(|line| line.starts_with("HOME=") || line.starts_with("CARGO")), "{lines:?}");
    let mode = fs::metadata(yard.log_path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_marked_daemon_is_found_while_it_runs_and_no_other() {
    let mut yard = Yard::new();
    let mut other_yard = Yard::new();
    let (marker, other_marker) = (yard.marker(), other_yard.marker());
    assert_eq!(find_marked(&marker).unwrap(), []);
    let (daemon, address) = yard.memcached();
    let (_other, other_address) = other_yard.memcached();
    wait_ready(daemon, address, PATIENCE).await.unwrap();
    assert_eq!(find_marked(&marker).unwrap(), [daemon.process.identity().clone()]);

    // As after a crash between start and record: only the marker leads back to the daemon.
    let found = find_marked(&other_marker).unwrap().pop().expect("the other one runs too");
    let process = Process::open(&found).unwrap().expect("it runs");
    let log = LogMark { path: other_yard.log_path(), from_byte: 0 };
    let repaired = peercache_agent::supervise::Launched { process, log };
    wait_ready(&repaired, other_address, PATIENCE).await.unwrap();

    assert_eq!(daemon.process.stop(GRACE).unwrap(), Stopped::Gracefully);
    assert_eq!(find_marked(&marker).unwrap(), []);
}
