//! The end of a turn: sends what peers and clients are to be sent, and keeps the worker's alarm.

use super::{Connection, Place, Worker, client};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::coop::unconstrained;
use tokio::task::yield_now;
use tokio::time::Sleep;

/// The one task of a worker that writes. It never ends.
///
/// It writes to every socket that there is something for, however many those are: a runtime that lets a task
/// do no more than so much at a time would make sockets look full that are not.
pub(super) fn flush(worker: Rc<Worker>) -> impl Future<Output = ()> {
    unconstrained(Flusher::new(worker))
}

struct Flusher {
    worker: Rc<Worker>,
    peers: Vec<usize>,
    sessions: Vec<u32>,
    alarm: Pin<Box<Sleep>>,
    alarm_at: Option<Duration>,
    /// How often the hub had worked when this was last looked at.
    turns_seen: u64,
    /// How often in a row sending was put off.
    looks: u32,
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

/// What a peer's buffer keeps when it is empty, in bytes, until somebody looks what is not used: to grow anew
/// each time would cost more than what is written into it.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// What it keeps then.
const IDLE_BYTES_MAX: usize = 64 * 1024;

impl Outgoing {
    /// Gives back memory, if it is not in use.
    pub(super) fn shrink(&mut self) {
        if self.bytes.is_empty() {
            self.bytes.shrink_to(IDLE_BYTES_MAX);
        }
    }
}

impl Flusher {
    fn new(worker: Rc<Worker>) -> Self {
        let alarm = Box::pin(tokio::time::sleep(Duration::ZERO));
        let (peers, sessions) = (Vec::new(), Vec::new());
        Self { worker, peers, sessions, alarm, alarm_at: None, turns_seen: 0, looks: 0 }
    }

    /// Whether the sockets are to be looked at once more before anything is sent. Where several had a little
    /// to say, others have it by now, and one write for all of them costs hardly more than one for some.
    fn looks_again(&mut self, cx: &mut Context<'_>) -> bool {
        let turns = self.worker.turns.get();
        let fresh = turns - std::mem::replace(&mut self.turns_seen, turns);
        let is_much = || self.worker.hub.borrow().output_bytes() > OUTPUT_BYTES_MUCH;
        if fresh < TURNS_MANY || self.looks == LOOKS_MAX || is_much() {
            self.looks = 0;
            return false;
        }
        self.looks += 1;
        // Wakes this task behind all that the sockets have brought by then.
        std::pin::pin!(yield_now()).poll(cx).is_pending()
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
        for _ in 0..ALARMS_MAX {
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
        cx.waker().wake_by_ref();
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
                outgoing.bytes.shrink_to(KEPT_BYTES_MAX);
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
        if self.looks_again(cx) {
            return Poll::Pending;
        }
        // Whoever has its answer finds it counted.
        self.worker.hub.borrow().publish();
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

/// How often the hub has to have worked since the last look for another one to be worth its while.
const TURNS_MANY: u64 = 2;

/// From so many bytes for peers on, a write is worth its price as it is.
const OUTPUT_BYTES_MUCH: usize = 1024;

/// How often in a row sending is put off at most.
const LOOKS_MAX: u32 = 4;

/// How many alarms in a row ring before others have their turn.
const ALARMS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::admit;
    use super::*;
    use crate::door::{self, Gauges, Socket};
    use crate::proxy::Options;
    use crate::proxy::hub::Hub;
    use crate::proxy::shared::Shared;
    use crate::proxy::tests::stage::network;
    use peercache_client::Network;
    use peercache_core::topology::Topology;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use tokio::sync::watch;

    /// More than a task may write to, one after the other, where its runtime rations that: 128.
    const CLIENTS: usize = 300;

    #[test]
    fn it_writes_to_as_many_clients_as_there_are_answers_for() {
        let topology = Arc::new(Topology::build(&network(0, 1)).unwrap());
        let shared = Arc::new(Shared::new(Arc::default(), 1, &Options::default(), Vec::new()));
        let (_drain, drains) = watch::channel(false);
        let thread = door::Worker::start(0, drains, move |mut intake| async move {
            let hub = Hub::new(Arc::clone(&topology), shared, 0);
            let worker = Rc::new(Worker::new(hub, Network::new(topology)));
            let mut clients = Vec::new();
            while clients.len() < CLIENTS {
                let (socket, seat) = intake.sockets.recv().await.unwrap();
                let Socket::Unix(socket) = socket else { unreachable!("it is one") };
                let stream = tokio::net::UnixStream::from_std(socket).unwrap();
                // Otherwise it counts as full until the runtime has looked.
                stream.writable().await.unwrap();
                clients.push(admit(&worker, Box::new(stream), "a client".to_owned(), seat));
            }
            let flusher = tokio::task::spawn_local(flush(Rc::clone(&worker)));
            worker.with_hub(|hub| clients.iter().for_each(|(id, _)| hub.client_input(*id, b"mn\r\n")));
            while worker.flusher.borrow().is_none() {
                tokio::task::yield_now().await;
            }
            assert_eq!(clients.iter().filter(|(_, client)| client.is_blocked.get()).count(), 0);
            flusher.abort();
        });
        let thread = thread.unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut ends = Vec::new();
        for _ in 0..CLIENTS {
            let (here, there) = UnixStream::pair().unwrap();
            there.set_nonblocking(true).unwrap();
            runtime.block_on(thread.take(&Arc::<Gauges>::default(), Socket::Unix(there)));
            ends.push(here);
        }
        thread.join().unwrap();
    }
}
