//! One socket and its session.
//!
//! A wake-up is one read, all requests that are whole, one write. Nothing is read while an answer cannot be
//! sent, so a client that does not read holds one turn's answers and no more.

use crate::connections::{Connected, Doing};
use crate::engine::Engine;
use crate::session::{Session, Step};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;

/// How many bytes one read takes at most.
pub(crate) const READ_BYTES_MAX: usize = 64 * 1024;

/// How much of an empty answer buffer a connection keeps, in bytes: there may be thousands of connections.
const OUT_BYTES_KEPT: usize = 16 * 1024;

/// Where reads go, one for all connections of a worker: what is read is used up before anything else runs.
pub(crate) type Scratch = RefCell<Box<[u8]>>;

pub(crate) fn scratch() -> Scratch {
    RefCell::new(vec![0; READ_BYTES_MAX].into_boxed_slice())
}

/// Serves one client until it leaves, misbehaves, or the server drains and the client has nothing more to
/// ask.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    connected: &Connected,
    engine: &Engine,
    scratch: &Scratch,
    drains: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut connection =
        Connection { stream, connected, engine, session: Session::new(engine), out: Vec::new() };
    let mut drains = Drains::new(drains);
    loop {
        let read = poll_fn(|cx| connection.poll_read(cx, scratch));
        let step = tokio::select! {
            biased;
            step = read => step?,
            () = drains.begun() => return connection.stream.shutdown().await,
            () = has_been_silent(engine) => {
                engine.gauges.idle_kicks.fetch_add(1, Relaxed);
                return connection.stream.shutdown().await;
            }
        };
        let Some(step) = step else { return Ok(()) };
        if connection.answer(step).await? == Step::Close {
            return connection.stream.shutdown().await;
        }
    }
}

/// Whether the server drains.
struct Drains {
    now: watch::Receiver<bool>,
    begun: Pin<Box<dyn Future<Output = ()>>>,
    is_awaited: bool,
}

impl Drains {
    fn new(now: watch::Receiver<bool>) -> Self {
        let mut later = now.clone();
        let begun = Box::pin(async move { drop(later.wait_for(|&draining| draining).await) });
        Self { now, begun, is_awaited: false }
    }

    /// Waits until it does. It is asked in every turn, and leaves word only once where it is to be woken;
    /// from then on a look at a number is enough.
    async fn begun(&mut self) {
        poll_fn(|cx| {
            let is_news = !self.is_awaited || self.now.has_changed().unwrap_or(true);
            self.is_awaited = true;
            if is_news { self.begun.as_mut().poll(cx) } else { Poll::Pending }
        })
        .await;
    }
}

/// Waits for as long as a client may be silent.
async fn has_been_silent(engine: &Engine) {
    match engine.options.idle_timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

struct Connection<'a, S> {
    stream: S,
    /// What others are told of it.
    connected: &'a Connected,
    engine: &'a Engine,
    session: Session,
    out: Vec<u8>,
}

/// However it ends.
impl<S> Drop for Connection<'_, S> {
    fn drop(&mut self) {
        self.session.abandon(self.engine);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// One read and all that is whole by then; nothing when the client has closed.
    fn poll_read(&mut self, cx: &mut Context<'_>, scratch: &Scratch) -> Poll<io::Result<Option<Step>>> {
        let mut scratch = scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let input = buffer.filled();
        if input.is_empty() {
            return Poll::Ready(Ok(None));
        }
        self.engine.gauges.read_bytes.fetch_add(input.len() as u64, Relaxed);
        let now = self.engine.now();
        self.connected.executes(now);
        let step = self.session.handle_input(self.engine, input, now, &mut self.out);
        self.connected.does(Doing::Writing);
        Poll::Ready(Ok(Some(step)))
    }

    /// Sends the answers, turn by turn.
    async fn answer(&mut self, mut step: Step) -> io::Result<Step> {
        loop {
            self.stream.write_all(&self.out).await?;
            self.engine.gauges.written_bytes.fetch_add(self.out.len() as u64, Relaxed);
            self.out.clear();
            self.out.shrink_to(OUT_BYTES_KEPT);
            if step != Step::Again {
                self.connected.does(self.session.awaits());
                return Ok(step);
            }
            // There is more to answer, and others may have waited for their turn.
            self.engine.gauges.yields.fetch_add(1, Relaxed);
            tokio::task::yield_now().await;
            step = self.session.handle_input(self.engine, &[], self.engine.now(), &mut self.out);
        }
    }
}
