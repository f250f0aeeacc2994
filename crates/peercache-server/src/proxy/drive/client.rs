//! Reads from one client, while its session wants more; and goes on writing to it where its socket was full.

use super::{Client, LINGER_SILENCE, LINGER_TIMEOUT, READ_BYTES_MAX, Worker};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;
use tokio::task::yield_now;
use tokio::time::timeout;

/// The task of one client; ends when its session is over.
pub(super) async fn converse(worker: Rc<Worker>, id: u32, client: Rc<Client>) {
    poll_fn(|cx| poll(&worker, id, &client, cx)).await;
    let shut = poll_fn(|cx| Pin::new(&mut **client.stream.borrow_mut()).poll_shutdown(cx)).await;
    if let Err(error) = shut {
        tracing::trace!(%error, "the client was gone already");
    } else if timeout(LINGER_TIMEOUT, linger(&worker, &client)).await.is_err() {
        tracing::trace!("the client goes on talking");
    }
    // The socket closes with the last that holds it.
    worker.note_left();
}

/// Takes what still comes, until the client closes its side or falls silent. A socket that is closed with
/// something unread in it is reset, and the answers that were on their way to the client are lost.
async fn linger(worker: &Worker, client: &Client) {
    while let Ok(true) = timeout(LINGER_SILENCE, poll_fn(|cx| poll_discard(worker, client, cx))).await {
        // There may be more; others have their turn first.
        yield_now().await;
    }
}

/// Throws away what the client says; tells whether it may say more.
fn poll_discard(worker: &Worker, client: &Client, cx: &mut Context<'_>) -> Poll<bool> {
    let mut scratch = worker.scratch.borrow_mut();
    let mut buffer = ReadBuf::new(&mut scratch);
    let read = ready!(Pin::new(&mut **client.stream.borrow_mut()).poll_read(cx, &mut buffer));
    Poll::Ready(read.is_ok() && !buffer.filled().is_empty())
}

fn poll(worker: &Worker, id: u32, client: &Client, cx: &mut Context<'_>) -> Poll<()> {
    if client.is_over.get() {
        return Poll::Ready(());
    }
    if client.is_blocked.get() && poll_write(worker, id, client, cx).is_ready() {
        client.is_blocked.set(false);
        worker.with_hub(|hub| hub.touch(id));
    }
    loop {
        if !wants_input(worker, id, cx) {
            return Poll::Pending;
        }
        let mut scratch = worker.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        let read = Pin::new(&mut **client.stream.borrow_mut()).poll_read(cx, &mut buffer);
        match ready!(read) {
            Ok(()) if buffer.filled().is_empty() => worker.with_hub(|hub| hub.client_ended(id)),
            Ok(()) => {
                worker.with_hub(|hub| hub.client_input(id, buffer.filled()));
                if buffer.filled().len() == READ_BYTES_MAX {
                    // There may be more; others have their turn first.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a connection was lost");
                worker.with_hub(|hub| hub.client_gone(id));
            }
        }
    }
}

/// Whether the session takes more; if not, it wakes this task when it does.
fn wants_input(worker: &Worker, id: u32, cx: &mut Context<'_>) -> bool {
    let mut hub = worker.hub.borrow_mut();
    let Some(session) = hub.session(id) else { return false };
    match &session.reader {
        Some(reader) if reader.will_wake(cx.waker()) => {}
        _ => session.reader = Some(cx.waker().clone()),
    }
    session.wants_input()
}

/// Sends what the session has to send; ready when that was all, or nobody takes it any more.
pub(super) fn poll_write(worker: &Worker, id: u32, client: &Client, cx: &mut Context<'_>) -> Poll<()> {
    let mut hub = worker.hub.borrow_mut();
    loop {
        let Some(session) = hub.session(id) else { return Poll::Ready(()) };
        let unsent = &session.out[session.sent..];
        if unsent.is_empty() {
            return Poll::Ready(());
        }
        let written = Pin::new(&mut **client.stream.borrow_mut()).poll_write(cx, unsent);
        match ready!(written) {
            Ok(bytes) if bytes > 0 => {
                hub.note_written(id, bytes);
            }
            _ => {
                hub.client_gone(id);
                return Poll::Ready(());
            }
        }
    }
}
