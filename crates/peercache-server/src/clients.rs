//! A worker of the embedded engine: one task for each of its clients.

use crate::connection::{self, Scratch};
use crate::door::{Intake, Seat, Socket};
use crate::engine::Engine;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long connections have to send their last answers when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves the clients of one worker until all of them have gone.
pub(crate) async fn serve(engine: Arc<Engine>, mut intake: Intake) {
    let scratch = Rc::new(connection::scratch());
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            socket = intake.sockets.recv() => match socket {
                Some((socket, seat)) => {
                    let (engine, drains) = (Arc::clone(&engine), intake.drains.clone());
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
    let entered = engine.connections.enter(&socket, engine.now());
    let connected = &*entered.connected;
    let ended = match socket {
        Socket::Tcp(socket) => match TcpStream::from_std(socket) {
            Ok(stream) => connection::serve(stream, connected, &engine, &scratch, drains).await,
            Err(error) => Err(error),
        },
        Socket::Unix(socket) => match UnixStream::from_std(socket) {
            Ok(stream) => connection::serve(stream, connected, &engine, &scratch, drains).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection was lost");
    }
}
