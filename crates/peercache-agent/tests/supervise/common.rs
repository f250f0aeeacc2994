//! What the supervisor's tests share: real memcached daemons in temporary folders, ended whatever happens.

use peercache_agent::supervise::{
    self, Choice, EngineSettings, Launch, Launched, LogMark, Marker, NotReady, Process, Ready, Surroundings,
    engine, port, spawn,
};
use peercache_core::spec::EngineKind;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far more than any step takes: only a failure waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon's grace period where the test does not turn on it.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Where engines are on this machine, whatever `MEMCACHED_PATH` says.
pub(crate) fn surroundings() -> Surroundings {
    let own_program = std::env::current_exe().expect("a running program has a path");
    Surroundings { memcached_path: None, ..Surroundings::of_this_process(own_program) }
}

/// The memcached of this machine.
pub(crate) fn memcached() -> PathBuf {
    let choice = Choice::fixed(EngineKind::Memcached, &surroundings());
    choice.expect("these tests run real daemons: install memcached").program.path
}

/// A port that is free, below those the system gives to outgoing connections, and given out once.
pub(crate) fn free_port() -> u16 {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // Test programs that run side by side begin far apart.
    let spread = u16::try_from(process::id() % 180).expect("below 180") * 100;
    let port = port::first_free(13_000 + spread, &taken).expect("some port is free");
    taken.insert(port);
    port
}

/// A folder, and every daemon started in it. They end with it.
pub(crate) struct Yard {
    pub(crate) folder: TempDir,
    started: Vec<Launched>,
}

impl Yard {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), started: Vec::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.path().join("p0.log")
    }

    /// The marker of the only peer here.
    pub(crate) fn marker(&self) -> Marker {
        Marker::new(self.path(), &"p0".parse().expect("a peer id")).expect("an absolute folder")
    }

    /// Starts a real memcached on `port` as the supervisor would.
    pub(crate) fn memcached_on(&mut self, port: u16) -> (&Launched, SocketAddr) {
        let settings = EngineSettings::new(port, 8).expect("valid settings");
        let args = engine::of(EngineKind::Memcached).args(&settings);
        (self.launch(memcached(), args), settings.address())
    }

    /// Starts a real memcached on a free port.
    pub(crate) fn memcached(&mut self) -> (&Launched, SocketAddr) {
        self.memcached_on(free_port())
    }

    /// Starts `sh -c script`.
    pub(crate) fn shell(&mut self, script: &str) -> &Launched {
        self.launch(PathBuf::from("/bin/sh"), ["-c", script].map(OsString::from).to_vec())
    }

    /// Starts anything.
    pub(crate) fn launch(&mut self, program: PathBuf, args: Vec<OsString>) -> &Launched {
        let launch = Launch { program, args, log_path: self.log_path(), marker: self.marker() };
        let launched = spawn(&launch).expect("the daemon starts");
        self.adopt(launched)
    }

    /// Takes charge of a daemon that somebody else started.
    pub(crate) fn adopt_process(&mut self, process: Process) -> &Launched {
        let log = LogMark::end_of(&self.log_path());
        self.adopt(Launched { process, log })
    }

    fn adopt(&mut self, launched: Launched) -> &Launched {
        self.started.push(launched);
        self.started.last().expect("one was just added")
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        for daemon in &self.started {
            // A failure here has nobody left to tell; the test's own result stands.
            let _ = daemon.process.stop(Duration::ZERO);
        }
    }
}

/// Waits until `daemon` serves as a memcached that asks nobody who they are.
pub(crate) async fn wait_ready(
    daemon: &Launched,
    address: SocketAddr,
    within: Duration,
) -> Result<Ready, NotReady> {
    supervise::wait_ready(engine::of(EngineKind::Memcached), daemon, address, None, within).await
}

/// Asks `condition` until it holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "not in {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(2)); // tidy: the one poll interval of these tests
    }
}
