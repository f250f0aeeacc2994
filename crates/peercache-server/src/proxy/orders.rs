//! The order of writes of one key over all workers of a proxy (P-16): core's stripes, shared.
//!
//! Only networks that keep copies need it. What a stripe lets in may belong to another worker, which finds
//! it in its inbox.

use peercache_core::replication::order::{Entered, Stripe, Together, Who};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How many stripes there are: keys that share one wait for each other only when written at the same moment.
const STRIPES: usize = 1024;

/// The stripes, and an inbox for each worker.
#[derive(Debug)]
pub(crate) struct Orders {
    stripes: Vec<Mutex<Stripe>>,
    inboxes: Vec<Inbox>,
}

#[derive(Debug, Default)]
struct Inbox {
    granted: Mutex<Vec<u32>>,
    filled: Notify,
}

/// A request's place in a stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    stripe: u16,
    pub(crate) request: u32,
}

impl Orders {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            inboxes: (0..workers).map(|_| Inbox::default()).collect(),
        }
    }

    /// A write of the item that `name` stands for wants to begin. It must leave, whatever becomes of it.
    pub(crate) fn enter(&self, who: Who, name: &[u8], together: Together) -> (Place, Entered) {
        let stripe = Stripe::of(name, STRIPES);
        let entered = lock(&self.stripes[stripe]).enter(who, together);
        (Place { stripe: stripe as u16, request: who.request }, entered)
    }

    /// A write has settled, or is given up. Requests of `worker` that may begin now are appended to
    /// `granted`.
    pub(crate) fn leave(&self, worker: u16, place: Place, granted: &mut Vec<u32>) {
        let mut let_in = Vec::new();
        lock(&self.stripes[usize::from(place.stripe)])
            .leave(Who { worker, request: place.request }, &mut let_in);
        for who in let_in {
            if who.worker == worker {
                granted.push(who.request);
            } else if let Some(inbox) = self.inboxes.get(usize::from(who.worker)) {
                lock(&inbox.granted).push(who.request);
                inbox.filled.notify_one();
            }
        }
    }

    /// Takes out the requests of `worker` that others have let in.
    pub(crate) fn take_granted(&self, worker: usize, granted: &mut Vec<u32>) {
        granted.append(&mut lock(&self.inboxes[worker].granted));
    }

    /// Waits until others have let in a request of `worker`.
    pub(crate) async fn filled(&self, worker: usize) {
        self.inboxes[worker].filled.notified().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that holds the lock can leave what it guards half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
