//! Clients that say nothing for too long lose their place (S10).

use super::hub::Hub;
use std::time::Duration;

/// How often a worker looks for idle clients at most; a time-out is kept to a quarter of itself, or to this.
const LOOK_MAX: Duration = Duration::from_secs(10);

/// How long to wait between two looks.
pub(super) fn pause(timeout: Duration) -> Duration {
    (timeout / 4).min(LOOK_MAX)
}

impl Hub {
    /// Hangs up on clients that have sent and taken nothing for so long. One that takes its answers slowly is
    /// not idle, one that takes none of them is.
    pub(super) fn end_idle(&mut self, timeout: Duration) {
        let now = self.core.known.now;
        let is_idle = |active_at: Duration| active_at + timeout <= now;
        let sessions = self.core.sessions.iter().filter(|(_, session)| is_idle(session.active_at));
        let idle: Vec<_> = sessions.map(|(id, _)| id as u32).collect();
        for id in idle {
            if let Some(session) = self.session(id) {
                tracing::info!(
                    client = session.client,
                    "closing a connection: it has been idle for too long"
                );
            }
            self.client_gone(id);
        }
    }
}
