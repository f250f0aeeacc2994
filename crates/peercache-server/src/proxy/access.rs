//! Lets clients in that say who they are, where that is asked for (S4).

use super::hub::Hub;
use super::intake::Began;
use crate::login::{self, FAILURES_MAX, Login, NOT_ADMITTED};
use std::time::Duration;

/// How long a client has to say who it is.
pub(super) const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether a client may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Granted,
    Asked { since: Duration, failures: u8 },
}

impl Access {
    /// Whether it had its time and did not get in.
    pub(super) fn is_overdue(self, now: Duration) -> bool {
        matches!(self, Self::Asked { since, .. } if since + LOGIN_TIMEOUT <= now)
    }
}

impl Hub {
    /// What a client who comes now may do.
    pub(super) fn access(&self) -> Access {
        match self.shared.passwords {
            None => Access::Granted,
            Some(_) => Access::Asked { since: self.core.known.now, failures: 0 },
        }
    }

    /// Takes in one thing that a client says who has to say who it is; nothing while that is not whole. Tells
    /// how many bytes it took.
    pub(super) fn log_in(&mut self, id: u32, input: &[u8]) -> Option<(Began, usize)> {
        let (answer, bytes, is_last) = match login::decode(input) {
            Login::Incomplete => {
                let session = self.session(id)?;
                (session.bytes_needed, session.parked_at) = (input.len() + 1, None);
                return None;
            }
            Login::Attempt { user, password, bytes } => {
                let admits = self.shared.passwords.as_ref().is_none_or(|known| known.admits(user, password));
                if admits {
                    if let Some(session) = self.session(id) {
                        session.access = Access::Granted;
                    }
                    return Some((self.say(id, "STORED"), bytes));
                }
                (NOT_ADMITTED, bytes, false)
            }
            Login::Refused { answer, bytes } => (answer, bytes, false),
            Login::Close { answer } => (answer, input.len(), true),
        };
        let began = self.say(id, answer);
        let is_enough = self.session(id).is_some_and(|session| match &mut session.access {
            Access::Granted => false,
            Access::Asked { failures, .. } => {
                *failures += 1;
                *failures >= FAILURES_MAX
            }
        });
        if is_enough || is_last {
            let client = self.session(id).map(|session| session.client.as_str());
            tracing::warn!(client, "closing a connection: it does not say who it is");
            return Some((Began::Close, bytes));
        }
        Some((began, bytes))
    }
}
