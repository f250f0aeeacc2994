//! A server that runs: one acceptor, which gives each connection to the worker that has the fewest.
//!
//! The kernel could spread connections over listening workers by itself, but by chance: of eight long-lived
//! clients on two workers, one worker gets five or more in three starts of four.

use crate::engine::Engine;
use crate::listener::{Accepting, Listener};
use crate::worker::{Socket, Worker};
use std::convert::Infallible;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What a client is told that finds no place; memcached's words.
const TOO_MANY: &[u8] = b"ERROR Too many open connections\r\n";

/// How long to wait when accepting fails, which mostly means that there are no descriptors left: the
/// connection stays ready, so trying again at once would only burn the processor.
const ACCEPT_RETRY: Duration = Duration::from_millis(20);

/// How often dead items are looked for.
const RECLAIM_EVERY: Duration = Duration::from_secs(1);

/// How long the search for dead items rests between steps.
const RECLAIM_REST: Duration = Duration::from_micros(200);

/// Why a server stopped before it was told to.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A thread could not be started. Nothing was served.
    #[error("cannot start a worker thread: {0}")]
    Worker(#[source] io::Error),
    /// A listener could not be watched. Nothing was served.
    #[error("cannot watch a listener: {0}")]
    Listener(#[source] io::Error),
    /// A thread panicked; its connections are lost. The rest was stopped in order.
    #[error("a worker thread panicked; this is a bug, please report it with the log")]
    Panicked,
}

/// Listeners that are open, and the engine behind them.
#[derive(Debug)]
pub struct Server {
    pub(crate) engine: Arc<Engine>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) addresses: Vec<SocketAddr>,
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
        let start = |number| Worker::start(number, Arc::clone(&self.engine), drains.clone());
        let workers = (0..self.engine.options.threads.get()).map(start).collect::<io::Result<Vec<_>>>();
        let workers = Arc::new(workers.map_err(ServeError::Worker)?);
        let reclaimer = Reclaimer::start(Arc::clone(&self.engine)).map_err(ServeError::Worker)?;
        let mut acceptors = JoinSet::new();
        for listener in self.listeners {
            let accepting = listener.accepting().map_err(ServeError::Listener)?;
            acceptors.spawn(accept(accepting, Arc::clone(&self.engine), Arc::clone(&workers)));
        }
        tokio::select! {
            () = shutdown => {}
            () = self.engine.stop.notified() => {}
            Some(Err(_)) = acceptors.join_next() => {}
        }
        acceptors.shutdown().await;
        // Nobody is left to receive it when there are no connections.
        drain.send_replace(true);
        let join = tokio::task::spawn_blocking(move || join(workers, reclaimer));
        join.await.unwrap_or(Err(ServeError::Panicked))
    }
}

/// Waits for all threads. The acceptors are gone, so the workers are nobody else's.
fn join(workers: Arc<Vec<Worker>>, reclaimer: Reclaimer) -> Result<(), ServeError> {
    let workers = Arc::into_inner(workers).unwrap_or_default();
    let panicked = workers.into_iter().map(Worker::join).filter(Result::is_err).count();
    let reclaimed = reclaimer.join();
    if panicked > 0 || reclaimed.is_err() { Err(ServeError::Panicked) } else { Ok(()) }
}

async fn accept(accepting: Accepting, engine: Arc<Engine>, workers: Arc<Vec<Worker>>) -> Infallible {
    loop {
        let socket = match accepting.accept().await {
            Ok(socket) => socket,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        engine.gauges.connections_total.fetch_add(1, Relaxed);
        if engine.gauges.connections.load(Relaxed) >= engine.options.connections_max.get() {
            engine.gauges.connections_refused.fetch_add(1, Relaxed);
            refuse(socket);
        } else if let Some(worker) = workers.iter().min_by_key(|worker| worker.load()) {
            worker.take(&engine, socket).await;
        }
    }
}

/// Says why, if the socket takes it at once, and closes.
fn refuse(socket: Socket) {
    let told = match socket {
        Socket::Tcp(mut socket) => socket.write_all(TOO_MANY),
        Socket::Unix(mut socket) => socket.write_all(TOO_MANY),
    };
    tracing::debug!(told = told.is_ok(), "refused a connection: there are too many");
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
        let thread = thread::Builder::new().name("reclaimer".into()).spawn(move || {
            while !stopped.load(Relaxed) {
                thread::park_timeout(RECLAIM_EVERY);
                engine.store.reclaim(engine.now(), || {
                    thread::park_timeout(RECLAIM_REST);
                    if stopped.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
            }
        })?;
        Ok(Self { stop, thread })
    }

    fn join(self) -> thread::Result<()> {
        self.stop.store(true, Relaxed);
        self.thread.thread().unpark();
        self.thread.join()
    }
}
