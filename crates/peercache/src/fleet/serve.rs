//! Serves a network through a proxy, and follows what its records say of it: peers that come, go or move, the
//! number of copies, the on-down policy. No client notices more than a moment's wait.

use super::connect::{Definition, read_network, unknown_network, unreadable_ledger};
use super::proxies::{LOCK_WITHIN, strike_out_own, within, write_down};
use crate::output::{Failure, sentence};
use crate::settings::Settings;
use crate::state::{LOCK_PAUSE, ProxyRecord, Reader, Records, State};
use anyhow::{Context, Result};
use peercache_agent::exporter::{Exporter, process as process_metrics};
use peercache_agent::supervise::ProcessIdentity;
use peercache_client::Network;
use peercache_control::{FolderWatch, Healer, Ledger};
use peercache_core::spec::{NetworkName, NetworkSpec};
use peercache_server::proxy::metrics::{Kind, Page};
use peercache_server::proxy::{Changer, Options, PendingFlush, Proxy};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::pin;
use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The safety net behind the kernel's messages.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where the kernel tells nothing: soon enough for somebody who waits for a command to take effect.
const LOOK_OFTEN: Duration = Duration::from_millis(200);

/// How a network is to be served.
#[derive(Debug)]
pub(crate) struct ServeWish {
    pub(crate) options: Options,
    /// Where metrics are asked, if anywhere.
    pub(crate) metrics: Option<SocketAddr>,
    /// See [`ProxyRecord::left_by_up`].
    pub(crate) left_by_up: bool,
}

/// A network that clients can connect to. They are served by [`Self::serve`].
#[derive(Debug)]
pub(crate) struct Serving<'a> {
    /// What is written down of it.
    pub(crate) record: ProxyRecord,
    proxy: Proxy,
    follower: Follower<'a>,
}

impl<'a> Serving<'a> {
    /// Opens the network `name` and what `options` says to listen on, and writes down that it does. Must be
    /// called inside a tokio runtime.
    pub(crate) async fn open(
        state: &'a State,
        settings: &'a Settings,
        name: &NetworkName,
        ServeWish { options, metrics, left_by_up }: ServeWish,
    ) -> Result<Self> {
        let definition = define(state, settings, name).await?;
        let options = make_room(options, definition.spec.peers.len());
        let records = Arc::new(Records::at(state.root()));
        let network = Network::with_register(Arc::new(definition.topology()?), records);
        let ledger = Arc::new(Ledger::at(state.root()));
        let healer = Healer::spawn_with_ledger(&network, &ledger).map_err(unreadable_ledger)?;
        let flush = LedgerFlush { state: state.clone(), ledger, network: name.clone() };
        let options = Options { pending_flush: Some(Arc::new(flush)), ..options };
        let unix = options.unix_sockets.iter().map(|socket| socket.path.display().to_string());
        let unix: Vec<_> = unix.collect();
        let proxy = Proxy::bind(Arc::clone(&network), options)?;
        let metrics = metrics.map(|address| show_metrics(address, &proxy)).transpose()?;
        let listen = proxy.addresses().iter().map(ToString::to_string).chain(unix).collect();
        let this = ProcessIdentity::of(process::id())?.context("this process is not to be found")?;
        let changer = proxy.changer();
        let spec = definition.spec;
        let follower = Follower { state, settings, network, healer, spec, changer };
        let mut record = ProxyRecord::new(this, name.clone(), listen);
        record.left_by_up = left_by_up;
        record.metrics = metrics.map(|address| address.to_string());
        write_down(state, &record).await?;
        Ok(Self { record, proxy, follower })
    }

    /// Serves clients until `shutdown` ends, and for two seconds more those who have asked something.
    pub(crate) async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<()> {
        let Self { record, proxy, mut follower } = self;
        let state = follower.state;
        let mut shutdown = pin!(shutdown);
        let begins = tokio::select! {
            biased;
            () = &mut shutdown => Ok(false),
            // Nobody may read what is to be flushed by now.
            due = follower.healer.finish_due_flush() => due.map(|()| true),
        };
        let served = match begins.context("a delayed flush is due and cannot be carried out") {
            Ok(true) => tokio::select! {
                served = proxy.serve(shutdown) => served.map_err(Into::into),
                never = follower.follow() => match never {},
            },
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        follower.leave_word().await;
        let struck_out = strike_out_own(state, &record).await;
        if let Err(error) = struck_out {
            tracing::warn!("it ends, and its record stays: {}", sentence(&error));
        }
        served
    }
}

/// Descriptors of a proxy besides its sockets: listeners, the watch on the ledger, its log, entries.
const OWN_DESCRIPTORS: usize = 32;

/// Sees to it that there are descriptors for every client and link, as far as this user may have them (P-61).
/// Where they are too few, it is clients that are too many: links and the ledger come first.
fn make_room(options: Options, peers: usize) -> Options {
    // Besides sockets of clients and links: two for each peer while it is brought back.
    let others = (options.workers.get() + 2) * peers + OWN_DESCRIPTORS;
    let wanted = (options.connections_max.get() + others) as u64;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|most| most >= wanted) {
        return options;
    }
    let most = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let is_raised = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit }).is_ok();
    let most = if is_raised { most } else { limit.current.unwrap_or(most) };
    if most >= wanted {
        return options;
    }
    let room = usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(others);
    let connections_max = NonZeroUsize::new(room).unwrap_or(NonZeroUsize::MIN);
    tracing::warn!(
        "{wanted} descriptors are needed for {} clients, and {most} are allowed: {connections_max} \
         clients are let in at a time; raise `ulimit -n`, or lower connections_max",
        options.connections_max
    );
    Options { connections_max, ..options }
}

