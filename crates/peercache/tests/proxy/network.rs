//! Real memcacheds, attached to a network of a state directory of its own, and proxies that serve it.
//!
//! The daemons are started here and not by the command line, so that each keeps its port when it is killed
//! and started again: the proxy under test knows its peers by their addresses. Dropping a network ends
//! everything that was started for it, also in a panic, and then what its proxies logged is printed.

use crate::wire::Conn;
use rustix::process::{Pid, Signal, kill_process};
use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Where the search for ports begins and ends: below those that the system gives to clients, so that nobody
/// takes the port of a daemon that is not running for a moment.
const PORTS: std::ops::Range<u32> = 16_000..32_000;

/// A network, its daemons and its state directory.
pub(crate) struct Network {
    pub(crate) peers: Vec<Peer>,
    folder: tempfile::TempDir,
    proxies: Cell<u32>,
}

/// A memcached that may be hung, killed and started again.
pub(crate) struct Peer {
    pub(crate) id: String,
    pub(crate) port: u16,
    child: RefCell<Child>,
}

/// A proxy that runs; killed when dropped.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) address: String,
    log: PathBuf,
}

impl Network {
    /// A network `main` of so many peers, `p0` and on, that keeps so many copies.
    pub(crate) fn of(peers: usize, copies: usize) -> Self {
        Self::with(peers, &format!("--replication {copies}"))
    }

