//! One question to one peer's daemon, as whoever we are there.

use crate::state::PeerRecord;
use peercache_agent::supervise::{StatsError, stats};
use std::time::Duration;

/// The version that a peer says it has.
pub(crate) async fn version(peer: &PeerRecord, within: Duration) -> Result<String, StatsError> {
    stats::version(peer.address(), peer.auth_file.as_ref(), within).await
}

/// Everything a peer says of itself.
pub(crate) async fn statistics(
    peer: &PeerRecord,
    within: Duration,
) -> Result<Vec<(String, String)>, StatsError> {
    stats::query(peer.address(), peer.auth_file.as_ref(), within).await
}
