//! Connects to one peer when its link wants it, and reads what it says.

use super::{Connection, Worker};
use peercache_client::direct::open_greeted;
use peercache_core::link::{End, Next};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// The task of one peer, which begins with the connection that was [opened](open) when its worker started.
pub(super) async fn drive(worker: Rc<Worker>, index: usize, first: Option<Rc<Connection>>) {
    if let Some(connection) = first {
        listen(&worker, index, &connection).await;
    }
    loop {
        let mut stirred = pin!(worker.network.stirred());
        stirred.as_mut().enable();
        let next = worker.with_hub(|hub| hub.poll_peer(index));
        match next {
            Next::End => return,
            Next::Wait | Next::Pump => tokio::select! {
                () = worker.wanted[index].notified() => {}
                () = stirred => {}
            },
            Next::Connect => {
                if let Some(connection) = open(&worker, index).await {
                    listen(&worker, index, &connection).await;
                }
            }
        }
    }
}

/// Connects, and tells the hub what came of it. None where nobody serves.
pub(super) async fn open(worker: &Rc<Worker>, index: usize) -> Option<Rc<Connection>> {
    let topology = worker.network.topology();
    let (address, policy) = (topology.peers()[index].spec.address, topology.policy());
    match open_greeted(address, policy).await {
        Ok((stream, greeting)) => {
            let stream = RefCell::new(Box::new(stream) as Box<dyn super::Duplex>);
            let connection =
                Rc::new(Connection { stream, broken: RefCell::default(), reader: RefCell::default() });
            worker.connections.borrow_mut()[index] = Some(Rc::clone(&connection));
            worker.with_hub(|hub| hub.peer_connected(index, &greeting));
            Some(connection)
        }
        Err(error) => {
            worker.with_hub(|hub| hub.peer_not_connected(index, &error));
            None
        }
    }
}

/// Reads until the connection has ended.
async fn listen(worker: &Rc<Worker>, index: usize, connection: &Connection) {
    let (end, trouble) = poll_fn(|cx| poll_read(worker, index, connection, cx)).await;
    worker.connections.borrow_mut()[index] = None;
    worker.with_hub(|hub| hub.peer_ended(index, end, trouble));
}

/// Reads until the connection ends; tells how.
fn poll_read(
    worker: &Worker,
    index: usize,
    connection: &Connection,
    cx: &mut Context<'_>,
) -> Poll<(End, String)> {
    let lost = |error: &io::Error| (End::Lost, format!("the connection was lost: {error}"));
    if let Some(error) = &*connection.broken.borrow() {
        return Poll::Ready(lost(error));
    }
    *connection.reader.borrow_mut() = Some(cx.waker().clone());
    loop {
        let mut scratch = worker.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        let read = Pin::new(&mut **connection.stream.borrow_mut()).poll_read(cx, &mut buffer);
        match ready!(read) {
            Err(error) => return Poll::Ready(lost(&error)),
            Ok(()) if buffer.filled().is_empty() => {
                return Poll::Ready((End::Lost, "it closed the connection".to_owned()));
            }
            Ok(()) => {
                let handled = worker.with_hub(|hub| hub.peer_input(index, buffer.filled()));
                if handled.is_err() {
                    let trouble = "it sent something that is no answer".to_owned();
                    return Poll::Ready((End::Malformed, trouble));
                }
            }
        }
    }
}
