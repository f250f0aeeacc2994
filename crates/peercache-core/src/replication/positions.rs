//! A set of positions in a replica set: one byte, since a replica set has at most eight peers.

use core::fmt;

/// Which replicas of a key, by their position; 0 is the owner.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Positions(u8);

impl Positions {
    /// No replica.
    pub const NONE: Self = Self(0);

    /// The first `count` replicas.
    #[must_use]
    #[inline]
    pub const fn first(count: usize) -> Self {
        if count < 8 { Self((1 << count) - 1) } else { Self(u8::MAX) }
    }

    /// One replica.
    #[must_use]
    #[inline]
    pub const fn only(position: u8) -> Self {
        Self(1 << position)
    }

    /// Adds one.
    #[inline]
    pub fn insert(&mut self, position: u8) {
        self.0 |= 1 << position;
    }

    /// Takes one away.
    #[inline]
    pub fn remove(&mut self, position: u8) {
        self.0 &= !(1 << position);
    }

    /// Whether it is among them.
    #[must_use]
    #[inline]
    pub const fn contains(self, position: u8) -> bool {
        self.0 & (1 << position) != 0
    }

    /// Those of either.
    #[must_use]
    #[inline]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of this set that are not in `other`.
    #[must_use]
    #[inline]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is none.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The one nearest to the owner.
    #[must_use]
    #[inline]
    pub fn lowest(self) -> Option<u8> {
        (self.0 != 0).then(|| self.0.trailing_zeros() as u8)
    }

    /// The first from `position` on; behind the last comes the owner again.
    #[must_use]
    #[inline]
    pub fn next_from(self, position: u8) -> Option<u8> {
        Self(self.0 & (u8::MAX << position)).lowest().or(self.lowest())
    }

    /// Each, from the owner on.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = u8> {
        let mut left = self;
        core::iter::from_fn(move || {
            let position = left.lowest()?;
            left.remove(position);
            Some(position)
        })
    }
}

impl FromIterator<u8> for Positions {
    #[inline]
    fn from_iter<I: IntoIterator<Item = u8>>(positions: I) -> Self {
        let mut set = Self::NONE;
        positions.into_iter().for_each(|position| set.insert(position));
        set
    }
}

impl fmt::Debug for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
