//! `up`: peers, a network and a proxy in one go, until Ctrl-C.
//!
//! It stops what it started, at whatever moment it is interrupted, and removes nothing: the next `up` takes
//! the same ids. Two at once on one state directory: the second is refused, by the network's record.

mod prepare;
mod served;
mod watch;

use super::proxy::{metrics_line, refuse_unless_local};
use super::signals::Signals;
use super::words::{self, EngineWish};
use super::{Context, Ended};
use crate::fleet::{Engines, Interrupted, StartWish, Started, start_all, stop_all};
use crate::output::{Failure, WithHint, print_error};
use crate::state::{NetworkRecord, ProxyRecord};
use anyhow::{Error, Result};
use clap::Args;
use peercache_agent::supervise::Choice;
use peercache_core::spec::{PeerId, Replication};
use prepare::Prepared;
use serde_json::json;
use served::{Doors, Served};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::num::{NonZeroU16, NonZeroU32};

/// The network that `up` makes.
pub(super) const NETWORK: &str = "main";

/// Start peers, a network over them and a proxy for it; Ctrl-C stops them all
#[derive(Debug, Args)]
pub(super) struct Up {
    /// How many peers [default: 4]
    #[arg(long, value_name = "N", value_parser = words::count::<NonZeroU16>)]
    peers: Option<NonZeroU16>,
    /// Copies of each key, on different peers [default: 2]
    #[arg(long, short = 'r', value_name = "R")]
    replication: Option<Replication>,
    #[arg(long, help = words::engine_help("auto"))]
    engine: Option<EngineWish>,
    /// Memory for items of each peer, in MiB [default: 64]
    #[arg(long, value_name = "MB", value_parser = words::count::<NonZeroU32>)]
    memory: Option<NonZeroU32>,
    /// Where memcached clients connect [default: the setting listen, 127.0.0.1:11311]
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "no_proxy")]
    listen: Option<SocketAddr>,
    /// Where the proxy's metrics are shown to Prometheus, at /metrics [default: the setting metrics, nowhere]
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "no_proxy")]
    metrics: Option<SocketAddr>,
    /// Peers and a network only
    #[arg(long)]
    no_proxy: bool,
    /// Return when everything runs; `peercache down` stops it
    #[arg(long)]
    detach: bool,
}

impl Up {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        // Before anything is started, so that there is no moment at which a Ctrl-C would leave a daemon
        // behind.
        let mut signals = Signals::install()?;
        Prepared::refuse_if_up(context)?;
        let doors = self.doors(context)?;
        let choice = Engines::new()?.find(self.engine.unwrap_or(context.settings.engine))?;
        let prepared = Prepared::write(context, self.count(context), self.replication)?;
        context.output.say(format_args!("engine: {}", choice.why));
        let wish = self.wish(context, &choice);
        let wishes = prepared.ids.iter().map(|id| (id.clone(), wish.clone()));
        let results = start_all(&context.state, wishes, signals.next()).await;
        let (started, failed) = sort_out(results);
        let brought_up = match failed {
            None => self.bring_up(context, &prepared, doors).await,
            Some(error) => Err(error),
        };
        let ids = ids_of(&started);
        let (network, served) = match brought_up {
            Ok(up) => up,
            Err(error) => return Err(give_up(context, &prepared, &ids, error).await),
        };
        let announced = announce(context, &choice, &network, &started, (served.record(), self.detach));
        if let Err(error) = announced.hint(|| "send its output elsewhere; what it started is stopped".into())
        {
            // Nobody would know what runs, and where.
            if let Err(error) = served.end(context).await {
                print_error(&error);
            }
            return Err(give_up(context, &prepared, &ids, error).await);
        }
        if self.detach {
            return Ok(Ended::Done);
        }
        let ended = served.serve_while(watch::until_interrupted(context, started, &mut signals)).await;
        let all_stopped = stop_started(context, &ids).await;
        prepared.release(context)?;
        Ok(Ended::done_if(ended? == Ended::Done && all_stopped))
    }

    /// Where to serve, if at all. A port that is taken is found before anything is started.
    fn doors(&self, context: &Context) -> Result<Option<Doors>> {
        if self.no_proxy {
            return Ok(None);
        }
        let settings = &context.settings.proxy;
        let listen = self.listen.unwrap_or(settings.listen);
        refuse_unless_free(&listen, "--listen takes another address for the proxy, --no-proxy none")?;
        let metrics = self.metrics.or(settings.metrics);
        if let Some(metrics) = &metrics {
            refuse_unless_free(metrics, "--metrics takes another address")?;
        }
        Ok(Some(Doors { listen, metrics }))
    }

    /// The peers run: they are the network now, and it is served.
    async fn bring_up<'a>(
        &self,
        context: &'a Context,
        prepared: &Prepared,
        doors: Option<Doors>,
    ) -> Result<(NetworkRecord, Served<'a>)> {
        let network = prepared.finish(context, !self.detach)?;
        let served = Served::begin(context, &network.name, doors, self.detach).await?;
        Ok((network, served))
    }

    fn count(&self, context: &Context) -> u16 {
        self.peers.unwrap_or(context.settings.peers).get()
    }

    fn wish(&self, context: &Context, choice: &Choice) -> StartWish {
        let memory = self.memory.unwrap_or(context.settings.memory_mb);
        StartWish {
            choice: choice.clone(),
            memory_mb: Some(memory),
            memory_mb_default: memory,
            port: None,
            weight: None,
            auth_file: None,
        }
    }
}