/// Shows the proxy's metrics from now on; tells where.
fn show_metrics(address: SocketAddr, proxy: &Proxy) -> Result<SocketAddr> {
    let failed = |error: io::Error| {
        let sentence = match error.kind() {
            io::ErrorKind::AddrInUse => format!("{address} is in use by another program"),
            _ => format!("metrics cannot be shown on {address}: {error}"),
        };
        Failure::new(sentence, "--metrics takes another address")
    };
    let exporter = Exporter::bind(address).map_err(failed)?;
    let bound = exporter.address().map_err(failed)?;
    let metrics = proxy.metrics();
    let page = move || {
        let mut page = Page::default();
        metrics.write(&mut page);
        let family =
            ("peercache_process_resident_memory_bytes", Kind::Gauge, "Memory of the process in RAM.");
        process_metrics::resident_bytes().into_iter().for_each(|bytes| page.single(family, &[], bytes));
        let family = ("peercache_process_open_fds", Kind::Gauge, "File descriptors that are open.");
        process_metrics::open_descriptors().into_iter().for_each(|open| page.single(family, &[], open));
        page.into_text()
    };
    exporter.serve(page).map_err(failed)?;
    Ok(bound)
}

async fn define(state: &State, settings: &Settings, name: &NetworkName) -> Result<Definition> {
    let read = state.read_when_free(|reader| read_network(reader, name));
    let (network, peers) = within(LOCK_WITHIN, read).await?;
    Definition::of(settings, &network, &peers)
}

/// Keeps a proxy's network as its records define it.
#[derive(Debug)]
struct Follower<'a> {
    state: &'a State,
    settings: &'a Settings,
    network: Arc<Network>,
    healer: Healer,
    /// The definition that the proxy has.
    spec: NetworkSpec,
    changer: Changer,
}

impl Follower<'_> {
    /// What the proxy's clients missed is recorded before it ends, also of writes that failed.
    async fn leave_word(&self) {
        let within = self.network.policy().request;
        let words = match tokio::time::timeout(within, self.healer.finish_entries()).await {
            Ok(Ok(())) => return,
            Ok(Err(unrecorded)) => unrecorded.to_string(),
            Err(_) => format!("outages are not recorded within {} ms", within.as_millis()),
        };
        tracing::warn!(network = %self.spec.name, "other processes do not know: {words}");
    }

    async fn follow(&mut self) -> Infallible {
        let watch = FolderWatch::open();
        let folders = ["network", "peer"].map(|name| self.state.root().join(name));
        let mut trouble = None;
        loop {
            // Watched before looked at: what happens after the look is told.
            let watch = watch.as_ref().ok().filter(|watch| watches_all(watch, &folders));
            let now = self.look().await.err().map(|error| sentence(&error));
            if let Some(now) = now.as_ref().filter(|now| trouble.as_ref() != Some(*now)) {
                tracing::warn!(network = %self.spec.name, "it stays as it is: {now}");
            }
            trouble = now;
            let pause = if watch.is_some() { LOOK_EVERY } else { LOOK_OFTEN };
            let moved = async {
                match watch {
                    Some(watch) => watch.moved(|_, _| {}).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                told = moved => if told.is_err() {
                    // What the kernel does not tell is found by looking.
                    tokio::time::sleep(LOOK_OFTEN).await;
                }
            }
        }
    }

    /// Takes over what the records say, if that is news.
    async fn look(&mut self) -> Result<()> {
        let definition = define(self.state, self.settings, &self.spec.name).await?;
        if definition.spec == self.spec {
            return Ok(());
        }
        let next = Arc::new(definition.next(&self.network.topology())?);
        self.healer.admit(&next).map_err(unreadable_ledger)?;
        self.changer.change(Arc::clone(&next)).await;
        self.healer.dismiss();
        self.spec = definition.spec;
        let (peers, replication) = (next.peers().len(), next.replication());
        tracing::info!(network = %self.spec.name, epoch = next.epoch(), peers, %replication, "changed");
        Ok(())
    }
}

fn watches_all(watch: &FolderWatch, folders: &[PathBuf]) -> bool {
    folders.iter().all(|folder| matches!(watch.add(folder), Ok(Some(_))))
}

/// Keeps a network's delayed flush in the state directory.
#[derive(Debug)]
struct LedgerFlush {
    state: State,
    ledger: Arc<Ledger>,
    network: NetworkName,
}

impl LedgerFlush {
    /// The state while nobody changes it; waits for that, but not for ever.
    fn reader(&self) -> io::Result<Reader> {
        let begun = Instant::now();
        loop {
            if let Some(reader) = self.state.try_reader().map_err(io::Error::other)? {
                return Ok(reader);
            }
            if begun.elapsed() > LOCK_WITHIN {
                return Err(io::Error::other("another command holds the lock of the state directory"));
            }
            std::thread::sleep(LOCK_PAUSE);
        }
    }
}

impl PendingFlush for LedgerFlush {
    fn set(&self, at_unix_s: u64) -> io::Result<()> {
        // Under the lock, so that a peer which joins meanwhile is written down too, by one or the other.
        let reader = self.reader()?;
        let network = reader.network(&self.network).map_err(io::Error::other)?;
        let network = network.ok_or_else(|| io::Error::other(unknown_network(&self.network)))?;
        let peers = network.peers_and_starting().cloned();
        self.ledger.set_pending_flush(&self.network, at_unix_s, peers)
    }

    fn pending(&self) -> io::Result<Option<u64>> {
        Ok(self.ledger.pending_flush(&self.network)?.map(|pending| pending.number))
    }

    fn cancel(&self, number: u64) -> io::Result<()> {
        self.ledger.cancel_pending_flush(&self.network, number)
    }
}
