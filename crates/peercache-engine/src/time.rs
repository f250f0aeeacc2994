//! Time as the store knows it: whole seconds, always given.

/// The longest expiry that counts from now, in seconds; anything longer is a date (memcached's 30 days).
const RELATIVE_S_MAX: i64 = 60 * 60 * 24 * 30;

/// The moment at which an operation happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Seconds since 1970.
    pub unix_s: u64,
}

/// The second in which an item dies; it is dead from its first moment on. Four bytes reach to the year 2106.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Death(u32);

impl Death {
    /// Of what does not expire.
    pub const NEVER: Self = Self(u32::MAX);

    /// When something given `exptime` dies: 0 is never, below 0 is at once, up to 30 days counts from `now`,
    /// and beyond that it is a date.
    #[must_use]
    pub fn of(exptime: i64, now: Now) -> Self {
        match exptime {
            0 => Self::NEVER,
            1..=RELATIVE_S_MAX => Self::at(now.unix_s.saturating_add_signed(exptime)),
            date => Self::at(u64::try_from(date).unwrap_or(0)),
        }
    }

    fn at(unix_s: u64) -> Self {
        Self(u32::try_from(unix_s).unwrap_or(u32::MAX).min(u32::MAX - 1))
    }

    /// Whether that has come.
    #[must_use]
    pub fn has_come(self, now: Now) -> bool {
        self != Self::NEVER && u64::from(self.0) <= now.unix_s
    }

    /// Seconds until then; none is never.
    #[must_use]
    pub fn comes_in_s(self, now: Now) -> Option<u64> {
        (self != Self::NEVER).then(|| u64::from(self.0).saturating_sub(now.unix_s))
    }

    /// The second itself, since 1970; none is never.
    #[must_use]
    pub fn unix_s(self) -> Option<u64> {
        (self != Self::NEVER).then_some(u64::from(self.0))
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_relative_absolute_never_or_at_once() {
        let now = Now { unix_s: 1_800_000_000 };
        assert_eq!(Death::of(0, now), Death::NEVER);
        assert_eq!(Death::of(1, now).unix_s(), Some(1_800_000_001));
        assert_eq!(Death::of(2_592_000, now).unix_s(), Some(1_802_592_000));
        assert_eq!(Death::of(2_592_001, now).unix_s(), Some(2_592_001), "a date, long gone");
        assert_eq!(Death::of(1_900_000_000, now).comes_in_s(now), Some(100_000_000));
        assert!(Death::of(-1, now).has_come(now) && Death::of(i64::MIN, now).has_come(now));
        assert!(!Death::of(1, now).has_come(now) && !Death::of(0, now).has_come(now));
        assert!(Death::of(i64::MAX, now).unix_s().is_some(), "a date that four bytes do not hold is late");
    }
}