/// Refuses an address that other machines reach, or that somebody listens on already.
fn refuse_unless_free(address: &SocketAddr, hint: &str) -> Result<()> {
    refuse_unless_local(address)?;
    TcpListener::bind(address).map(drop).map_err(|error| {
        let sentence = match error.kind() {
            ErrorKind::AddrInUse => format!("{address} is in use by another program"),
            _ => format!("cannot listen on {address}: {error}"),
        };
        Failure::new(sentence, hint).into()
    })
}

/// Those that run, and why not all do; all reasons but the one that is returned are said here.
fn sort_out(results: Vec<(PeerId, Result<Started>)>) -> (Vec<Started>, Option<Error>) {
    let (mut started, mut failed) = (Vec::new(), None);
    for (id, result) in results {
        match result {
            Ok(one) => started.push(one),
            Err(error) if error.is::<Interrupted>() => {
                let interrupted = Failure::new("interrupted while it started", "nothing is left running");
                failed.get_or_insert(interrupted.into());
            }
            Err(error) => {
                let error = error.context(format!("peer {id} was not started"));
                if let Some(before) = failed.replace(error) {
                    print_error(&before);
                }
            }
        }
    }
    (started, failed)
}

fn ids_of(started: &[Started]) -> Vec<PeerId> {
    started.iter().map(|started| started.record.id.clone()).collect()
}

/// Leaves everything as it was; what else goes wrong is said here.
async fn give_up(context: &Context, prepared: &Prepared, ids: &[PeerId], why: Error) -> Error {
    stop_started(context, ids).await;
    if let Err(error) = prepared.undo(context) {
        print_error(&error);
    }
    why
}

/// Stops what this command started; says so, and whether all of it is gone.
async fn stop_started(context: &Context, ids: &[PeerId]) -> bool {
    let mut all_stopped = true;
    for (id, result) in stop_all(&context.state, ids).await {
        match result {
            Ok(_) => context.output.say(format_args!("stopped {id}")),
            Err(error) => {
                all_stopped = false;
                print_error(&error);
            }
        }
    }
    all_stopped
}

/// How to use what runs now.
fn announce(
    context: &Context,
    choice: &Choice,
    network: &NetworkRecord,
    started: &[Started],
    (proxy, detach): (Option<&ProxyRecord>, bool),
) -> Result<()> {
    for started in started {
        let (record, pid) = (&started.record, started.process.pid());
        context.output.say(format_args!(
            "{}: {} on {} (pid {pid})",
            record.id,
            record.engine,
            record.address()
        ));
    }
    let peer = |started: &Started| {
        let record = &started.record;
        json!({ "id": record.id.to_string(), "address": record.address().to_string(), "pid": record.pid })
    };
    let document = json!({
        "engine": choice.kind.as_str(),
        "engine_why": choice.why,
        "network": network,
        "proxy": proxy,
        "peers": started.iter().map(peer).collect::<Vec<_>>(),
        "state_dir": context.state.root(),
    });
    context.output.result(&document, || usage(context, network, proxy, detach))
}

fn usage(context: &Context, network: &NetworkRecord, proxy: Option<&ProxyRecord>, detach: bool) -> String {
    let NetworkRecord { name, peers, replication, .. } = network;
    let copies = usize::from(replication.get()).min(peers.len());
    let mut text = format!("network {name}: {} peers, {copies} of which keep each key\n", peers.len());
    if let Some(address) = proxy.and_then(|proxy| proxy.listen.first()) {
        text += &format!("memcached clients connect to {address}\n");
        text += &proxy.map_or_else(String::new, metrics_line);
    }
    text.push('\n');
    text += if detach { "try it:\n" } else { "try it from another shell:\n" };
    for words in ["set {} greeting hello", "get {} greeting", "explain {} greeting", "show {}"] {
        let words = format!("network {}", words.replace("{}", name.as_str()));
        text += &format!("  {}\n", context.command(&words));
    }
    text += &format!("  {}\n", context.command("peer list"));
    let end = if detach { context.command("down") } else { "Ctrl-C".to_owned() };
    text + &format!("{end} stops everything\n")
}
