//! A handle that means one process for as long as it is held, whatever becomes of its pid (Linux 5.3).
//!
//! It becomes readable when the process ends, also when nobody has reaped it: a zombie counts as ended. That
//! matters in containers whose first process never reaps.

use crate::supervise::process::Exit;
use crate::supervise::wait;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};
use std::io;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// One process, alive or ended.
#[derive(Debug)]
pub(crate) struct PidFd(OwnedFd);

impl PidFd {
    /// The process that has `pid` now; `None` when there is none, or when the number belongs to a thread.
    pub(crate) fn open(pid: u32) -> io::Result<Option<Self>> {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return Ok(None);
        };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(Self(fd))),
            // Without flags, the kernel's EINVAL and ENOENT mean: a thread has this number, not a process.
            Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends `signal`. A process that is gone already is not an error: [`PidFd::wait`] will say so.
    pub(crate) fn send(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.0, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Blocks until the process has ended, for at most `within`; says whether it has.
    pub(crate) fn wait(&self, within: Duration) -> io::Result<bool> {
        wait::readable(&self.0, within)
    }

    /// Returns when the process has ended. Needs a tokio runtime with IO around it.
    #[allow(
        deprecated,
        reason = "tokio's only constructor without `unsafe`; deprecated for types whose descriptor may \
                  change or close early, which the borrow of an owned descriptor cannot"
    )]
    pub(crate) async fn ended(&self) -> io::Result<()> {
        let fd = AsyncFd::with_interest(self.0.as_fd(), Interest::READABLE)?;
        fd.readable().await.map(|_| ())
    }

    /// How an ended process ended. Only its parent is told, and only once; telling the parent is what frees
    /// the zombie.
    pub(crate) fn reap(&self) -> Exit {
        let ended = waitid(WaitId::PidFd(self.0.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        let Ok(Some(status)) = ended else {
            return Exit::Unknown;
        };
        let code = status.exit_status().map(Exit::Code);
        code.or_else(|| status.terminating_signal().map(Exit::Signal)).unwrap_or(Exit::Unknown)
    }
}
