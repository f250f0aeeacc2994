//! The embedded engine as a server: its listeners, its workers, and the thread that looks for dead items.

use crate::clients;
use crate::door::{self, BindError, Listener, ServeError, Welcome, Welcomed, Worker, bind_tcp, bind_unix};
use crate::engine::Engine;
use crate::options::Options;
use crate::passwords::Passwords;
use peercache_client::users::UsersError;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::watch;

/// How often dead items are looked for.
const RECLAIM_EVERY: Duration = Duration::from_secs(1);

/// Why an engine cannot begin. Nothing was started.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It cannot listen.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The file of users cannot be used.
    #[error(transparent)]
    Users(#[from] UsersError),
}

/// Opens what `options` says to listen on. Clients can connect from now on; they are served by
/// [`Server::serve`].
///
/// # Errors
/// [`OpenError`] says which address or file, and what to do.
pub fn bind(options: Options) -> Result<Server, OpenError> {
    let passwords = options.auth_file.as_deref().map(Passwords::read).transpose()?;
    let welcomed = if passwords.is_some() { Welcomed::Users } else { Welcomed::Everybody };
    let mut listeners = Vec::new();
    let mut addresses = Vec::new();
    for &address in &options.addresses {
        let (listener, bound) = bind_tcp(SocketAddr::new(address, options.port), welcomed, options.backlog)?;
        addresses.push(bound);
        listeners.push(listener);
    }
    if let Some(socket) = &options.unix_socket {
        listeners.push(bind_unix(&socket.path, socket.mode, options.backlog)?);
    }
    Ok(Server { engine: Arc::new(Engine::with_users(options, passwords)), listeners, addresses })
}

/// Listeners that are open, and the engine behind them.
#[derive(Debug)]
pub struct Server {
    engine: Arc<Engine>,
    listeners: Vec<Listener>,
    addresses: Vec<SocketAddr>,
}

impl Server {
    /// The TCP addresses that it listens on, with their real ports.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves clients until `shutdown` ends or a client stops the engine. Then nobody is accepted any more,
    /// and clients get the answers to what they have asked, for at most two seconds.
    ///
    /// # Errors
    /// [`ServeError`]: threads or listeners could not be set up, or a worker panicked.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let (drain, drains) = watch::channel(false);
        let start = |number| {
            let engine = Arc::clone(&self.engine);
            Worker::start(number, drains.clone(), |intake| clients::serve(engine, intake))
        };
        let workers = (0..self.engine.options.threads.get()).map(start).collect::<io::Result<Vec<_>>>();
        let welcome = Welcome {
            workers: workers.map_err(ServeError::Worker)?,
            drain,
            gauges: Arc::clone(&self.engine.gauges),
            connections_max: self.engine.options.connections_max.get(),
        };
        let reclaimer = Reclaimer::start(Arc::clone(&self.engine)).map_err(ServeError::Worker)?;
        let stopped = async {
            tokio::select! {
                () = shutdown => {}
                () = self.engine.stop.notified() => {}
            }
        };
        let now = self.engine.now();
        let enter = |listener| self.engine.connections.enter_listener(listener, now);
        let _entered: Vec<_> = self.listeners.iter().map(enter).collect();
        let served = door::serve(self.listeners, welcome, stopped).await;
        let reclaimed = tokio::task::spawn_blocking(|| reclaimer.join()).await;
        served.and(if matches!(reclaimed, Ok(Ok(()))) { Ok(()) } else { Err(ServeError::Panicked) })
    }
}

/// The thread that looks for dead items.
struct Reclaimer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Reclaimer {
    fn start(engine: Arc<Engine>) -> io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let searching = Arc::clone(&engine);
        let thread = thread::Builder::new().name("reclaimer".into()).spawn(move || {
            let crawler = &searching.crawler;
            while !stopped.load(Relaxed) {
                thread::park_timeout(RECLAIM_EVERY);
                if !crawler.is_on() {
                    continue;
                }
                crawler.begin();
                searching.store.reclaim(searching.now(), || {
                    thread::park_timeout(crawler.rest());
                    if stopped.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                crawler.end();
            }
        })?;
        engine.crawler.is_done_by(thread.thread().clone());
        Ok(Self { stop, thread })
    }

    fn join(self) -> thread::Result<()> {
        self.stop.store(true, Relaxed);
        self.thread.thread().unpark();
        self.thread.join()
    }
}
