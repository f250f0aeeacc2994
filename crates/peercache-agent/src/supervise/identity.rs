//! Who a process is, in a form that can be written down.
//!
//! A pid is reused after a while; the pid together with the time the process started and the boot it started
//! in is not. [`Process::open`](super::Process::open) compares all three before it lets anybody signal.

use super::linux::proc;
use serde::{Deserialize, Serialize};
use std::io;

/// A process that was alive once, told apart from every other one, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Its pid. Alone it identifies nothing.
    pub pid: u32,
    /// When it started, in clock ticks (usually 10 ms) since boot.
    pub start_ticks: u64,
    /// The kernel's name for the boot in which it ran.
    pub boot_id: String,
}

impl ProcessIdentity {
    /// The identity of the process that has `pid` now; `None` when there is none or only a zombie.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn of(pid: u32) -> io::Result<Option<Self>> {
        match proc::stat(pid)? {
            Some(stat) if !stat.is_dead() => Self::with_start(pid, stat.start_ticks).map(Some),
            _ => Ok(None),
        }
    }

    /// The identity of our own child, which may have ended already: until it is reaped, its pid is its own.
    pub(super) fn of_child(pid: u32) -> io::Result<Self> {
        let stat = proc::stat(pid)?.ok_or(io::ErrorKind::NotFound)?;
        Self::with_start(pid, stat.start_ticks)
    }

    fn with_start(pid: u32, start_ticks: u64) -> io::Result<Self> {
        Ok(Self { pid, start_ticks, boot_id: proc::boot_id()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process;

    #[test]
    fn this_process_is_itself_every_time() {
        let identity = ProcessIdentity::of(process::id()).unwrap().expect("this process runs");
        assert_eq!(identity.pid, process::id());
        assert_eq!(identity.boot_id.len(), 36, "{}", identity.boot_id);
        assert_eq!(ProcessIdentity::of(process::id()).unwrap(), Some(identity));
    }

    #[test]
    fn nobody_has_the_pids_that_the_kernel_never_gives() {
        assert_eq!(ProcessIdentity::of(0).unwrap(), None);
        assert_eq!(ProcessIdentity::of(u32::MAX).unwrap(), None);
    }
}
