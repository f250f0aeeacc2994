//! Daemons that a step starts for itself: memcached, ours, and others to compare with. All on loopback, on
//! free ports, gone when their guard is dropped.
//!
//! It refuses to hand out a daemon that does not listen yet, or that is another process's.

mod memcached;
mod nutcracker;
mod ours;

pub(crate) use memcached::{memcached, memcached_with};
pub(crate) use nutcracker::nutcracker;
pub(crate) use ours::{Proxy, embedded, proxy};

use crate::tools::cannot;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a daemon may take until it listens, on a machine that is busy with builds.
const START_MAX: Duration = Duration::from_secs(30);

/// Between two looks at something that takes time.
const LOOK: Duration = Duration::from_millis(10);

/// A running process that listens on [`Daemon::address`]; dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Daemon {
    /// Starts `command`, which is to listen on `address`, and waits until it does. What it prints goes to a
    /// file in `folder`.
    pub(crate) fn start(command: &mut Command, address: SocketAddr, folder: &Path) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let path = folder.join(format!("{}-{}.log", address.port(), file_name(&name)));
        let log = File::create(&path).map_err(|error| cannot("create", &path, &error))?;
        let errors = log.try_clone().map_err(|error| cannot("share", &path, &error))?;
        let command = command.stdin(Stdio::null()).stdout(log).stderr(errors).current_dir(folder);
        let child = command.spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
        let mut daemon = Self { child, address };
        let deadline = Instant::now() + START_MAX;
        loop {
            let listens = TcpStream::connect(address).is_ok();
            // Asked after the connection: a process that lost its port to another one has ended by then.
            if let Some(status) = daemon.child.try_wait().map_err(|error| format!("{name}: {error}"))? {
                return Err(format!("{name} ended with {status}: {}", tail(&path)));
            }
            if listens {
                return Ok(daemon);
            }
            if Instant::now() > deadline {
                return Err(format!("{name} does not listen on {address}: {}", tail(&path)));
            }
            thread::sleep(LOOK);
        }
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Neither fails for a child that has not been waited for, and a guard has nobody to tell.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address on loopback that nobody uses at this moment.
pub(crate) fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    listener.and_then(|listener| listener.local_addr()).map_err(|error| format!("no free port: {error}"))
}

/// Runs a program to its end, what it prints going to a file in `folder` that is returned with its success.
/// Past the limit of time it is ended, which is an error.
pub(crate) fn run_within(
    limit: Duration,
    command: &mut Command,
    folder: &Path,
) -> Result<(bool, String), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let path = folder.join(format!("{}.out", file_name(&name)));
    let output = File::create(&path).map_err(|error| cannot("create", &path, &error))?;
    let errors = output.try_clone().map_err(|error| cannot("share", &path, &error))?;
    let command = command.stdin(Stdio::null()).stdout(output).stderr(errors).current_dir(folder);
    let mut child = command.spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                let text = fs::read(&path).map_err(|error| cannot("read", &path, &error))?;
                return Ok((status.success(), String::from_utf8_lossy(&text).into_owned()));
            }
            Ok(None) if Instant::now() < deadline => thread::sleep(LOOK),
            Ok(None) => {
                drop(child.kill());
                drop(child.wait());
                return Err(format!("{name} took longer than {} s: {}", limit.as_secs(), tail(&path)));
            }
            Err(error) => return Err(format!("{name}: {error}")),
        }
    }
}

fn file_name(program: &str) -> String {
    let name = Path::new(program).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The end of a log, for an error.
fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        "it printed nothing".to_string()
    } else {
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

/// Where cargo builds: `CARGO_TARGET_DIR`, else `target`.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    let set = std::env::var_os("CARGO_TARGET_DIR");
    root.join(set.map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_daemon_that_ends_at_once_is_an_error_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address().unwrap();
        let why = Daemon::start(&mut sh("echo no luck; exit 3"), address, folder.path()).unwrap_err();
        assert!(why.contains("exit status: 3") && why.contains("no luck"), "{why}");
    }

    #[test]
    fn what_a_program_prints_comes_back_with_its_success() {
        let folder = tempfile::tempdir().unwrap();
        let run = |script| run_within(START_MAX, &mut sh(script), folder.path());
        assert_eq!(run("echo a; echo b >&2"), Ok((true, "a\nb\n".to_string())));
        assert_eq!(run("exit 1"), Ok((false, String::new())));
    }

    #[test]
    fn a_program_past_its_time_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let why = run_within(Duration::ZERO, &mut sh("exec sleep 60"), folder.path()).unwrap_err();
        assert!(why.contains("longer than 0 s"), "{why}");
    }
}
