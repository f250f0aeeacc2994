//! Carries out returns: one task a peer, asleep until the peer answers and may not be read. A peer that was
//! down before any link met it has nobody else to look after it, so this looks whether it answers.

use crate::returning::{Return, ReturnFacts, ReturnStep};
use peercache_client::direct::{self, DirectError};
use peercache_client::{Backoff, Network};
use peercache_core::health::{Event, Identified, Phase};
use peercache_core::topology::TopologyPeer;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The pause after a return that failed half way.
const RETRY: Duration = Duration::from_millis(200);

/// Brings a network's peers back for as long as it lives. One a process is enough, whatever the number of
/// clients that share the network.
#[derive(Debug)]
pub struct Healer {
    /// Aborted when dropped.
    _tasks: JoinSet<()>,
}

impl Healer {
    /// Begins to watch. Must be called inside a tokio runtime.
    #[must_use]
    pub fn spawn(network: &Arc<Network>) -> Self {
        let mut tasks = JoinSet::new();
        for index in 0..network.topology().peers().len() {
            tasks.spawn(watch(Arc::clone(network), index));
        }
        Self { _tasks: tasks }
    }
}

/// Heals one peer whenever it needs it.
async fn watch(network: Arc<Network>, index: usize) {
    let peer = &network.topology().peers()[index];
    // Writes of lost links count until a return that knew of them has succeeded.
    let mut lost_writes = false;
    let mut backoff = Backoff::default();
    loop {
        let mut stirred = pin!(network.stirred());
        stirred.as_mut().enable();
        if is_unmet_and_down(peer) {
            if direct::open_greeted(peer.spec.address, network.topology().policy()).await.is_ok() {
                network.observe(peer, Event::Answered);
            } else {
                tokio::time::sleep(backoff.wait()).await;
            }
            continue;
        }
        if !needs_return(peer) {
            stirred.await;
            continue;
        }
        match bring_back(&network, peer, &mut lost_writes).await {
            Ok(Some(phase)) => {
                lost_writes = false;
                tracing::info!(peer = %peer.spec.id, "returned: {phase}");
                network.stir();
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(peer = %peer.spec.id, address = %peer.spec.address, "cannot return: {error}");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

fn is_unmet_and_down(peer: &TopologyPeer) -> bool {
    peer.cell.state().phase() == Phase::Down && peer.cell.incarnation().is_none()
}

/// Whether the peer answers, is kept from being read, and every link has what it is owed (P-31).
fn needs_return(peer: &TopologyPeer) -> bool {
    let state = peer.cell.state();
    let answers = state.phase() != Phase::Down;
    answers && (state.phase() == Phase::Returning || !state.is_readable()) && peer.cell.debts() == 0
}

/// One return. None where something happened meanwhile that makes it start over.
async fn bring_back(
    network: &Network,
    peer: &TopologyPeer,
    lost_writes: &mut bool,
) -> Result<Option<Phase>, DirectError> {
    let policy = network.topology().policy();
    let ticket = peer.cell.begin_return();
    *lost_writes |= peer.cell.take_lost_writes();
    let (mut stream, greeting) = direct::open_greeted(peer.spec.address, policy).await?;
    if peer.cell.identify(greeting.incarnation) == Identified::New {
        *lost_writes = false;
        return Ok(None);
    }
    let (mut returning, mut step) = Return::begin(ReturnFacts {
        unreadable: !peer.cell.state().is_readable(),
        lost_writes: *lost_writes,
        items: greeting.items,
        has_siblings: network.topology().has_siblings(),
    });
    loop {
        step = match step {
            ReturnStep::Flush => {
                flush(&mut stream, policy.request).await?;
                returning.flushed()
            }
            ReturnStep::Wait(pause) => {
                tokio::time::sleep(pause).await;
                returning.waited()
            }
            ReturnStep::Finish(phase) => return Ok(peer.cell.finish_return(ticket, phase).then_some(phase)),
        };
    }
}

async fn flush(stream: &mut TcpStream, within: Duration) -> Result<(), DirectError> {
    let late = |_| DirectError::Late { within_ms: within.as_millis() };
    tokio::time::timeout(within, direct::flush(stream)).await.map_err(late)?
}
