//! Time as the store knows it: whole seconds, always given.

/// The longest expiry that counts from now, in seconds; anything longer is a date (memcached's 30 days).
const RELATIVE_S_MAX: i64 = 60 * 60 * 24 * 30;

/// The moment at which an operation happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Seconds since 1970.
    pub unix_s: u64,
}

/// When an item dies, in seconds since 1970. It is dead from the first moment of that second on.
pub(crate) const NEVER: u64 = u64::MAX;

/// The second in which something given `exptime` dies: 0 is never, below 0 is at once, up to 30 days counts
/// from `now`, and beyond that it is a date.
pub(crate) fn dies_at(exptime: i64, now: Now) -> u64 {
    match exptime {
        0 => NEVER,
        1..=RELATIVE_S_MAX => now.unix_s.saturating_add_signed(exptime),
        date => u64::try_from(date).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_relative_absolute_never_or_at_once() {
        let now = Now { unix_s: 1_800_000_000 };
        assert_eq!(dies_at(0, now), NEVER);
        assert_eq!(dies_at(1, now), 1_800_000_001);
        assert_eq!(dies_at(2_592_000, now), 1_802_592_000);
        assert_eq!(dies_at(2_592_001, now), 2_592_001, "a date, long gone");
        assert_eq!(dies_at(1_900_000_000, now), 1_900_000_000);
        assert_eq!(dies_at(-1, now), 0);
        assert_eq!(dies_at(i64::MIN, now), 0);
    }
}
