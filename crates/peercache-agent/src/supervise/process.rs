//! A running daemon that we hold on to: is it alive, how did it end, end it.
//!
//! A [`Process`] exists only when its identity was compared *after* the handle on it was opened, so all that
//! is done through it reaches that process or nobody. It is not tied to being the parent: any later command
//! may open a daemon again. Dropping a `Process` leaves the daemon alone.

use super::identity::ProcessIdentity;
use super::linux::pidfd::PidFd;
use rustix::process::Signal;
use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;
use thiserror::Error;

/// How long a process may take to vanish after SIGKILL. It takes longer only inside the kernel (a dead disk,
/// a debugger); then waiting more does not help.
const KILL_WAIT: Duration = Duration::from_secs(10);

/// One process, alive or ended.
#[derive(Debug)]
pub struct Process {
    identity: ProcessIdentity,
    pidfd: PidFd,
    /// The parent is told how a child ended only once; this remembers it.
    exit: OnceLock<Exit>,
}

impl Process {
    /// Takes hold of the process that `identity` describes; `None` when it has ended or its pid now belongs
    /// to another process.
    ///
    /// # Errors
    /// [`OpenError`] when the operating system does not say. Nothing was signalled.
    pub fn open(identity: &ProcessIdentity) -> Result<Option<Self>, OpenError> {
        let failed = |source| OpenError { pid: identity.pid, source };
        // The order matters. Opened first, the handle belongs to whoever has the pid now; when that one's
        // identity then matches, it is the one we look for, and from here on it cannot become another.
        let Some(pidfd) = PidFd::open(identity.pid).map_err(failed)? else {
            return Ok(None);
        };
        let same = ProcessIdentity::of(identity.pid).map_err(failed)?.as_ref() == Some(identity);
        Ok(same.then(|| Self::new(identity.clone(), pidfd)))
    }

    /// Takes hold of a child that nobody has reaped: its pid cannot have been reused, even if it has ended.
    pub(super) fn of_child(pid: u32) -> io::Result<Self> {
        let pidfd = PidFd::open(pid)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(Self::new(ProcessIdentity::of_child(pid)?, pidfd))
    }

    fn new(identity: ProcessIdentity, pidfd: PidFd) -> Self {
        Self { identity, pidfd, exit: OnceLock::new() }
    }

    /// Who it is, to be written down.
    #[must_use]
    pub fn identity(&self) -> &ProcessIdentity {
        &self.identity
    }

    /// Its pid, to be shown.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.identity.pid
    }

    /// Whether it still runs. A zombie does not.
    ///
    /// # Errors
    /// [`WatchError`] when the operating system does not say.
    pub fn is_alive(&self) -> Result<bool, WatchError> {
        Ok(self.wait_exit(Duration::ZERO)?.is_none())
    }

    /// Blocks until it has ended, for at most `within`; `None` when it still runs.
    ///
    /// # Errors
    /// [`WatchError`] when the operating system does not say.
    pub fn wait_exit(&self, within: Duration) -> Result<Option<Exit>, WatchError> {
        let ended = self.pidfd.wait(within).map_err(|source| self.unwatched(source))?;
        Ok(ended.then(|| self.reap()))
    }

    /// Returns when it has ended, without polling for it.
    ///
    /// # Panics
    /// Outside a tokio runtime with IO switched on, like all of tokio's sockets.
    ///
    /// # Errors
    /// [`WatchError`] when the operating system does not say.
    pub async fn exited(&self) -> Result<Exit, WatchError> {
        self.pidfd.ended().await.map_err(|source| self.unwatched(source))?;
        Ok(self.reap())
    }

    /// Ends it and blocks until it is gone: SIGTERM, then SIGKILL when `grace` has passed. Its ports are free
    /// when this returns.
    ///
    /// # Errors
    /// [`StopError`] says why it still runs.
    pub fn stop(&self, grace: Duration) -> Result<Stopped, StopError> {
        if self.wait_exit(Duration::ZERO)?.is_some() {
            return Ok(Stopped::AlreadyGone);
        }
        self.signal(Signal::TERM)?;
        if self.wait_exit(grace)?.is_some() {
            return Ok(Stopped::Gracefully);
        }
        self.signal(Signal::KILL)?;
        match self.wait_exit(KILL_WAIT)? {
            Some(_) => Ok(Stopped::Killed),
            None => Err(StopError::StillThere { pid: self.pid() }),
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), StopError> {
        self.pidfd.send(signal).map_err(|source| StopError::Signal { pid: self.pid(), source })
    }

    fn reap(&self) -> Exit {
        *self.exit.get_or_init(|| self.pidfd.reap())
    }

    fn unwatched(&self, source: io::Error) -> WatchError {
        WatchError { pid: self.pid(), source }
    }
}

/// How [`Process::stop`] went. The process is gone in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It ended by itself after SIGTERM.
    Gracefully,
    /// It outlived its grace period and got SIGKILL.
    Killed,
    /// It had ended before.
    AlreadyGone,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gracefully => "stopped",
            Self::Killed => "killed, as it did not stop when asked",
            Self::AlreadyGone => "was not running",
        })
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Not told: only the process that started it is.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "was killed by signal {signal}"),
            Self::Unknown => f.write_str("has ended"),
        }
    }
}

/// Why a process could not be taken hold of. Nothing was done to it.
#[derive(Debug, Error)]
#[error(
    "the operating system does not say whether process {pid} is ours (Linux 5.3 or newer is needed): {source}"
)]
pub struct OpenError {
    /// The pid that was asked about.
    pub pid: u32,
    /// What the operating system said.
    pub source: io::Error,
}

/// Why it is unknown whether a process runs. Nothing was done to it.
#[derive(Debug, Error)]
#[error("the operating system does not say whether process {pid} still runs: {source}")]
pub struct WatchError {
    /// The process.
    pub pid: u32,
    /// What the operating system said.
    pub source: io::Error,
}

/// Why a process could not be stopped. It may still run.
#[derive(Debug, Error)]
pub enum StopError {
    /// It may not be signalled.
    #[error("process {pid} could not be signalled and still runs; it may belong to another user: {source}")]
    Signal {
        /// The process.
        pid: u32,
        /// What the operating system said.
        source: io::Error,
    },
    /// It was signalled, but nobody knows what came of it.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// SIGKILL did not end it.
    #[error(
        "process {pid} is still there {} s after SIGKILL: \
         it is stuck inside the kernel or held by a debugger",
        KILL_WAIT.as_secs()
    )]
    StillThere {
        /// The process.
        pid: u32,
    },
}
