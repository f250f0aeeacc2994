//! A data-plane thread: a runtime of its own, and the connections it was given.

use crate::connection::{self, Scratch};
use crate::engine::Engine;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long connections have to send their last answers when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

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
    engine: Arc<Engine>,
    load: Arc<AtomicUsize>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.engine.gauges.connections.fetch_sub(1, Relaxed);
        self.load.fetch_sub(1, Relaxed);
    }
}

/// A worker as its acceptor sees it.
#[derive(Debug)]
pub(crate) struct Worker {
    sockets: mpsc::Sender<(Socket, Seat)>,
    load: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts a worker. It runs until its `Worker` is joined.
    pub(crate) fn start(
        number: usize,
        engine: Arc<Engine>,
        drains: watch::Receiver<bool>,
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
                        runtime.block_on(run(engine, received, drains));
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

    /// Gives it one more.
    pub(crate) async fn take(&self, engine: &Arc<Engine>, socket: Socket) {
        self.load.fetch_add(1, Relaxed);
        engine.gauges.connections.fetch_add(1, Relaxed);
        let seat = Seat { engine: Arc::clone(engine), load: Arc::clone(&self.load) };
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

async fn run(
    engine: Arc<Engine>,
    mut received: mpsc::Receiver<(Socket, Seat)>,
    drains: watch::Receiver<bool>,
) {
    let scratch = Rc::new(connection::scratch());
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            socket = received.recv() => match socket {
                Some((socket, seat)) => {
                    let (engine, drains) = (Arc::clone(&engine), drains.clone());
                    sessions.spawn_local(converse(socket, seat, engine, Rc::clone(&scratch), drains));
                }
                None => break,
            },
            Some(_) = sessions.join_next() => {}
        }
    }
    let all = async { while sessions.join_next().await.is_some() {} };
    if timeout(DRAIN_TIMEOUT, all).await.is_err() {
        tracing::warn!(clients = sessions.len(), "closing connections that do not take their answers");
    }
}

/// Serves one connection. How it ended is the client's affair: most end by the client leaving.
async fn converse(
    socket: Socket,
    _seat: Seat,
    engine: Arc<Engine>,
    scratch: Rc<Scratch>,
    drains: watch::Receiver<bool>,
) {
    let ended = match socket {
        Socket::Tcp(socket) => match TcpStream::from_std(socket) {
            Ok(stream) => connection::serve(stream, &engine, &scratch, drains).await,
            Err(error) => Err(error),
        },
        Socket::Unix(socket) => match UnixStream::from_std(socket) {
            Ok(stream) => connection::serve(stream, &engine, &scratch, drains).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection was lost");
    }
}
