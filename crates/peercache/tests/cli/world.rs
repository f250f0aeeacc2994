//! A test's own state directory, the commands that are run on it, and the daemons that carry its mark.

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One state directory and everything that was started for it. Dropping it ends that, also in a panic.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A daemon of this world.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Daemon {
    pub(crate) peer: String,
    pub(crate) pid: u32,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("peercache-test-").tempdir().unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// A command on this world's state, with nothing of the caller's settings, and with time for peers that
    /// are well on a machine that is not.
    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = self.bare(args);
        command.env("PEERCACHE_STATE_DIR", self.state());
        // Tests run beside each other, and each `up` has a proxy.
        command.env("PEERCACHE_LISTEN", "127.0.0.1:0");
        for (setting, ms) in [("ATTEMPT", "2000"), ("CONNECT", "2000"), ("REQUEST", "10000")] {
            command.env(format!("PEERCACHE_{setting}_MS"), ms);
        }
        command
    }

    /// A command in this world's folder that is told no state directory.
    pub(crate) fn bare(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peercache"));
        command.args(args.split(' ').filter(|arg| !arg.is_empty())).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PEERCACHE_") || name == "MEMCACHED_PATH" {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &str) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub(crate) fn good(&self, args: &str) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "peercache {args}: {ran:?}");
        ran.out
    }

    /// Runs a command that must fail with exit code 1 and one sentence that has all of `words`.
    pub(crate) fn bad(&self, args: &str, words: &[&str]) -> Ran {
        let ran = self.run(args);
        ran.assert_failed(words);
        ran
    }

    /// The document of a command that must succeed.
    pub(crate) fn json(&self, args: &str) -> serde_json::Value {
        serde_json::from_str(&self.good(&format!("-o json {args}"))).unwrap()
    }

    pub(crate) fn with_input(&self, args: &str, input: &[u8]) -> Ran {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        // The command may refuse before it has read everything.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ran::of(child.wait_with_output().unwrap())
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.state().join(file)).unwrap()
    }

    pub(crate) fn record(&self, peer: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(&format!("peer/{peer}.json"))).unwrap()
    }

    /// The daemons that run for this world, found by their mark, by peer.
    pub(crate) fn daemons(&self) -> Vec<Daemon> {
        let mark = format!("PEERCACHE_PEER={}#", self.state().display());
        let mut found: Vec<Daemon> = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
            .filter_map(|pid: u32| {
                let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
                let text = String::from_utf8_lossy(&environ).into_owned();
                let peer = text.split('\0').find_map(|entry| entry.strip_prefix(&mark))?.to_owned();
                Some(Daemon { peer, pid })
            })
            .collect();
        found.sort();
        found
    }

    /// The detached proxies that run for this world, found by their mark.
    pub(crate) fn proxies(&self) -> Vec<u32> {
        let mark = format!("PEERCACHE_PROXY={}", self.state().display());
        let pids = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        pids.filter(|pid: &u32| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environ).split('\0').any(|entry| entry == mark)
        })
        .collect()
    }

    /// The pid of a peer's only daemon.
    pub(crate) fn pid(&self, peer: &str) -> u32 {
        let daemons = self.daemons();
        let mut ours = daemons.iter().filter(|daemon| daemon.peer == peer);
        let pid = ours.next().unwrap_or_else(|| panic!("no daemon of {peer} in {daemons:?}")).pid;
        assert!(ours.next().is_none(), "{daemons:?}");
        pid
    }

    /// `kill -9` of a peer's daemon, and until it is gone.
    pub(crate) fn kill(&self, peer: &str) -> u32 {
        let pid = self.pid(peer);
        signal(pid, Signal::KILL);
        wait_for("the daemon to be gone", || self.daemons().iter().all(|daemon| daemon.pid != pid));
        pid
    }

    /// A memcached that answers `-V` at once and serves only when [`Self::release`] was called. It waits
    /// inside the shell, so that it is one process.
    pub(crate) fn slow_memcached(&self) -> PathBuf {
        let gate = self.gate();
        self.script(&format!(
            "[ \"$1\" = -V ] && exec memcached -V\nread go < '{gate}'\nexec memcached \"$@\""
        ))
    }

    /// A named pipe: who reads it waits until somebody writes.
    pub(crate) fn gate(&self) -> String {
        let path = self.path("gate");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR | Mode::ROTH, 0).unwrap();
        path.display().to_string()
    }

    /// Lets one slow memcached begin.
    pub(crate) fn release(&self) {
        fs::write(self.path("gate"), "go\n").unwrap();
    }

    /// Lets every slow memcached begin, also those that do not wait yet, as long as what this returns is
    /// kept.
    pub(crate) fn release_all(&self) -> fs::File {
        // Open both ways, a pipe keeps what is written until somebody reads it.
        let mut gate = fs::File::options().read(true).write(true).open(self.path("gate")).unwrap();
        gate.write_all("go\n".repeat(100).as_bytes()).unwrap();
        gate
    }

    /// A shell script to stand where memcached should.
    pub(crate) fn script(&self, text: &str) -> PathBuf {
        let (text_path, path) = (self.path("memcached.txt"), self.path("memcached.sh"));
        fs::write(&text_path, format!("#!/bin/sh\nPATH=/usr/local/bin:/usr/bin:/bin\n{text}\n")).unwrap();
        copy_program(&text_path, &path);
        path
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.proxies().into_iter().for_each(|pid| signal(pid, Signal::KILL));
        // A daemon may be started by a command that is ending just now: look until none is left.
        let start = Instant::now();
        loop {
            let daemons = self.daemons();
            if daemons.is_empty() || start.elapsed() > PATIENCE {
                return;
            }
            for daemon in daemons {
                signal(daemon.pid, Signal::KILL);
            }
        }
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Exit code 1, and an error line that has all of `words`; no panic, no backtrace.
    pub(crate) fn assert_failed(&self, words: &[&str]) {
        assert_eq!(self.code, 1, "{self:?}");
        let line = self.err.lines().find(|line| line.starts_with("error: "));
        let line = line.unwrap_or_else(|| panic!("no error line: {self:?}"));
        for word in words {
            assert!(line.contains(word), "{word:?} is not in {self:?}");
        }
        assert!(!self.err.contains("panicked") && !self.err.contains("stack backtrace"), "{self:?}");
    }
}

