//! Connects to one peer when its link wants it, and reads what it says.

use super::{Connection, Place, Worker};
use peercache_client::direct::open_greeted;
use peercache_core::link::{End, Next};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// The task of one peer; ends when that has left the network.
pub(super) async fn drive(worker: Rc<Worker>, place: Rc<Place>) {
    loop {
        let mut stirred = pin!(worker.network.stirred());
        stirred.as_mut().enable();
        let Some(index) = place.index.get() else { return };
        // Peers are met before anybody asks for them, and met again when they have hung up: one that has died
        // must not count as up until somebody asks it.
        let must_meet = place.has_hung_up.take() || !place.is_met.get();
        let next = if must_meet { Next::Connect } else { worker.with_hub(|hub| hub.poll_peer(index)) };
        match next {
            Next::End => return,
            Next::Wait | Next::Pump => tokio::select! {
                () = place.wanted.notified() => {}
                () = stirred => {}
            },
            Next::Connect => connect(&worker, &place, index).await,
        }
    }
}

async fn connect(worker: &Rc<Worker>, place: &Place, index: usize) {
    let topology = Arc::clone(worker.hub.borrow().topology());
    let opened = open_greeted(&worker.network, &topology.peers()[index].spec).await;
    // By now the network may be another one.
    let Some(index) = place.index.get() else { return worker.note_met(place) };
    match opened {
        Ok((stream, greeting)) => {
            let stream = RefCell::new(Box::new(stream) as Box<dyn super::Duplex>);
            let connection =
                Rc::new(Connection { stream, broken: RefCell::default(), reader: RefCell::default() });
            *place.connection.borrow_mut() = Some(Rc::clone(&connection));
            worker.with_hub(|hub| hub.peer_connected(index, &greeting));
            worker.note_met(place);
            let (end, trouble) = poll_fn(|cx| poll_read(worker, place, &connection, cx)).await;
            place.connection.take();
            // It holds on to the socket too, and nobody may send anything for long.
            place.outgoing.take();
            place.has_hung_up.set(end == End::Lost);
            if let Some(index) = place.index.get() {
                worker.with_hub(|hub| hub.peer_ended(index, end, trouble));
            }
        }
        Err(error) => {
            worker.with_hub(|hub| hub.peer_not_connected(index, &error));
            worker.note_met(place);
        }
    }
}

/// Reads until the connection ends; tells how.
fn poll_read(
    worker: &Worker,
    place: &Place,
    connection: &Connection,
    cx: &mut Context<'_>,
) -> Poll<(End, String)> {
    let Some(index) = place.index.get() else { return Poll::Ready((End::Ours, String::new())) };
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
