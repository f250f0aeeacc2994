//! A data-plane thread: a runtime of its own, and the connections it is given.

use super::gauges::Gauges;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, watch};

/// Sockets that were accepted and not yet taken by their worker.
const HANDED_OVER_MAX: usize = 128;

/// How often tasks run between looks at the sockets; more per look is fewer system calls.
const EVENT_INTERVAL: u32 = 1024;

/// An accepted connection, not yet registered with any runtime.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// A place for one connection, among all and at its worker. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    gauges: Arc<Gauges>,
    load: Arc<AtomicUsize>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.gauges.connections.fetch_sub(1, Relaxed);
        self.load.fetch_sub(1, Relaxed);
    }
}

/// What a worker lives on. When `sockets` ends, nobody new comes; when `drains` says so, those who are there
/// should go.
pub(crate) struct Intake {
    pub(crate) sockets: mpsc::Receiver<(Socket, Seat)>,
    pub(crate) drains: watch::Receiver<bool>,
}

/// A worker as its acceptor sees it.
#[derive(Debug)]
pub(crate) struct Worker {
    sockets: mpsc::Sender<(Socket, Seat)>,
    load: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts a worker, which does `run` until that ends.
    pub(crate) fn start<F: Future<Output = ()>>(
        number: usize,
        drains: watch::Receiver<bool>,
        run: impl FnOnce(Intake) -> F + Send + 'static,
    ) -> io::Result<Self> {
        let (sockets, received) = mpsc::channel(HANDED_OVER_MAX);
        // A local runtime cannot move to another thread, so the thread builds it and reports how that went.
        let (ready, built) = std::sync::mpsc::sync_channel(1);
        let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .event_interval(EVENT_INTERVAL)
                .build_local(LocalOptions::default());
            match runtime {
                Ok(runtime) => {
                    let told = ready.send(Ok(()));
                    if told.is_ok() {
                        runtime.block_on(run(Intake { sockets: received, drains }));
                    }
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        })?;
        built.recv().unwrap_or_else(|_| Err(io::Error::other("the worker's thread ended at once")))?;
        Ok(Self { sockets, load: Arc::default(), thread })
    }

    /// How many connections it has.
    pub(crate) fn load(&self) -> usize {
        self.load.load(Relaxed)
    }

    /// Waits until it takes no more: it panicked.
    pub(crate) async fn has_ended(&self) {
        self.sockets.closed().await;
    }

    /// Whether it takes more.
    pub(crate) fn is_there(&self) -> bool {
        !self.sockets.is_closed()
    }

    /// Gives it one more.
    pub(crate) async fn take(&self, gauges: &Arc<Gauges>, socket: Socket) {
        self.load.fetch_add(1, Relaxed);
        gauges.connections.fetch_add(1, Relaxed);
        let seat = Seat { gauges: Arc::clone(gauges), load: Arc::clone(&self.load) };
        if self.sockets.send((socket, seat)).await.is_err() {
            tracing::error!("a worker has ended; its connection is closed");
        }
    }

    /// Waits until its connections have ended.
    pub(crate) fn join(self) -> thread::Result<()> {
        drop(self.sockets);
        self.thread.join()
    }
}
