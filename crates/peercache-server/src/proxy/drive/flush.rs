//! The end of a turn: sends what peers and clients are to be sent, and keeps the worker's alarm.

use super::{Connection, Place, Worker, client};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// The one task of a worker that writes. It never ends.
pub(super) struct Flusher {
    worker: Rc<Worker>,
    peers: Vec<usize>,
    sessions: Vec<u32>,
    alarm: Pin<Box<Sleep>>,
    alarm_at: Option<Duration>,
}

/// What a peer is to be sent, and how much of it was.
#[derive(Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    /// The socket takes no more for now.
    is_blocked: bool,
    /// Which connection they are for.
    to: Option<Rc<Connection>>,
}

/// What a peer's buffer keeps when it is empty, in bytes.
const IDLE_BYTES_MAX: usize = 256 * 1024;

impl Flusher {
    pub(super) fn new(worker: Rc<Worker>) -> Self {
        let alarm = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { worker, peers: Vec::new(), sessions: Vec::new(), alarm, alarm_at: None }
    }

    /// Sends to the peers that are to be sent something.
    fn flush_peers(&mut self, cx: &mut Context<'_>) {
        self.worker.hub.borrow_mut().take_dirty_peers(&mut self.peers);
        let places = self.worker.places.borrow();
        for (index, place) in places.iter().enumerate() {
            if place.outgoing.borrow().is_blocked && !self.peers.contains(&index) {
                self.peers.push(index);
            }
        }
        while let Some(index) = self.peers.pop() {
            let Some(place) = places.get(index) else { continue };
            let connection = place.connection.borrow().clone();
            match connection {
                Some(connection) => self.worker.flush_peer(index, place, &connection, cx),
                None => {
                    place.outgoing.take();
                    place.wanted.notify_one();
                }
            }
        }
    }

    /// Sends to the clients that have answers coming.
    fn flush_sessions(&mut self, cx: &mut Context<'_>) {
        self.worker.hub.borrow_mut().take_dirty_sessions(&mut self.sessions);
        while let Some(id) = self.sessions.pop() {
            let client = self.worker.client(id);
            if let Some(client) = &client {
                if client.is_blocked.get() {
                    self.worker.hub.borrow_mut().touch_later(id);
                    continue;
                }
                if client::poll_write(&self.worker, id, client, cx).is_pending() {
                    client.is_blocked.set(true);
                    self.worker.hub.borrow_mut().wake_reader(id);
                }
            }
            if self.worker.hub.borrow_mut().sent(id) {
                self.worker.forget(id);
            }
        }
    }

    fn keep_alarm(&mut self, cx: &mut Context<'_>) {
        loop {
            let next = self.worker.hub.borrow().next_alarm();
            // An alarm that is set too early rings in vain and is set anew; that is cheaper than moving it.
            if let Some(at) = next.filter(|&at| self.alarm_at.is_none_or(|set| at < set)) {
                self.alarm.as_mut().reset(self.worker.network.instant(at));
                self.alarm_at = Some(at);
            }
            if self.alarm_at.is_none() || self.alarm.as_mut().poll(cx).is_pending() {
                return;
            }
            self.alarm_at = None;
            let mut hub = self.worker.hub.borrow_mut();
            hub.set_now(self.worker.network.now());
            hub.alarm();
            drop(hub);
            self.worker.places.borrow().iter().for_each(|place| place.wanted.notify_one());
        }
    }
}

impl Worker {
    fn flush_peer(&self, index: usize, place: &Place, connection: &Rc<Connection>, cx: &mut Context<'_>) {
        let outgoing = &mut *place.outgoing.borrow_mut();
        if !outgoing.to.as_ref().is_some_and(|to| Rc::ptr_eq(to, connection)) {
            *outgoing = Outgoing { to: Some(Rc::clone(connection)), ..Outgoing::default() };
        }
        outgoing.is_blocked = false;
        loop {
            if outgoing.sent == outgoing.bytes.len() {
                outgoing.bytes.clear();
                outgoing.bytes.shrink_to(IDLE_BYTES_MAX);
                outgoing.sent = 0;
                self.hub.borrow_mut().peer_output(index, &mut outgoing.bytes);
                if outgoing.bytes.is_empty() {
                    return;
                }
            }
            let unsent = &outgoing.bytes[outgoing.sent..];
            match Pin::new(&mut **connection.stream.borrow_mut()).poll_write(cx, unsent) {
                Poll::Ready(Ok(bytes)) if bytes > 0 => outgoing.sent += bytes,
                Poll::Ready(result) => {
                    let error = result.err().unwrap_or_else(|| std::io::ErrorKind::WriteZero.into());
                    *connection.broken.borrow_mut() = Some(error);
                    if let Some(reader) = connection.reader.borrow_mut().take() {
                        reader.wake();
                    }
                    return;
                }
                Poll::Pending => {
                    outgoing.is_blocked = true;
                    return;
                }
            }
        }
    }
}

impl Future for Flusher {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.keep_alarm(cx);
        // What is sent may let more be begun, which is to be sent too.
        for _ in 0..ROUNDS_MAX {
            self.flush_peers(cx);
            self.flush_sessions(cx);
            if !self.worker.hub.borrow().is_dirty() {
                break;
            }
        }
        self.worker.hub.borrow().publish();
        if self.worker.hub.borrow().is_quiet() {
            self.worker.quieted.notify_waiters();
        }
        if self.worker.hub.borrow().has_notes() {
            self.worker.noting.notify_one();
        }
        if self.worker.hub.borrow_mut().take_stirred() {
            self.worker.network.stir();
        }
        self.keep_alarm(cx);
        *self.worker.flusher.borrow_mut() = Some(cx.waker().clone());
        if self.worker.hub.borrow().is_dirty() {
            self.worker.wake_flusher();
        }
        Poll::Pending
    }
}

/// How often in a turn the flusher goes round before others have theirs.
const ROUNDS_MAX: usize = 4;
