//! A memcached of one's own.

use super::{Daemon, free_address};
use crate::tools::{answer, memcached_program};
use std::path::Path;
use std::process::Command;

/// Starts one with a single worker thread and 64 MiB, which is what every comparison gives a peer.
pub(crate) fn memcached(folder: &Path) -> Result<Daemon, String> {
    memcached_with(folder, &[])
}

/// The same, with more options.
pub(crate) fn memcached_with(folder: &Path, options: &[&str]) -> Result<Daemon, String> {
    let address = free_address()?;
    let mut command = Command::new(memcached_program()?);
    command.args(["-l", "127.0.0.1", "-U", "0", "-m", "64", "-t", "1", "-c", "4096"]).args(options);
    // It refuses to run as root, and takes another user's name only from root.
    if answer(Path::new("id"), "-u").as_deref() == Some("0") {
        command.args(["-u", "nobody"]);
    }
    Daemon::start(command.arg("-p").arg(address.port().to_string()), address, folder)
}
