//! Accepts clients and gives each to the worker that has the fewest, until it is told to stop.

use super::gauges::Gauges;
use super::listener::{Accepting, Listener};
use super::worker::{Socket, Worker};
use std::convert::Infallible;
use std::future::Future;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What a client is told that finds no place; memcached's words.
const TOO_MANY: &[u8] = b"ERROR Too many open connections\r\n";

/// How long to wait when accepting fails, which mostly means that there are no descriptors left: the
/// connection stays ready, so trying again at once would only burn the processor.
const ACCEPT_RETRY: Duration = Duration::from_millis(20);

/// How long the log is silent about connections that cannot be accepted.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(60);

/// What to do about them.
const ACCEPT_ADVICE: &str = "raise `ulimit -n`, or allow fewer connections";

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

/// Who receives clients.
#[derive(Debug)]
pub(crate) struct Welcome {
    pub(crate) workers: Vec<Worker>,
    /// Tells the workers that nobody new comes, and that those who are there should go.
    pub(crate) drain: watch::Sender<bool>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) connections_max: usize,
}

/// Accepts clients until `shutdown` ends. Then those who are there get the answers to what they have asked,
/// for at most two seconds.
///
/// # Errors
/// [`ServeError`]: listeners could not be watched, or a worker panicked.
pub(crate) async fn serve(
    listeners: Vec<Listener>,
    welcome: Welcome,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let welcome = Arc::new(welcome);
    let mut acceptors = JoinSet::new();
    for listener in listeners {
        let accepting = listener.accepting().map_err(ServeError::Listener)?;
        acceptors.spawn(accept(accepting, Arc::clone(&welcome)));
    }
    let mut ends = JoinSet::new();
    for number in 0..welcome.workers.len() {
        let welcome = Arc::clone(&welcome);
        ends.spawn(async move { welcome.workers[number].has_ended().await });
    }
    tokio::select! {
        () = shutdown => {}
        Some(Err(_)) = acceptors.join_next() => {}
        Some(_) = ends.join_next() => tracing::error!("a worker thread has panicked; the others stop"),
    }
    acceptors.shutdown().await;
    ends.shutdown().await;
    // Nobody is left to receive it when there are no connections.
    welcome.drain.send_replace(true);
    // The acceptors are gone, so the workers are nobody else's.
    let workers = Arc::into_inner(welcome).map_or_else(Vec::new, |welcome| welcome.workers);
    let join = move || workers.into_iter().map(Worker::join).filter(Result::is_err).count();
    match tokio::task::spawn_blocking(join).await {
        Ok(0) => Ok(()),
        _ => Err(ServeError::Panicked),
    }
}

async fn accept(accepting: Accepting, welcome: Arc<Welcome>) -> Infallible {
    let gauges = &welcome.gauges;
    let mut complained: Option<Instant> = None;
    loop {
        let socket = match accepting.accept().await {
            Ok(socket) => socket,
            Err(error) => {
                // It fails again at every try until somebody leaves; the log need not hear of each.
                if complained.is_none_or(|at| at.elapsed() > COMPLAINT_PAUSE) {
                    let connections = gauges.connections.load(Relaxed);
                    tracing::warn!(%error, connections, "cannot accept, clients wait: {ACCEPT_ADVICE}");
                    complained = Some(Instant::now());
                }
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        gauges.connections_total.fetch_add(1, Relaxed);
        if gauges.connections.load(Relaxed) >= welcome.connections_max {
            gauges.connections_refused.fetch_add(1, Relaxed);
            refuse(socket);
            continue;
        }
        // One that has panicked has no load, and is there until all have stopped.
        let workers = welcome.workers.iter().filter(|worker| worker.is_there());
        if let Some(worker) = workers.min_by_key(|worker| worker.load()) {
            worker.take(gauges, socket).await;
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
