//! Starts a daemon that outlives its starter.
//!
//! The daemon gets nothing of ours but a log to write to: no terminal, no working directory to keep busy, no
//! environment apart from its [`Marker`]. Daemons' own ways to detach are never used: they fork away from the
//! pid that we hold.

use super::log::LogMark;
use super::marker::Marker;
use super::process::Process;
use rustix::fs::OFlags;
use std::env;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use thiserror::Error;

/// The one variable handed on: a memcached built by hand may find its libraries only through it.
const KEPT_VARIABLE: &str = "LD_LIBRARY_PATH";

/// What to start.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program, as an absolute path: the daemon's working directory is `/`.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Where its output is appended; created with mode 0600 in a folder that exists.
    pub log_path: PathBuf,
    /// Whose daemon it is.
    pub marker: Marker,
}

/// A daemon that runs, ready or not.
#[derive(Debug)]
pub struct Launched {
    /// The process; its identity is what the caller writes down.
    pub process: Process,
    /// Where its words begin.
    pub log: LogMark,
}

/// Starts a daemon and returns at once: [`wait_ready`](super::wait_ready) says when it serves.
///
/// # Errors
/// [`SpawnError`]; nothing is left running then, unless it says so.
pub fn spawn(launch: &Launch) -> Result<Launched, SpawnError> {
    let no_log = |source| SpawnError::Log { path: launch.log_path.clone(), source };
    let output = open_log(&launch.log_path).map_err(no_log)?;
    let errors = output.try_clone().map_err(no_log)?;
    let log = LogMark::end_of(&launch.log_path);
    let mut command = command(launch);
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    let no_program = |source| SpawnError::Program { path: launch.program.clone(), source };
    let child = command.spawn().map_err(no_program)?;
    // `Child` is dropped on purpose: std leaves a dropped child alone, and `Process` reaps it.
    match Process::of_child(child.id()) {
        Ok(process) => Ok(Launched { process, log }),
        Err(source) => Err(abandon(child, source)),
    }
}

fn command(launch: &Launch) -> Command {
    let mut command = Command::new(&launch.program);
    command.args(&launch.args).current_dir("/").env_clear().env(Marker::VARIABLE, launch.marker.as_os_str());
    if let Some(value) = env::var_os(KEPT_VARIABLE) {
        command.env(KEPT_VARIABLE, value);
    }
    // A process group of its own keeps Ctrl-C and the terminal's hang-up, which go to the foreground group,
    // away from the daemon. A session of its own (setsid) would add only that no terminal can ever become its
    // controlling one, which a daemon without an open terminal does not meet, and costs unsafe code.
    command.process_group(0);
    command
}

fn open_log(path: &Path) -> io::Result<File> {
    // What a daemon prints may show keys; that is nobody else's business, and it goes to no file that
    // somebody else put a link to.
    let no_links = OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(no_links).open(path)
}

/// A process that we cannot hold on to must not stay behind.
fn abandon(mut child: Child, source: io::Error) -> SpawnError {
    let pid = child.id();
    let ended = child.kill().and_then(|()| child.wait());
    match ended {
        Ok(_) => SpawnError::Identity { pid, source },
        Err(unkilled) => SpawnError::LeftRunning { pid, source: unkilled },
    }
}

/// Why no daemon was started.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// Its log could not be opened. Nothing was started.
    #[error("the log {} cannot be written, so nothing was started: {source}", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The program could not be run. Nothing was started.
    #[error("{} cannot be run: {source}", path.display())]
    Program {
        /// The program.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It was started, but the operating system did not say who it is, so it was ended again.
    #[error("the daemon (process {pid}) could not be identified and was ended again: {source}")]
    Identity {
        /// Its pid.
        pid: u32,
        /// What the operating system said.
        source: io::Error,
    },
    /// As [`SpawnError::Identity`], and it could not even be ended.
    #[error("the daemon (process {pid}) could not be identified nor ended; end it by hand: {source}")]
    LeftRunning {
        /// Its pid.
        pid: u32,
        /// What the operating system said.
        source: io::Error,
    },
}
