//! Clients that say nothing give back their memory, and lose their place where that is asked for (S10).

use super::access::LOGIN_TIMEOUT;
use super::hub::Hub;
use super::session::Session;
use std::time::Duration;

/// How often a worker looks for idle clients at least; a time-out is kept to a quarter of itself, or to this.
const LOOK_MAX: Duration = Duration::from_secs(10);

impl Hub {
    /// How long to wait between two looks for idle clients.
    pub(super) fn idle_pause(&self) -> Duration {
        let login = self.shared.passwords.as_ref().map(|_| LOGIN_TIMEOUT);
        let shortest = self.shared.idle_timeout.into_iter().chain(login).min();
        shortest.map_or(LOOK_MAX, |shortest| (shortest / 4).min(LOOK_MAX))
    }

    /// Looks at clients that have sent and taken nothing for a while.
    pub(super) fn look_at_idle(&mut self) {
        let now = self.core.known.now;
        for (_, session) in &mut self.core.sessions {
            if session.active_at + LOOK_MAX <= now {
                session.shrink();
            }
        }
        self.peers.iter_mut().for_each(|peer| peer.link.shrink());
        self.end_idle();
    }

    /// Hangs up on clients that have sent and taken nothing for too long. One that takes its answers slowly
    /// is not idle, one that takes none of them is; one that does not say who it is has a time of its own.
    fn end_idle(&mut self) {
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