/// A command that runs beside the test; ended when dropped.
pub(crate) struct Beside {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Beside {
    pub(crate) fn start(world: &World, mut command: Command) -> Self {
        let number = fs::read_dir(world.path("")).unwrap().count();
        let (out, err) = (world.path(&format!("out-{number}")), world.path(&format!("err-{number}")));
        command.stdout(fs::File::create(&out).unwrap()).stderr(fs::File::create(&err).unwrap());
        Self { child: command.spawn().unwrap(), out, err }
    }

    pub(crate) fn out(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }

    pub(crate) fn err(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, what: Signal) {
        signal(self.child.id(), what);
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> Ran {
        let mut status = None;
        wait_for("the command to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        Ran { code: status.unwrap().code().unwrap_or(-1), out: self.out(), err: self.err() }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // A process that is gone already is what was wanted.
    let _ = kill_process(pid, signal);
}

/// Polls until `done`, and fails the test after [`PATIENCE`].
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// Copies a program by another process: had this one ever opened the copy for writing, a child that another
/// test starts at that moment would hold it open too, and it could not be run ("text file busy").
pub(crate) fn copy_program(from: &Path, to: &Path) {
    let status = Command::new("cp").arg(from).arg(to).status().unwrap();
    assert!(status.success(), "cp ended with {status}");
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A memcached that is nobody's peer.
pub(crate) struct Stranger {
    child: Child,
    args: Vec<String>,
    pub(crate) address: String,
}

impl Stranger {
    pub(crate) fn start() -> Self {
        Self::with("-u nobody")
    }

    /// One that wants to know who asks, and finds that in a file.
    pub(crate) fn asking(file: &Path) -> Self {
        Self::with(&format!("-u root -Y {}", file.display()))
    }

    fn with(args: &str) -> Self {
        let port = free_port();
        let args = format!("-l 127.0.0.1 -p {port} -m 64 {args}");
        let args: Vec<_> = args.split(' ').map(str::to_owned).collect();
        let address = format!("127.0.0.1:{port}");
        Self { child: serve(&args, &address), args, address }
    }

    /// `kill -9`, until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was, empty, after it was killed.
    pub(crate) fn restart(&mut self) {
        self.child = serve(&self.args, &self.address);
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

fn serve(args: &[String], address: &str) -> Child {
    let mut child = Command::new("memcached").args(args).spawn().unwrap();
    wait_for("memcached to listen", || {
        // The port may still be on its way back from whoever had it before.
        if child.try_wait().unwrap().is_some() {
            child = Command::new("memcached").args(args).spawn().unwrap();
        }
        std::net::TcpStream::connect(address).is_ok()
    });
    child
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on at this moment, from the range that the system gives to clients.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn is_there(path: impl AsRef<OsStr>) -> bool {
    Path::new(&path).exists()
}
