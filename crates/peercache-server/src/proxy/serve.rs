//! A proxy as a server: its listeners and its workers.

use super::changer::{Changer, Changes};
use super::drive;
use super::hub::Hub;
use super::metrics::Metrics;
use super::options::Options;
use super::shared::Shared;
use crate::door::{
    self, BACKLOG, BindError, Gauges, Listener, ServeError, Welcome, Welcomed, Worker, bind_tcp, bind_unix,
};
use peercache_client::Network;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;

/// Listeners that are open, and the network behind them.
#[derive(Debug)]
pub struct Proxy {
    network: Arc<Network>,
    options: Options,
    listeners: Vec<Listener>,
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    changer: Changer,
    changes: Changes,
}

impl Proxy {
    /// Opens what `options` says to listen on. Clients can connect from now on; they are served by
    /// [`Self::serve`].
    ///
    /// # Errors
    /// [`BindError`] says which address, and what to do.
    pub fn bind(network: Arc<Network>, options: Options) -> Result<Self, BindError> {
        let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
        let welcomed = if options.passwords.is_some() { Welcomed::Users } else { Welcomed::Everybody };
        for &address in &options.listen {
            let (listener, bound) = bind_tcp(address, welcomed, BACKLOG)?;
            listeners.push(listener);
            addresses.push(bound);
        }
        for socket in &options.unix_sockets {
            listeners.push(bind_unix(&socket.path, socket.mode, BACKLOG)?);
        }
        let mut listen: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        listen.extend(options.unix_sockets.iter().map(|socket| socket.path.display().to_string()));
        let gauges = Arc::<Gauges>::default();
        let shared = Arc::new(Shared::new(gauges, options.workers.get(), &options, listen));
        let (changer, changes) = Changer::new(&network, options.workers.get());
        Ok(Self { network, options, listeners, addresses, shared, changer, changes })
    }

    /// The TCP addresses that it listens on, with their real ports.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What can be seen of it from outside, while it serves.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics::new(&self.network, &self.shared)
    }

    /// Changes its network while it serves.
    #[must_use]
    pub fn changer(&self) -> Changer {
        self.changer.clone()
    }

    /// Serves clients until `shutdown` ends. Then nobody is accepted any more, and clients get the answers to
    /// what they have asked, for at most two seconds. When this returns, the network knows of everything that
    /// its peers may miss.
    ///
    /// # Errors
    /// [`ServeError`]: threads or listeners could not be set up, or a worker panicked.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let (drain, drains) = watch::channel(false);
        // All begin with the same one, whatever changes meanwhile.
        let topology = self.network.topology();
        let start = |number| {
            let (network, shared) = (Arc::clone(&self.network), Arc::clone(&self.shared));
            let (topology, changes) = (Arc::clone(&topology), self.changes.clone());
            Worker::start(number, drains.clone(), move |intake| {
                drive::run(Hub::new(topology, shared, number), network, changes, intake)
            })
        };
        let workers = (0..self.options.workers.get()).map(start).collect::<io::Result<Vec<_>>>();
        drop((self.changer, self.changes));
        let welcome = Welcome {
            workers: workers.map_err(ServeError::Worker)?,
            drain,
            gauges: Arc::clone(&self.shared.gauges),
            connections_max: self.options.connections_max.get(),
        };
        door::serve(self.listeners, welcome, shutdown).await
    }
}
