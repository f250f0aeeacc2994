//! `proxy`: serves a network to any memcached client, in the foreground.

use super::signals::Signals;
use super::{Context, Ended, words};
use crate::fleet::{ServeWish, Serving};
use crate::output::Failure;
use crate::settings::ProxySettings;
use crate::state::ProxyRecord;
use anyhow::Result;
use clap::Args;
use peercache_core::spec::NetworkName;
use peercache_server::Passwords;
use peercache_server::options::UnixSocket;
use peercache_server::proxy::Options;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Who may use the Unix socket: its owner.
const UNIX_SOCKET_MODE: u32 = 0o700;

/// Serve a network to any memcached client; Ctrl-C ends it
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct ProxyCommand {
    /// The network
    network: NetworkName,
    /// Where to listen; may be given several times [default: the setting listen, 127.0.0.1:11311]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Vec<SocketAddr>,
    /// A Unix socket to listen on; may be given several times
    #[arg(long, value_name = "PATH")]
    unix: Vec<PathBuf>,
    /// Worker threads, each with one connection to every peer [default: the setting proxy_workers, 1]
    #[arg(long, value_name = "N", value_parser = words::count::<NonZeroU16>)]
    workers: Option<NonZeroU16>,
    /// Clients that may be connected at once [default: the setting connections_max, 10000]
    #[arg(long, value_name = "N", value_parser = words::count::<NonZeroU32>)]
    connections: Option<NonZeroU32>,
    /// Close connections that say nothing for so long [default: the setting idle_timeout_s, never]
    #[arg(long, value_name = "SECONDS", value_parser = words::count::<NonZeroU32>)]
    idle_timeout: Option<NonZeroU32>,
    /// Where metrics are shown to Prometheus, at /metrics [default: the setting metrics, nowhere]
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<SocketAddr>,
    /// Serve only clients that name a user and a password of this file, a user:password on each line
    #[arg(long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Listen on addresses that other machines reach, where anybody can read and change everything
    #[arg(long)]
    insecure: bool,
    /// Answer `cache_memlimit`, which other people's test suites send
    #[arg(long)]
    admin_commands: bool,
    /// Refuse `flush_all`
    #[arg(long)]
    no_flush_all: bool,
    /// An `up` that does not stay started it, and `down` will stop it
    #[arg(long, hide = true)]
    left_by_up: bool,
}

impl ProxyCommand {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let mut signals = Signals::install()?;
        let (state, settings) = (&context.state, &context.settings);
        let wish = ServeWish {
            options: self.options(&settings.proxy)?,
            metrics: self.metrics.or(settings.proxy.metrics),
            left_by_up: self.left_by_up,
        };
        if let Some(metrics) = wish.metrics.filter(|_| !self.insecure) {
            refuse_unless_local(&metrics)?;
        }
        let serving = tokio::select! {
            serving = Serving::open(state, settings, &self.network, wish) => serving?,
            () = signals.next() => return Ok(Ended::Done),
        };
        let record = &serving.record;
        context.output.result(record, || {
            let metrics = metrics_line(record);
            let listen = record.listen.join(", ");
            format!("{metrics}network {} is served on {listen}; Ctrl-C ends it\n", self.network)
        })?;
        serving.serve(signals.next()).await?;
        Ok(Ended::Done)
    }

    fn options(&self, settings: &ProxySettings) -> Result<Options> {
        let mut listen = self.listen.clone();
        if listen.is_empty() && self.unix.is_empty() {
            listen.push(settings.listen);
        }
        if !self.insecure && self.auth_file.is_none() {
            listen.iter().try_for_each(refuse_unless_local)?;
        }
        let socket = |path: &PathBuf| UnixSocket { path: path.clone(), mode: UNIX_SOCKET_MODE };
        let options = options(settings, listen)?;
        Ok(Options {
            unix_sockets: self.unix.iter().map(socket).collect(),
            workers: self.workers.map_or(options.workers, Into::into),
            connections_max: match self.connections {
                Some(count) => count.try_into()?,
                None => options.connections_max,
            },
            idle_timeout: self.idle_timeout.map(seconds).or(options.idle_timeout),
            passwords: match &self.auth_file {
                Some(path) => Some(Arc::new(Passwords::read(path)?)),
                None => None,
            },
            admin_commands: self.admin_commands,
            flush_all: !self.no_flush_all,
            ..options
        })
    }
}

/// Where its metrics are, for people; nothing where there are none.
pub(super) fn metrics_line(proxy: &ProxyRecord) -> String {
    proxy.metrics.iter().map(|at| format!("metrics are at http://{at}/metrics\n")).collect()
}

/// A proxy as the settings want it.
pub(super) fn options(settings: &ProxySettings, listen: Vec<SocketAddr>) -> Result<Options> {
    Ok(Options {
        listen,
        workers: settings.workers.into(),
        connections_max: settings.connections_max.try_into()?,
        idle_timeout: settings.idle_timeout_s.map(seconds),
        ..Options::default()
    })
}

fn seconds(count: NonZeroU32) -> Duration {
    Duration::from_secs(count.get().into())
}

/// Refuses an address that more than this machine can reach.
pub(super) fn refuse_unless_local(address: &SocketAddr) -> Result<()> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    let sentence =
        format!("{address} can be reached from other machines, and the proxy asks nobody who they are");
    let hint = "listen on 127.0.0.1, or give `peercache proxy` an --auth-file, or --insecure if the network \
                around it is yours";
    Err(Failure::new(sentence, hint).into())
}
