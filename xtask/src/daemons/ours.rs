//! What peercache itself serves: the embedded engine, and a proxy in front of a network.

use super::{Daemon, free_address};
use crate::run::quietly;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// The name of the one network behind a proxy.
const NETWORK: &str = "xtask";

/// How a proxy is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proxy<'a> {
    /// The addresses of its peers, which somebody else keeps running.
    pub(crate) peers: &'a [SocketAddr],
    /// Copies of each key.
    pub(crate) copies: usize,
    /// How it places keys, in words of `network create`; none for the default.
    pub(crate) hash: Option<&'a str>,
    /// Further flags of `peercache proxy`.
    pub(crate) flags: &'a [&'a str],
    /// The program that watches it, and that one's flags; none for nobody.
    pub(crate) under: &'a [&'a str],
}

impl<'a> Proxy<'a> {
    /// One in front of these peers that is as it comes.
    pub(crate) fn over(peers: &'a [SocketAddr], copies: usize) -> Self {
        Self { peers, copies, hash: None, flags: &[], under: &[] }
    }
}

/// Starts the embedded engine of the program `peercache`, with 64 MiB if the flags say nothing else.
pub(crate) fn embedded(peercache: &Path, flags: &[&str], folder: &Path) -> Result<Daemon, String> {
    let address = free_address()?;
    let mut command = Command::new(peercache);
    command.args(["engine", "-l", "127.0.0.1", "-p"]).arg(address.port().to_string()).args(flags);
    Daemon::start(&mut command, address, folder)
}

/// Starts a proxy with one worker, over a network of its own whose state is kept in `folder`.
pub(crate) fn proxy(peercache: &Path, proxy: Proxy<'_>, folder: &Path) -> Result<Daemon, String> {
    let address = free_address()?;
    let state = folder.join(format!("state-{}", address.port()));
    let ours = |args: &[&str]| {
        let mut command = Command::new(peercache);
        command.arg("--state-dir").arg(&state).args(args).current_dir(folder);
        command
    };
    let ids: Vec<String> = (0..proxy.peers.len()).map(|index| format!("p{index}")).collect();
    for (id, peer) in ids.iter().zip(proxy.peers) {
        quietly(&mut ours(&["peer", "attach", id, &peer.to_string()]))?;
    }
    let mut create = ours(&["network", "create", NETWORK, "--replication", &proxy.copies.to_string()]);
    create.args(proxy.hash.map(|hash| ["--hash", hash]).into_iter().flatten());
    quietly(&mut create)?;
    quietly(ours(&["network", "add", NETWORK]).args(&ids))?;
    let served = ours(&["proxy", NETWORK, "--workers", "1", "--listen", &address.to_string()]);
    let words = proxy.under.iter().map(OsStr::new).chain([served.get_program()]).chain(served.get_args());
    let words: Vec<&OsStr> = words.collect();
    let mut command = Command::new(words[0]);
    Daemon::start(command.args(&words[1..]).args(proxy.flags), address, folder)
}
