//! Moves a worker's bytes: one task for each client and each peer reads, one flusher writes.
//!
//! Nothing is decided here. Whatever is read goes to the [`Hub`] and is worked through at once; what that
//! leaves to be sent is sent by the flusher, which runs after every task that was ready, so the answers to
//! many requests leave in one write for each socket. All tasks of a worker run on one thread, and none holds
//! a borrow of the hub while it waits.

mod change;
mod client;
mod flush;
mod peer;
mod watch;

use super::changer::Changes;
use super::hub::Hub;
use super::orders::Orders;
use crate::door::{Intake, Seat, Socket};
use flush::Outgoing;
use peercache_client::Network;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use watch::{unless_panicked, watched};

/// For how long everything that clients have sent is answered when the proxy stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// How long clients have then to take the answers to what was begun by that time.
const LAST_ANSWERS_TIMEOUT: Duration = Duration::from_secs(1);

/// How long clients have to close their side when the last was said to them, and how long they may be silent
/// meanwhile.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
const LINGER_SILENCE: Duration = Duration::from_millis(500);

/// How much one read takes at most.
const READ_BYTES_MAX: usize = 64 * 1024;

/// A socket.
trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Duplex for S {}

type Stream = RefCell<Box<dyn Duplex>>;

/// A client's socket.
struct Client {
    stream: Stream,
    /// The socket takes no more for now: the client's own task goes on when it does.
    is_blocked: Cell<bool>,
    /// The session is over.
    is_over: Cell<bool>,
    _seat: Seat,
}

/// The connection to a peer, while there is one.
struct Connection {
    stream: Stream,
    /// Why it cannot be written to any more.
    broken: RefCell<Option<io::Error>>,
    /// Wakes whoever reads from it.
    reader: RefCell<Option<Waker>>,
}

/// What a peer's task and the flusher share about it.
#[derive(Default)]
struct Place {
    /// Which of the peers it is; none when it has left the network.
    index: Cell<Option<usize>>,
    connection: RefCell<Option<Rc<Connection>>>,
    /// Whether somebody has tried to connect.
    is_met: Cell<bool>,
    /// Whether the peer has closed the connection since.
    has_hung_up: Cell<bool>,
    /// Wakes the peer's task to connect.
    wanted: Notify,
    outgoing: RefCell<Outgoing>,
}

/// What the tasks of a worker share.
struct Worker {
    hub: RefCell<Hub>,
    network: Arc<Network>,
    /// Where reads go: what is read is used up before anything else runs.
    scratch: RefCell<Box<[u8]>>,
    /// By session.
    clients: RefCell<Vec<Option<Rc<Client>>>>,
    /// By peer.
    places: RefCell<Vec<Rc<Place>>>,
    flusher: RefCell<Option<Waker>>,
    /// How often the hub has worked.
    turns: Cell<u64>,
    /// Clients that are connected.
    count: Cell<usize>,
    /// Told when the last client has gone.
    emptied: Notify,
    /// Peers that were there from the beginning and that nobody has tried to connect to yet.
    unmet: Cell<usize>,
    /// Told when there are none of those.
    met: Notify,
    /// Told when nothing is in progress any more, where the network is to change.
    quieted: Notify,
    /// Told when what is pending of flushes is to be looked at or changed.
    noting: Notify,
    /// Told when a task of it has panicked.
    panicked: Notify,
}

impl Worker {
    fn new(hub: Hub, network: Arc<Network>) -> Self {
        Self {
            unmet: Cell::new(hub.topology().peers().len()),
            hub: RefCell::new(hub),
            network,
            scratch: RefCell::new(vec![0; READ_BYTES_MAX].into_boxed_slice()),
            clients: RefCell::default(),
            places: RefCell::default(),
            flusher: RefCell::default(),
            turns: Cell::new(0),
            count: Cell::new(0),
            emptied: Notify::new(),
            met: Notify::new(),
            quieted: Notify::new(),
            noting: Notify::new(),
            panicked: Notify::new(),
        }
    }

    /// Has the flusher run after everything that is ready.
    fn wake_flusher(&self) {
        if let Some(flusher) = self.flusher.borrow_mut().take() {
            flusher.wake();
        }
    }

    /// Lets the hub work at the time it is now.
    fn with_hub<R>(&self, work: impl FnOnce(&mut Hub) -> R) -> R {
        let mut hub = self.hub.borrow_mut();
        hub.set_now(self.network.now());
        let result = work(&mut hub);
        drop(hub);
        self.turns.set(self.turns.get() + 1);
        self.wake_flusher();
        result
    }

    /// Somebody has tried to connect to a peer.
    fn note_met(&self, place: &Place) {
        if !place.is_met.replace(true) {
            self.unmet.set(self.unmet.get().saturating_sub(1));
            self.met.notify_one();
        }
    }

    fn client(&self, id: u32) -> Option<Rc<Client>> {
        self.clients.borrow().get(id as usize)?.clone()
    }

    /// Forgets a client whose session is over; its socket closes when its task ends.
    fn forget(&self, id: u32) {
        let client = self.clients.borrow_mut().get_mut(id as usize).and_then(Option::take);
        if let Some(client) = client {
            client.is_over.set(true);
        }
    }

    /// A client's socket is about to close.
    fn note_left(&self) {
        self.count.set(self.count.get() - 1);
        if self.count.get() == 0 {
            self.emptied.notify_waiters();
        }
    }
}