    /// A network that is created with these options.
    pub(crate) fn with(peers: usize, options: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("peercache-test-").tempdir().unwrap();
        let peers: Vec<_> = (0..peers).map(|number| Peer::start(format!("p{number}"))).collect();
        let network = Self { peers, folder, proxies: Cell::new(0) };
        network.run(&format!("network create main {options}"));
        if !network.peers.is_empty() {
            let each = network.peers.iter().map(|peer| format!("{}={}", peer.id, peer.address()));
            network.run(&format!("peer attach {}", each.collect::<Vec<_>>().join(" ")));
            let ids = network.peers.iter().map(|peer| peer.id.as_str());
            network.run(&format!("network add main {}", ids.collect::<Vec<_>>().join(" ")));
        }
        network
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub(crate) fn run(&self, args: &str) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "peercache {args}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Times that a test can sit through while a peer hangs, and that peers which are well keep on a
    /// machine that is not.
    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peercache"));
        command.args(args.split(' ').filter(|arg| !arg.is_empty())).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PEERCACHE_") {
                command.env_remove(name);
            }
        }
        command.env("PEERCACHE_STATE_DIR", self.folder.path().join("state"));
        for (setting, ms) in [("ATTEMPT", "400"), ("CONNECT", "400"), ("REQUEST", "5000")] {
            command.env(format!("PEERCACHE_{setting}_MS"), ms);
        }
        command.env("PEERCACHE_LOG", "info").stdin(Stdio::null());
        command
    }

    /// Starts a proxy with these options.
    pub(crate) fn proxy(&self, options: &str) -> Proxy {
        self.proxy_with(options, &[])
    }

    /// The same, with these settings.
    pub(crate) fn proxy_with(&self, options: &str, settings: &[(&str, &str)]) -> Proxy {
        self.proxies.set(self.proxies.get() + 1);
        let log = self.folder.path().join(format!("proxy-{}.log", self.proxies.get()));
        let mut command = self.command(&format!("proxy main --listen 127.0.0.1:0 -o json {options}"));
        command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        command.envs(settings.iter().copied());
        let mut child = command.spawn().unwrap();
        let mut document = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while !document.ends_with("}\n") {
            let bytes = out.read_line(&mut document).unwrap();
            assert!(bytes > 0, "no proxy: {}", fs::read_to_string(&log).unwrap());
        }
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        Proxy { child, address: document["listen"][0].as_str().unwrap().to_owned(), log }
    }

    /// The ids of a key's replicas, owner first.
    pub(crate) fn replicas(&self, key: &str) -> Vec<String> {
        let explained = self.run(&format!("-o json network explain main {key}"));
        let explained: serde_json::Value = serde_json::from_str(&explained).unwrap();
        let copies = explained["copies"].as_array().unwrap();
        copies.iter().map(|copy| copy["peer"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn peer(&self, id: &str) -> &Peer {
        self.peers.iter().find(|peer| peer.id == id).unwrap()
    }

    /// What each peer that holds a key holds.
    pub(crate) fn copies(&self, key: &str) -> Vec<String> {
        self.peers.iter().filter_map(|peer| Some(peer.connect().get(key)?.data)).collect()
    }

    /// Whether a delayed flush is to come.
    pub(crate) fn is_flush_pending(&self) -> bool {
        self.folder.path().join("state/flush/main.json").exists()
    }

    /// As a command has it that was stopped inside a change: nobody reads or changes the state until this is
    /// dropped.
    pub(crate) fn lock(&self) -> File {
        let lock = File::options().write(true).open(self.folder.path().join("state/.lock")).unwrap();
        lock.lock().unwrap();
        lock
    }

    /// An outage of a peer that some other process has recorded, and that is its own until this is dropped.
    pub(crate) fn record_outage(&self, peer: &Peer) -> File {
        let folder = self.folder.path().join("state/outage").join(&peer.id);
        fs::create_dir_all(&folder).unwrap();
        let entry = File::create(folder.join(".entry")).unwrap();
        entry.lock().unwrap();
        fs::rename(folder.join(".entry"), folder.join("somebody")).unwrap();
        entry
    }

    /// A flush that is due, and that some other process is carrying out for as long as the file is held.
    pub(crate) fn hold_due_flush(&self) -> File {
        let folder = self.folder.path().join("state/flush");
        fs::create_dir_all(&folder).unwrap();
        let turn = File::create(folder.join(".main.lock")).unwrap();
        turn.lock().unwrap();
        let ids: Vec<_> = self.peers.iter().map(|peer| peer.id.as_str()).collect();
        let record = serde_json::json!({ "schema": 1, "number": 1, "at_unix_s": 1, "peers": ids });
        fs::write(folder.join("main.json"), record.to_string()).unwrap();
        turn
    }

    /// Puts a file where the ledger should be: nobody can read or write it, not even root.
    pub(crate) fn break_ledger(&self) {
        fs::write(self.folder.path().join("state/outage"), "mine").unwrap();
    }

    /// Whether some process has an outage of a peer on disk.
    pub(crate) fn is_outage_recorded(&self, peer: &Peer) -> bool {
        let folder = self.folder.path().join("state/outage").join(&peer.id);
        let Ok(entries) = fs::read_dir(folder) else { return false };
        entries.flatten().any(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
    }
}

impl Peer {
    fn start(id: String) -> Self {
        // Each port is used once in a process: whoever still looks for a daemon that was killed must not find
        // another test's.
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let ports = PORTS.end - PORTS.start;
        loop {
            let next = std::process::id().wrapping_mul(17).wrapping_add(TAKEN.fetch_add(1, Relaxed));
            let number = u16::try_from(PORTS.start + next % ports).unwrap();
            if TcpListener::bind(("127.0.0.1", number)).is_ok()
                && let Some(child) = serve(number)
            {
                return Self { id, port: number, child: RefCell::new(child) };
            }
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A connection to the daemon itself.
    pub(crate) fn connect(&self) -> Conn {
        Conn::to(&self.address())
    }

    /// SIGSTOP, until all of it stands still.
    pub(crate) fn hang(&self) {
        hang(self.child.borrow().id());
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) {
        signal(self.child.borrow().id(), Signal::CONT);
    }

    /// `kill -9`, until it is gone.
    pub(crate) fn kill(&self) {
        self.child.borrow_mut().kill().unwrap();
        self.child.borrow_mut().wait().unwrap();
    }

    /// Starts it again, empty, where it was.
    pub(crate) fn restart(&self) {
        let mut child = self.child.borrow_mut();
        wait_for("a daemon on the port of the last", || {
            let started = serve(self.port);
            let is_there = started.is_some();
            started.into_iter().for_each(|started| *child = started);
            is_there
        });
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.get_mut().kill();
        let _ = self.child.get_mut().wait();
    }
}

impl Proxy {
    pub(crate) fn connect(&self) -> Conn {
        Conn::to(&self.address)
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until this proxy reads from a peer, or until it does not.
    pub(crate) fn wait_until_readable(&self, peer: &Peer, readable: bool) {
        let (mut conn, name) = (self.connect(), format!("{}:readable", peer.id));
        let expected = if readable { "yes" } else { "no" };
        wait_for(&format!("{name} to be {expected}"), || conn.stats("peers")[&name] == expected);
    }

    /// `kill -9`, until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// TERM, until it has ended, which must be in good order. Returns what it logged.
    pub(crate) fn end(mut self) -> String {
        signal(self.child.id(), Signal::TERM);
        let mut status = None;
        wait_for("the proxy to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success(), "{status:?}");
        self.log()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            show(&self.log);
        }
    }
}

fn show(log: &Path) {
    let text = fs::read_to_string(log).unwrap_or_default();
    eprintln!("--- {}\n{text}", log.display());
}

/// A memcached on a port; none if it cannot listen there.
fn serve(port: u16) -> Option<Child> {
    let args = ["-l", "127.0.0.1", "-p", &port.to_string(), "-u", "nobody", "-m", "256", "-t", "1"];
    let mut child = Command::new("memcached").args(args).stderr(Stdio::null()).spawn().unwrap();
    let mut serves = false;
    wait_for("memcached to listen or to end", || {
        serves = Conn::try_to(&format!("127.0.0.1:{port}")).is_some_and(|mut conn| conn.pid() == child.id());
        serves || child.try_wait().unwrap().is_some()
    });
    serves.then_some(child)
}

fn hang(pid: u32) {
    signal(pid, Signal::STOP);
    wait_for("every thread to stop", || {
        fs::read_dir(format!("/proc/{pid}/task")).unwrap().all(|thread| {
            let stat = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
            stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
        })
    });
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Polls until `done`, and fails the test after [`PATIENCE`].
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        // Others need the processor, not least those who are waited for.
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
