//! Which troubles with clients are worth a line of the log: the first of its kind, and then one a minute.
//! Whoever causes them could otherwise fill a disk.

use peercache_core::protocol::memcached::request::Reason;
use std::time::Duration;

/// How long a reason is not named again.
const PAUSE: Duration = Duration::from_secs(60);

/// When each reason was last named.
#[derive(Debug, Default)]
pub(crate) struct Complaints(Vec<(Reason, Duration)>);

impl Complaints {
    /// Notes a trouble; tells whether to name it.
    pub(crate) fn is_due(&mut self, reason: Reason, now: Duration) -> bool {
        match self.0.iter_mut().find(|(named, _)| *named == reason) {
            Some((_, at)) if now < *at + PAUSE => return false,
            Some((_, at)) => *at = now,
            None => self.0.push((reason, now)),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_named_once_a_minute_whatever_others_are() {
        let mut complaints = Complaints::default();
        let at = Duration::from_secs;
        assert!(complaints.is_due(Reason::Tls, at(1)));
        assert!(complaints.is_due(Reason::Http, at(2)));
        assert!(!complaints.is_due(Reason::Tls, at(60)));
        assert!(complaints.is_due(Reason::Tls, at(61)));
        assert!(!complaints.is_due(Reason::Tls, at(120)));
    }
}
