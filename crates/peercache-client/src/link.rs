//! One pipelined connection to one peer, which opens itself when it is needed and again when it was lost.
//!
//! Any task may push a request; one driver task moves the bytes, so requests of one wake-up leave in one
//! write. What happens to them is decided by core's `link`; a time-out never closes a link (P-31).

use crate::answer::{Answer, Collector};
use crate::driver;
use crate::network::Network;
use peercache_core::link::{self, Busy};
use peercache_core::pipeline::PipelineLimits;
use peercache_core::protocol::memcached::command::Command;
use peercache_core::replication::Lost;
use peercache_core::topology::TopologyPeer;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// A link to one peer. Dropping it closes it once what was pushed is answered or lost.
#[derive(Debug)]
pub(crate) struct Link {
    shared: Arc<LinkShared>,
}

/// What the link's users and its driver share.
#[derive(Debug)]
pub(crate) struct LinkShared {
    pub(crate) network: Arc<Network>,
    pub(crate) peer: TopologyPeer,
    state: Mutex<LinkState>,
    /// Wakes the driver: there is output, or the link was dropped.
    pub(crate) wake: Notify,
    /// Wakes those who wait because the link is full.
    drained: Notify,
}

#[derive(Debug)]
pub(crate) struct LinkState {
    pub(crate) link: link::Link<Collector>,
    /// Why the link is not open, in words for users.
    pub(crate) trouble: Option<String>,
}

impl Link {
    /// A link that will connect when it is first used. Must be called inside a tokio runtime.
    pub(crate) fn open(network: Arc<Network>, peer: TopologyPeer) -> Self {
        let silence = network.policy().silence;
        let link = link::Link::new(Arc::clone(&peer.cell), PipelineLimits::default(), silence);
        let shared = Arc::new(LinkShared {
            network,
            peer,
            state: Mutex::new(LinkState { link, trouble: None }),
            wake: Notify::new(),
            drained: Notify::new(),
        });
        tokio::spawn(driver::drive(Arc::clone(&shared)));
        Self { shared }
    }

    /// Sends `command` and waits for its answer until `deadline` on the network's clock.
    pub(crate) async fn call(&self, command: &Command<'_>, deadline: Duration) -> Answer {
        let pushed = match self.shared.push(command, deadline) {
            Ok(pushed) => pushed,
            Err(Busy::Refusing) => return Answer::Lost(Lost::NotSent),
            Err(Busy::Full) => {
                let until = self.shared.network.instant(deadline);
                match tokio::time::timeout_at(until, self.push_when_drained(command, deadline)).await {
                    Ok(Some(pushed)) => pushed,
                    Ok(None) | Err(_) => return Answer::Lost(Lost::NotSent),
                }
            }
        };
        // The driver keeps the deadline and answers every collector, at the latest when it is dropped itself.
        pushed.await.unwrap_or(Answer::Lost(Lost::Ambiguous))
    }

    /// Why the peer is not connected, if it is not.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.shared.lock().trouble.clone()
    }

    /// Parks the request until the link has room (P-60).
    async fn push_when_drained(&self, command: &Command<'_>, deadline: Duration) -> Option<Pushed> {
        loop {
            let mut drained = std::pin::pin!(self.shared.drained.notified());
            drained.as_mut().enable();
            match self.shared.push(command, deadline) {
                Ok(pushed) => return Some(pushed),
                Err(Busy::Refusing) => return None,
                Err(Busy::Full) => drained.await,
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.lock().link.give_up();
        self.shared.wake.notify_one();
    }
}

type Pushed = tokio::sync::oneshot::Receiver<Answer>;

impl LinkShared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, LinkState> {
        // No code that holds the lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, command: &Command<'_>, deadline: Duration) -> Result<Pushed, Busy> {
        let mut state = self.lock();
        state.link.room()?;
        let (collector, answer) = Collector::new();
        state.link.push(command, collector, deadline);
        drop(state);
        self.wake.notify_one();
        Ok(answer)
    }

    pub(crate) fn wake_parked(&self) {
        self.drained.notify_waiters();
    }
}
