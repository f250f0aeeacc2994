//! Which run of a daemon answers: a daemon that restarted in 50 ms is another one, and has forgotten (P-33).

/// One run of a daemon, as it describes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Incarnation {
    /// Its process id.
    pub pid: u32,
    /// When it started, in Unix seconds by its own clock.
    pub started_s: u32,
}

/// How an incarnation compares with the one met before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identified {
    /// Nobody was met before.
    First,
    /// The same run.
    Same,
    /// Another run: what the peer held before must not be assumed.
    New,
}

impl Incarnation {
    /// Daemons tell whole seconds of two clocks, so the start computed from them moves by a second or so.
    pub const START_TOLERANCE_S: u32 = 2;

    /// Compares the one known so far with the one met now.
    pub(super) fn compare(self, met: Self) -> Identified {
        let same = self.pid == met.pid && self.started_s.abs_diff(met.started_s) <= Self::START_TOLERANCE_S;
        if same { Identified::Same } else { Identified::New }
    }

    /// Packed for an atomic; zero stands for none, and no process has the id 0.
    pub(super) fn to_word(self) -> u64 {
        u64::from(self.pid) << 32 | u64::from(self.started_s)
    }

    pub(super) fn from_word(word: u64) -> Option<Self> {
        (word != 0).then_some(Self { pid: (word >> 32) as u32, started_s: word as u32 })
    }
}
