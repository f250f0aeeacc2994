//! Ends the connections of clients that have said nothing for too long.
//!
//! The clients are looked at from time to time instead of each having a timer that every request would move.

use super::Worker;
use crate::proxy::hub::Hub;
use std::rc::Rc;

/// Looks in the time that a client may be silent. It may take one of them longer.
const LOOKS: u8 = 4;

/// Ends them for as long as it is polled; for ever nobody, where clients may be silent for ever.
pub(super) async fn end_idle(worker: Rc<Worker>) {
    let idle_timeout = worker.hub.borrow().idle_timeout();
    let Some(idle_timeout) = idle_timeout else { return };
    let mut looks = tokio::time::interval(idle_timeout / u32::from(LOOKS));
    loop {
        looks.tick().await;
        let clients = worker.clients.borrow().clone();
        for (id, client) in (0..).zip(clients) {
            let Some(client) = client else { continue };
            let silent = client.silent_looks.get().saturating_add(1);
            client.silent_looks.set(silent);
            if silent > LOOKS {
                worker.with_hub(|hub: &mut Hub| hub.client_ended(id));
            }
        }
    }
}
