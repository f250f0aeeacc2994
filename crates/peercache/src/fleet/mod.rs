//! The peers of one state directory as running things: state and supervisor joined.
//!
//! State alone knows what was meant; the operating system alone knows what runs. Every command that needs
//! both goes through here. The lock of the state is never held while a daemon is waited for: instead a start
//! *claims* its peer in the state, and a claim is as good as its holder is alive.

mod ask;
mod attached;
mod claim;
mod connect;
mod look;
mod proxies;
mod serve;
mod start;
mod stop;
mod users;

pub(crate) use ask::{statistics, version};
pub(crate) use attached::{record_attached, refuse_known};
pub(crate) use claim::refuse_while_starting;
pub(crate) use connect::{Connected, connect, read_network, topology, unknown_network};
pub(crate) use look::{Condition, condition, look};
pub(crate) use proxies::{running_proxies, start_proxy, stop_proxy};
pub(crate) use serve::{ServeWish, Serving};
pub(crate) use start::{Engines, Interrupt, Interrupted, StartWish, Started, start, start_all, together};
pub(crate) use stop::{Stop, stop, stop_all};
pub(crate) use users::{check_users, warn_of_root};

use crate::output::Failure;
use peercache_core::spec::PeerId;
use std::time::Duration;

/// How long a daemon may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// How long a daemon may take to serve after it was started.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// There is no such peer.
pub(crate) fn unknown_peer(id: &PeerId) -> anyhow::Error {
    let hint = format!("peercache peer list shows all; peercache peer start {id} makes it");
    Failure::new(format!("there is no peer {id}"), hint).into()
}
