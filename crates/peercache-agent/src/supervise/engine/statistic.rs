//! What daemons say of themselves, under names of ours: each engine's description says what it calls them.

/// Something that a daemon says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Its process. A daemon is ready when the one that answers says the pid that was started.
    Pid,
    /// Its version.
    Version,
    /// How many items it holds.
    Items,
    /// What they take, in bytes.
    Bytes,
    /// What they may take, in bytes.
    BytesMax,
    /// Items that were dropped to make room.
    Evictions,
    /// Reads that found their key.
    Hits,
    /// Reads that did not.
    Misses,
    /// Connections that are open.
    Connections,
}

impl Statistic {
    /// How a daemon does, in the order in which people are shown it: all but who it is.
    pub const FIGURES: &'static [Self] = &[
        Self::Items,
        Self::Bytes,
        Self::BytesMax,
        Self::Evictions,
        Self::Hits,
        Self::Misses,
        Self::Connections,
    ];

    /// Our name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pid => "pid",
            Self::Version => "version",
            Self::Items => "items",
            Self::Bytes => "bytes",
            Self::BytesMax => "bytes_max",
            Self::Evictions => "evictions",
            Self::Hits => "hits",
            Self::Misses => "misses",
            Self::Connections => "connections",
        }
    }
}
