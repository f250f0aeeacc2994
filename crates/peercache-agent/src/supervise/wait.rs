//! Waits for a descriptor, with a limit: a pidfd whose process ends, a pipe with something to read.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::io::Errno;
use std::io;
use std::time::{Duration, Instant};

/// Blocks until `fd` has something to say (its end counts), for at most `within`; says whether it has.
pub(super) fn readable(fd: &impl AsFd, within: Duration) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        // A limit too long for the kernel's clock is as good as none.
        let left = Timespec::try_from(within.saturating_sub(start.elapsed())).ok();
        match poll(&mut [PollFd::new(fd, PollFlags::IN)], left.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
