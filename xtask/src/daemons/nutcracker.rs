//! nutcracker (twemproxy), the proxy that is most used: what a proxy of ours is held against.

use super::{Daemon, free_address};
use crate::tools::{cannot, nutcracker_program};
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Starts one over the given peers, placed by ketama over fnv1a_64 as its manual recommends, with one
/// connection to each peer, its default, and nothing in its log.
pub(crate) fn nutcracker(peers: &[SocketAddr], folder: &Path) -> Result<Daemon, String> {
    let (address, statistics) = (free_address()?, free_address()?);
    let path = folder.join(format!("nutcracker-{}.yml", address.port()));
    let mut text = format!(
        "bench:\n  listen: {address}\n  hash: fnv1a_64\n  distribution: ketama\n  auto_eject_hosts: false\n  \
         timeout: 5000\n  backlog: 1024\n  server_connections: 1\n  servers:\n"
    );
    for (index, peer) in peers.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "   - {peer}:1 p{index}");
    }
    fs::write(&path, text).map_err(|error| cannot("write", &path, &error))?;
    let mut command = Command::new(nutcracker_program()?);
    command.args(["-o", "/dev/null", "-v", "0", "-a", "127.0.0.1", "-i", "60000", "-c"]).arg(path);
    command.arg("-s").arg(statistics.port().to_string()).arg("-p");
    Daemon::start(command.arg(folder.join("nutcracker.pid")), address, folder)
}
