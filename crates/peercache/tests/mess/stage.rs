//! What a test plays on: a state directory, memcacheds, and a proxy before them. Dropping it ends them all.

use crate::client::Client;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A process that is ended when this is dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let mut status = None;
        wait_for("a process to end", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with a state directory, and the commands that are run on it.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::Builder::new().prefix("peercache-mess-").tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A command with nothing of the caller's settings, and with time for peers that are well on a machine
    /// that is not.
    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peercache"));
        self.prepare(&mut command, args);
        command
    }

    /// Such a command, with few descriptors.
    pub(crate) fn command_with_descriptors(&self, descriptors: u32, args: &str) -> Command {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_peercache")]);
        self.prepare(&mut command, args);
        command
    }

    fn prepare(&self, command: &mut Command, args: &str) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PEERCACHE_") {
                command.env_remove(name);
            }
        }
        command.args(args.split(' ')).current_dir(self.0.path()).stdin(Stdio::null());
        for (setting, ms) in [("ATTEMPT", "5000"), ("CONNECT", "5000"), ("REQUEST", "20000")] {
            command.env(format!("PEERCACHE_{setting}_MS"), ms);
        }
    }

    pub(crate) fn run(&self, args: &str) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that must succeed.
    pub(crate) fn good(&self, args: &str) {
        let ran = self.run(args);
        assert!(ran.status.success(), "{args}: {ran:?}");
    }

    /// Runs a command that must fail with one sentence that has all of `words`.
    pub(crate) fn bad(&self, args: &str, words: &[&str]) {
        let ran = self.run(args);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!ran.status.success() && !said.contains("panicked"), "{args}: {ran:?}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in {said:?}");
        }
    }

    /// Makes the network `main` of peers p0, p1, … at these addresses.
    pub(crate) fn network(&self, copies: usize, peers: &[SocketAddr]) {
        self.good(&format!("network create main --replication {copies}"));
        let names: Vec<_> = (0..peers.len()).map(|number| format!("p{number}")).collect();
        if peers.is_empty() {
            return;
        }
        let pairs: Vec<_> =
            names.iter().zip(peers).map(|(name, address)| format!("{name}={address}")).collect();
        self.good(&format!("peer attach {}", pairs.join(" ")));
        self.good(&format!("network add main {}", names.join(" ")));
    }

    /// A memcached on a port that it chooses itself.
    pub(crate) fn memcached(&self, more: &[&str]) -> (Process, SocketAddr) {
        let number = fs::read_dir(self.0.path()).unwrap().count();
        let file = self.path(&format!("port-{number}"));
        let mut command = Command::new("memcached");
        // As root it wants to be told who to be, and nobody else may write the file that names its port.
        command.args(["-l", "127.0.0.1", "-p", "-1", "-U", "0", "-u", "root", "-c", "4096"]).args(more);
        command.env("MEMCACHED_PORT_FILENAME", &file).stdin(Stdio::null());
        let process = Process(command.spawn().unwrap());
        let mut port: Option<u16> = None;
        wait_for("memcached to listen", || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            port = text.strip_prefix("TCP INET: ").and_then(|port| port.strip_suffix('\n')?.parse().ok());
            port.is_some()
        });
        (process, SocketAddr::from(([127, 0, 0, 1], port.unwrap())))
    }

    /// Starts a proxy and waits until it says where it listens.
    pub(crate) fn proxy(&self, mut command: Command) -> Proxy {
        let number = fs::read_dir(self.0.path()).unwrap().count();
        let (out, log) = (self.path(&format!("out-{number}")), self.path(&format!("log-{number}")));
        command.stdout(fs::File::create(&out).unwrap()).stderr(fs::File::create(&log).unwrap());
        let mut process = Process(command.spawn().unwrap());
        let mut said = None;
        wait_for("the proxy to listen", || {
            assert!(process.is_alive(), "{}", fs::read_to_string(&log).unwrap());
            let text = fs::read_to_string(&out).unwrap();
            said = text.ends_with("}\n").then(|| serde_json::from_str::<serde_json::Value>(&text).unwrap());
            said.is_some()
        });
        let listen = said.unwrap()["listen"][0].as_str().unwrap().to_owned();
        Proxy { process, listen, log }
    }
}

/// A proxy that runs.
pub(crate) struct Proxy {
    pub(crate) process: Process,
    /// Where it listens first of all.
    pub(crate) listen: String,
    log: PathBuf,
}

impl Proxy {
    pub(crate) fn address(&self) -> SocketAddr {
        self.listen.parse().unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// A number of its `stats`.
    pub(crate) fn stat(&self, name: &str) -> u64 {
        let said = self.client().ask(b"stats\r\n");
        let text = String::from_utf8(said).unwrap();
        let prefix = format!("STAT {name} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Kilobytes that it has in memory, now (`VmRSS`) or at most so far (`VmHWM`).
    pub(crate) fn memory_kb(&self, which: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(which)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.pid())).unwrap().count()
    }

    /// Has the kernel give it no descriptor beyond the first so many; returns how many it might have had.
    pub(crate) fn limit_descriptors(&self, most: u64) -> u64 {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.process.pid())).unwrap();
        let limits = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let maximum = limits.split_whitespace().nth(1).unwrap().parse().ok();
        let pid = Pid::from_raw(i32::try_from(self.process.pid()).unwrap());
        let before = prlimit(pid, Resource::Nofile, Rlimit { current: Some(most), maximum });
        before.unwrap().current.unwrap()
    }

    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.process.pid())).unwrap().count()
    }

    /// How long it has been running on a processor, in the hundredths of a second that Linux counts by.
    pub(crate) fn processor_time(&self) -> Duration {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.process.pid())).unwrap();
        let fields: Vec<_> = text.rsplit(')').next().unwrap().split_whitespace().collect();
        // The 14th and 15th field of the line; the first two stand before the bracket.
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }
}

/// The usual stage: some memcacheds, a network of them, and a proxy. The proxy is dropped first.
pub(crate) struct Stage {
    pub(crate) proxy: Proxy,
    pub(crate) peers: Vec<Process>,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) folder: Folder,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(2, 2, "")
    }

    /// So many peers that keep so many copies, behind a proxy with these flags.
    pub(crate) fn with(peers: usize, copies: usize, flags: &str) -> Self {
        let folder = Folder::new();
        let (peers, addresses): (Vec<_>, Vec<_>) = (0..peers).map(|_| folder.memcached(&[])).unzip();
        folder.network(copies, &addresses);
        let proxy = folder.proxy(folder.command(format!("{SERVE} {flags}").trim()));
        Self { proxy, peers, addresses, folder }
    }

    pub(crate) fn client(&self) -> Client {
        self.proxy.client()
    }

    /// The proxy lives, serves, and remembers.
    pub(crate) fn assert_well(&self) {
        let mut client = self.client();
        client.expect(b"set well 7 0 4\r\nwell\r\n", b"STORED\r\n");
        client.expect(b"get well\r\n", b"VALUE well 7 4\r\nwell\r\nEND\r\n");
        client.expect(b"delete well\r\nget well\r\n", b"DELETED\r\nEND\r\n");
    }
}

/// A proxy that says where it listens.
pub(crate) const SERVE: &str = "-o json proxy main --listen 127.0.0.1:0";

/// Polls until `done`, and fails the test after [`PATIENCE`].
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2)); // tidy: the time between two looks
    }
}