/// Serves clients over the network until no new ones come and the last has gone.
pub(crate) async fn run(hub: Hub, network: Arc<Network>, changes: Changes, intake: Intake) {
    let (orders, number) = hub.orders();
    let idle_pause = hub.idle_pause();
    let worker = Rc::new(Worker::new(hub, network));
    let mut tasks = tokio::task::JoinSet::new();
    let this = || Rc::clone(&worker);
    tasks.spawn_local(watched(this(), flush::flush(this())));
    tasks.spawn_local(watched(this(), listen_for_stirs(this())));
    tasks.spawn_local(watched(this(), listen_for_turns(this(), orders, number)));
    tasks.spawn_local(watched(this(), change::follow(this(), changes)));
    tasks.spawn_local(watched(this(), keep_notes(this())));
    tasks.spawn_local(watched(this(), look_at_idle(this(), idle_pause)));
    unless_panicked(&worker, serve(&worker, intake)).await;
    tasks.shutdown().await;
}

/// Takes clients in until no new ones come, and lets those who are there go.
async fn serve(worker: &Rc<Worker>, mut intake: Intake) {
    // Versions that clients bring along mean something only of a peer that was met (P-17).
    while worker.unmet.get() > 0 {
        worker.met.notified().await;
    }
    while let Some((socket, seat)) = intake.sockets.recv().await {
        match open(socket) {
            Ok((stream, name)) => welcome(worker, stream, name, seat),
            Err(error) => tracing::debug!(%error, "a connection was lost before it was served"),
        }
    }
    // The sender is gone, so the acceptor was told to drain.
    drop(intake.drains);
    drain(worker).await;
}

fn open(socket: Socket) -> io::Result<(Box<dyn Duplex>, String)> {
    Ok(match socket {
        Socket::Tcp(socket) => {
            let name = socket.peer_addr()?.to_string();
            (Box::new(TcpStream::from_std(socket)?), name)
        }
        Socket::Unix(socket) => (Box::new(UnixStream::from_std(socket)?), "a Unix socket".to_owned()),
    })
}

fn welcome(worker: &Rc<Worker>, stream: Box<dyn Duplex>, name: String, seat: Seat) {
    let (id, client) = admit(worker, stream, name, seat);
    let conversation = client::converse(Rc::clone(worker), id, client);
    tokio::task::spawn_local(watched(Rc::clone(worker), conversation));
}

/// A client that nobody reads from yet.
fn admit(worker: &Worker, stream: Box<dyn Duplex>, name: String, seat: Seat) -> (u32, Rc<Client>) {
    let id = worker.with_hub(|hub| hub.open_session(name));
    let stream = RefCell::new(stream);
    let (is_blocked, is_over) = (Cell::new(false), Cell::new(false));
    let client = Rc::new(Client { stream, is_blocked, is_over, _seat: seat });
    let mut clients = worker.clients.borrow_mut();
    let places = clients.len().max(id as usize + 1);
    clients.resize(places, None);
    clients[id as usize] = Some(Rc::clone(&client));
    worker.count.set(worker.count.get() + 1);
    (id, client)
}

/// Other workers let in writes that have waited for theirs.
async fn listen_for_turns(worker: Rc<Worker>, orders: Arc<Orders>, number: usize) {
    loop {
        orders.filled(number).await;
        worker.with_hub(Hub::look_at_granted);
    }
}

/// Looks for clients that say nothing and for memory that is not used, now and then.
async fn look_at_idle(worker: Rc<Worker>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        worker.with_hub(Hub::look_at_idle);
        worker.places.borrow().iter().for_each(|place| place.outgoing.borrow_mut().shrink());
    }
}

/// A change of the network concerns answers that are held, and peers that may have to be probed.
async fn listen_for_stirs(worker: Rc<Worker>) {
    loop {
        let mut stirred = std::pin::pin!(worker.network.stirred());
        stirred.as_mut().enable();
        worker.with_hub(Hub::look_at_held);
        stirred.await;
    }
}

/// Looks at what is pending of flushes and changes it, one after the other.
async fn keep_notes(worker: Rc<Worker>) {
    loop {
        let next = worker.hub.borrow_mut().next_note();
        let Some((note, pending)) = next else {
            worker.noting.notified().await;
            continue;
        };
        let found = tokio::task::spawn_blocking(move || note.run(&*pending)).await;
        worker.with_hub(|hub| hub.noted(note, found.unwrap_or_else(|error| Err(io::Error::other(error)))));
    }
}

/// Answers what was asked, carries to its end what was begun, whoever still listens, and closes every
/// connection.
async fn drain(worker: &Worker) {
    worker.with_hub(Hub::end_all);
    if timeout(DRAIN_TIMEOUT, emptied(worker)).await.is_err() {
        // There is too much of it. Whoever is being answered gets that answer whole.
        let clients = worker.count.get();
        tracing::info!(clients, "answering what was begun; what else clients have sent is not executed");
        worker.with_hub(Hub::begin_no_more);
        if timeout(LAST_ANSWERS_TIMEOUT, emptied(worker)).await.is_err() {
            let clients = worker.count.get();
            tracing::warn!(clients, "closing connections that do not take their answers");
        }
    }
    // A write whose client has left may be missing on a peer all the same, and others have to learn of that.
    worker.with_hub(Hub::begin_change);
    if timeout(worker.network.policy().request, change::quiet(worker)).await.is_err() {
        tracing::warn!("what some clients have asked does not come to an end");
    }
    worker.with_hub(Hub::abandon_links);
    worker.network.stir();
}

/// Waits until the last client has gone.
async fn emptied(worker: &Worker) {
    loop {
        let mut emptied = std::pin::pin!(worker.emptied.notified());
        emptied.as_mut().enable();
        if worker.count.get() == 0 {
            return;
        }
        emptied.await;
    }
}
