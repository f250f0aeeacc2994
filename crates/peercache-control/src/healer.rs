//! Carries out returns: one task a peer, asleep until the peer answers and may not be read. A peer that is
//! down is looked at from time to time, since whoever found it down may be gone.

use crate::returning::{Return, ReturnFacts, ReturnStep};
use peercache_client::Network;
use peercache_client::direct::{self, DirectError};
use peercache_core::health::{Event, Identified, Phase};
use peercache_core::link::Backoff;
use peercache_core::topology::TopologyPeer;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

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
        let progress = if peer.cell.state().phase() == Phase::Down {
            probe(&network, peer).await
        } else if needs_return(peer) {
            bring_back(&network, peer, &mut lost_writes).await
        } else {
            backoff.reset();
            stirred.await;
            continue;
        };
        match progress {
            Ok(Progress::Returned(phase)) => {
                lost_writes = false;
                backoff.reset();
                tracing::info!(peer = %peer.spec.id, "returned: {phase}");
                network.stir();
            }
            Ok(Progress::Answers) => {}
            Ok(Progress::Disturbed) => tokio::time::sleep(backoff.wait(rand::random())).await,
            Err(error) => {
                tracing::debug!(peer = %peer.spec.id, address = %peer.spec.address, "not back: {error}");
                tokio::time::sleep(backoff.wait(rand::random())).await;
            }
        }
    }
}

/// How an attempt to help a peer went.
enum Progress {
    /// It was down and answers.
    Answers,
    /// It may be read again, in this phase.
    Returned(Phase),
    /// Something happened meanwhile that makes the return start over.
    Disturbed,
}

/// Looks whether a peer that is down answers again. Links look too, but whoever found it down may be gone.
async fn probe(network: &Network, peer: &TopologyPeer) -> Result<Progress, DirectError> {
    direct::open_greeted(peer.spec.address, network.topology().policy()).await?;
    network.observe(peer, Event::Answered);
    Ok(Progress::Answers)
}

/// Whether the peer answers, is kept from being read, and every link has what it is owed (P-31).
fn needs_return(peer: &TopologyPeer) -> bool {
    let state = peer.cell.state();
    let answers = state.phase() != Phase::Down;
    answers && (state.phase() == Phase::Returning || state.has_missed()) && peer.cell.debts() == 0
}

/// One return.
async fn bring_back(
    network: &Network,
    peer: &TopologyPeer,
    lost_writes: &mut bool,
) -> Result<Progress, DirectError> {
    let policy = network.topology().policy();
    let ticket = peer.cell.begin_return();
    *lost_writes |= peer.cell.take_lost_writes();
    let (mut stream, greeting) = direct::open_greeted(peer.spec.address, policy).await?;
    if peer.cell.identify(greeting.incarnation) == Identified::New {
        *lost_writes = false;
        return Ok(Progress::Disturbed);
    }
    let (mut returning, mut step) = Return::begin(ReturnFacts {
        unreadable: peer.cell.state().has_missed(),
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
            ReturnStep::Finish(phase) => {
                // Whoever declared a debt meanwhile makes the peer unreadable next, which undoes this.
                let returned = peer.cell.finish_return(ticket, phase);
                return Ok(returned.map_or(Progress::Disturbed, Progress::Returned));
            }
        };
    }
}

async fn flush(stream: &mut TcpStream, within: Duration) -> Result<(), DirectError> {
    let late = |_| DirectError::Late { within_ms: within.as_millis() };
    tokio::time::timeout(within, direct::flush(stream)).await.map_err(late)?
}
