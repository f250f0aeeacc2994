//! How long a value may be served, and how that travels.

use std::time::{SystemTime, UNIX_EPOCH};

/// The longest time memcached takes as relative seconds; anything above travels as a Unix date (P-18).
const RELATIVE_MAX_S: u32 = 60 * 60 * 24 * 30;

/// The latest date memcached understands: it reads the number as signed 32 bits, and a negative one is over.
const DATE_MAX: u32 = i32::MAX.cast_unsigned();

/// A time to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ttl {
    /// Until it is evicted, overwritten or deleted.
    #[default]
    Never,
    /// For this many seconds; 0 is over at once. Nothing lives beyond January 2038.
    Seconds(u32),
}

impl Ttl {
    /// memcached's `exptime` for a request that leaves now.
    pub(super) fn exptime(self) -> u32 {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.exptime_at(now)
    }

    fn exptime_at(self, unix_s: impl Fn() -> u64) -> u32 {
        match self {
            Self::Never => 0,
            // 0 on the wire is never, so a life that is over is a date long past.
            Self::Seconds(0) => RELATIVE_MAX_S + 1,
            Self::Seconds(seconds) if seconds <= RELATIVE_MAX_S => seconds,
            Self::Seconds(seconds) => {
                let date = unix_s() + u64::from(seconds);
                u32::try_from(date).map_or(DATE_MAX, |date| date.min(DATE_MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_over_thirty_days_travel_as_dates() {
        let at = |ttl: Ttl| ttl.exptime_at(|| 1_800_000_000);
        assert_eq!(at(Ttl::Never), 0);
        assert_eq!(at(Ttl::Seconds(60)), 60);
        assert_eq!(at(Ttl::Seconds(RELATIVE_MAX_S)), RELATIVE_MAX_S);
        assert_eq!(at(Ttl::Seconds(RELATIVE_MAX_S + 1)), 1_800_000_000 + RELATIVE_MAX_S + 1);
        assert_eq!(at(Ttl::Seconds(u32::MAX)), DATE_MAX, "later than a date can say is the last date");
        assert!(at(Ttl::Seconds(0)) > RELATIVE_MAX_S, "over at once is a date long past");
    }
}
