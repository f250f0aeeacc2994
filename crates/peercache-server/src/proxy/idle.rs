//! Clients that say nothing for too long lose their place (S10).

use super::access::LOGIN_TIMEOUT;
use super::hub::Hub;
use super::session::Session;
use std::time::Duration;

/// How often a worker looks for idle clients at most; a time-out is kept to a quarter of itself, or to this.
const LOOK_MAX: Duration = Duration::from_secs(10);

impl Hub {
    /// How long to wait between two looks for idle clients; none where clients may be idle for ever.
    pub(super) fn idle_pause(&self) -> Option<Duration> {
        let login = self.shared.passwords.as_ref().map(|_| LOGIN_TIMEOUT);
        let shortest = self.shared.idle_timeout.into_iter().chain(login).min()?;
        Some((shortest / 4).min(LOOK_MAX))
    }

    /// Hangs up on clients that have sent and taken nothing for too long. One that takes its answers slowly
    /// is not idle, one that takes none of them is; one that does not say who it is has a time of its own.
    pub(super) fn end_idle(&mut self) {
        let (now, timeout) = (self.core.known.now, self.shared.idle_timeout);
        let is_idle = |session: &Session| {
            timeout.is_some_and(|timeout| session.active_at + timeout <= now)
                || session.access.is_overdue(now)
        };
        let sessions = self.core.sessions.iter().filter(|(_, session)| is_idle(session));
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
