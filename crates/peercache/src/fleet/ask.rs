//! One question to one peer's daemon, as whoever we are there.

use crate::state::PeerRecord;
use peercache_agent::supervise::{Protocol, StatsError, engine};
use std::time::Duration;

/// The version that a peer says it has.
pub(crate) async fn version(peer: &PeerRecord, within: Duration) -> Result<String, StatsError> {
    protocol(peer).version(peer.address(), peer.auth_file.as_ref(), within).await
}

/// Everything a peer says of itself, in its engine's names.
pub(crate) async fn statistics(
    peer: &PeerRecord,
    within: Duration,
) -> Result<Vec<(String, String)>, StatsError> {
    protocol(peer).statistics(peer.address(), peer.auth_file.as_ref(), within).await
}

fn protocol(peer: &PeerRecord) -> Protocol {
    engine::of(peer.engine).protocol()
}
