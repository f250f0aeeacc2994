//! `proxy`: serves a network to any memcached client, in the foreground.

use super::signals::Signals;
use super::{Context, Ended, words};
use crate::fleet::Connected;
use crate::output::Failure;
use anyhow::Result;
use clap::Args;
use peercache_core::spec::NetworkName;
use peercache_server::options::UnixSocket;
use peercache_server::proxy::{Options, Proxy};
use serde_json::json;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

/// Where clients connect when nobody says otherwise; 11211 is left to a memcached of the machine.
pub(super) const LISTEN: &str = "127.0.0.1:11311";

/// Who may use the Unix socket: its owner.
const UNIX_SOCKET_MODE: u32 = 0o700;

/// Serve a network to any memcached client; Ctrl-C ends it
#[derive(Debug, Args)]
pub(super) struct ProxyCommand {
    /// The network
    network: NetworkName,
    /// Where to listen; may be given several times [default: 127.0.0.1:11311]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Vec<SocketAddr>,
    /// A Unix socket to listen on; may be given several times
    #[arg(long, value_name = "PATH")]
    unix: Vec<PathBuf>,
    /// Worker threads, each with one connection to every peer [default: 1]
    #[arg(long, value_name = "N", value_parser = words::count::<NonZeroU16>)]
    workers: Option<NonZeroU16>,
    /// Clients that may be connected at once [default: 10000]
    #[arg(long, value_name = "N", value_parser = words::count::<NonZeroU32>)]
    connections: Option<NonZeroU32>,
    /// Close connections that say nothing for so long [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = words::count::<NonZeroU32>)]
    idle_timeout: Option<NonZeroU32>,
    /// Listen on addresses that other machines reach, where anybody can read and change everything
    #[arg(long)]
    insecure: bool,
    /// Answer `cache_memlimit`, which other people's test suites send
    #[arg(long)]
    admin_commands: bool,
    /// Refuse `flush_all`
    #[arg(long)]
    no_flush_all: bool,
}

impl ProxyCommand {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let mut signals = Signals::install()?;
        let options = self.options()?;
        let Connected { client, network } = context.connect(&self.network)?;
        let proxy = Proxy::bind(client.network().clone(), options)?;
        let addresses: Vec<_> = proxy.addresses().iter().map(ToString::to_string).collect();
        let unix: Vec<_> = self.unix.iter().map(|path| path.display().to_string()).collect();
        let listen = [addresses, unix].concat();
        let document = json!({
            "network": network.name.as_str(),
            "listen": listen,
            "pid": std::process::id(),
        });
        context.output.result(&document, || {
            format!("network {} is served on {}; Ctrl-C ends it\n", network.name, listen.join(", "))
        })?;
        proxy.serve(signals.next()).await?;
        Ok(Ended::Done)
    }

    fn options(&self) -> Result<Options> {
        let mut listen = self.listen.clone();
        if listen.is_empty() && self.unix.is_empty() {
            listen.push(LISTEN.parse()?);
        }
        if let Some(address) = listen.iter().find(|address| !address.ip().is_loopback() && !self.insecure) {
            return Err(Failure::new(
                format!(
                    "{address} can be reached from other machines, and the proxy asks nobody who they are"
                ),
                "listen on 127.0.0.1, or add --insecure if the network around it is yours",
            )
            .into());
        }
        let socket = |path: &PathBuf| UnixSocket { path: path.clone(), mode: UNIX_SOCKET_MODE };
        let defaults = Options::default();
        Ok(Options {
            listen,
            unix_sockets: self.unix.iter().map(socket).collect(),
            workers: self.workers.map_or(defaults.workers, Into::into),
            connections_max: match self.connections {
                Some(count) => count.try_into()?,
                None => defaults.connections_max,
            },
            idle_timeout: self.idle_timeout.map(|seconds| Duration::from_secs(seconds.get().into())),
            admin_commands: self.admin_commands,
            flush_all: !self.no_flush_all,
            pending_flush: None,
        })
    }
}
