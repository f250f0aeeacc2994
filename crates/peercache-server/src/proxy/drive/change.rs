//! Takes a worker over to a changed network, together with all others.

use super::{Place, Worker, peer, watched};
use crate::proxy::changer::Changes;
use crate::proxy::hub::Hub;
use peercache_core::topology::Topology;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Has a task for each peer of the network, and follows its changes, for as long as it is polled.
pub(super) async fn follow(worker: Rc<Worker>, mut changes: Changes) {
    // Aborted with this task.
    let mut tasks = JoinSet::new();
    let topology = Arc::clone(worker.hub.borrow().topology());
    settle_on(&worker, &topology, Vec::new(), &mut tasks);
    while changes.changed().await.is_ok() {
        let Some(change) = changes.borrow_and_update().clone() else { continue };
        worker.with_hub(Hub::begin_change);
        quiet(&worker).await;
        change.all_stopped(change.topology.policy().request).await;
        let moves = worker.with_hub(|hub| hub.change(&change.topology));
        settle_on(&worker, &change.topology, moves, &mut tasks);
        worker.with_hub(Hub::end_change);
        change.worker_goes_on();
        while tasks.try_join_next().is_some() {}
    }
    // Nobody will change it any more; those who have left it still look after their peers.
    std::future::pending::<()>().await;
}

/// Waits until nothing is in progress.
pub(super) async fn quiet(worker: &Worker) {
    loop {
        let mut quieted = pin!(worker.quieted.notified());
        quieted.as_mut().enable();
        if worker.hub.borrow().is_quiet() {
            return;
        }
        quieted.await;
    }
}

/// Moves each peer to its new place, has those end that have none, and begins with those that are new.
fn settle_on(worker: &Rc<Worker>, topology: &Topology, moves: Vec<Option<usize>>, tasks: &mut JoinSet<()>) {
    let before = worker.places.take();
    let is_first = before.is_empty();
    let mut after: Vec<Option<Rc<Place>>> = topology.peers().iter().map(|_| None).collect();
    for (place, to) in before.into_iter().zip(moves) {
        place.index.set(to);
        match to {
            Some(to) => after[to] = Some(place),
            None => {
                // Nobody waits any longer for it to be met.
                worker.note_met(&place);
                place.end();
            }
        }
    }
    let mut begin = |index| {
        let place = Rc::<Place>::default();
        place.index.set(Some(index));
        // Clients are let in already: only those that are there from the beginning are waited for.
        place.is_met.set(!is_first);
        let driven = peer::drive(Rc::clone(worker), Rc::clone(&place));
        tasks.spawn_local(watched(Rc::clone(worker), driven));
        place
    };
    let places = after.into_iter().enumerate();
    *worker.places.borrow_mut() =
        places.map(|(index, place)| place.unwrap_or_else(|| begin(index))).collect();
}

impl Place {
    /// Wakes whoever has to notice that the peer has left.
    fn end(&self) {
        self.wanted.notify_one();
        let reader = self.connection.borrow().as_ref().and_then(|connection| connection.reader.take());
        reader.into_iter().for_each(std::task::Waker::wake);
    }
}
