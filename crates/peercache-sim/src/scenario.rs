//! The kinds of runs: how many of what, and what may break.

use crate::faults::Trouble;
use peercache_core::spec::{OnDown, ReadPolicy};
use std::time::Duration;

/// Which peers may be troubled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victims {
    /// One, the same for the whole run: with two copies nothing may be lost or fail.
    One,
    Any,
}

/// What clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commands {
    /// `get`, `set`, `delete`.
    Plain,
    /// The same, with few writes.
    MostlyGet,
    /// `gets`, `cas`, `add` and `incr` too.
    All,
}

/// A kind of run.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name, for messages.
    pub name: &'static str,
    pub(crate) peers: usize,
    pub(crate) replication: u8,
    pub(crate) processes: usize,
    pub(crate) workers: usize,
    /// Operations that a worker has open at most.
    pub(crate) lanes: usize,
    pub(crate) keys: usize,
    /// Further keys, which hold numbers.
    pub(crate) counters: usize,
    /// Whether clients do more than get, set and delete.
    pub(crate) commands: Commands,
    /// Whether the processes share an outage ledger.
    pub(crate) keeps_ledger: bool,
    /// Of a hundred operations, how many are `flush_all`.
    pub(crate) flushes_percent: u64,
    pub(crate) victims: Victims,
    pub(crate) troubles: &'static [Trouble],
    /// Of a hundred peers, how many each process believes to be down, and as many to be warming, when it
    /// begins.
    pub(crate) doubted_percent: u64,
    pub(crate) on_down: OnDown,
    pub(crate) read: ReadPolicy,
    /// Of a hundred values, how many each peer refuses.
    pub(crate) refusals_percent: u64,
    /// Bytes that a connection holds unread.
    pub(crate) window: usize,
    /// A worker begins its first operation up to so much later than the run does.
    pub(crate) late_start: Duration,
    /// How long the workers begin new operations.
    pub(crate) works_for: Duration,
}

const ALL_TROUBLES: &[Trouble] = &[
    Trouble::Killed,
    Trouble::Hung,
    Trouble::HungAndReset,
    Trouble::Slow,
    Trouble::Reset,
    Trouble::Rerouted,
    Trouble::Cut,
];

const PLAIN: Scenario = Scenario {
    name: "plain",
    peers: 3,
    replication: 2,
    processes: 1,
    workers: 2,
    lanes: 2,
    keys: 4,
    counters: 0,
    commands: Commands::Plain,
    keeps_ledger: false,
    flushes_percent: 0,
    victims: Victims::Any,
    troubles: ALL_TROUBLES,
    doubted_percent: 0,
    on_down: OnDown::Error,
    read: ReadPolicy::OwnerFirst,
    refusals_percent: 0,
    window: 64 * 1024,
    late_start: Duration::from_secs(2),
    works_for: Duration::from_secs(5),
};

/// Every kind of run that the tests play.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "one killed", victims: Victims::One, troubles: &[Trouble::Killed], ..PLAIN },
    Scenario {
        name: "one hung",
        victims: Victims::One,
        troubles: &[Trouble::Hung, Trouble::HungAndReset],
        ..PLAIN
    },
    Scenario {
        name: "bad wire",
        troubles: &[Trouble::Slow, Trouble::Reset, Trouble::Rerouted, Trouble::Cut],
        window: 100,
        ..PLAIN
    },
    Scenario {
        name: "late workers",
        workers: 4,
        lanes: 1,
        troubles: &[Trouble::Killed],
        late_start: PLAIN.works_for,
        ..PLAIN
    },
    Scenario {
        name: "four copies, far away",
        peers: 4,
        replication: 4,
        lanes: 1,
        troubles: &[Trouble::Rerouted, Trouble::Hung],
        ..PLAIN
    },
    Scenario { name: "two peers, everything", peers: 2, keys: 2, ..PLAIN },
    Scenario { name: "three copies of four", peers: 4, replication: 3, ..PLAIN },
    Scenario { name: "one copy", replication: 1, on_down: OnDown::Miss, ..PLAIN },
    Scenario {
        name: "refusals",
        refusals_percent: 30,
        lanes: 1,
        keys: 2,
        troubles: &[Trouble::Killed, Trouble::HungAndReset, Trouble::Reset, Trouble::Cut],
        ..PLAIN
    },
    Scenario { name: "three processes", processes: 3, lanes: 1, ..PLAIN },
    Scenario { name: "doubtful beginnings", processes: 2, lanes: 1, doubted_percent: 30, ..PLAIN },
    Scenario {
        name: "reads of every copy",
        replication: 3,
        read: ReadPolicy::Spread,
        processes: 2,
        doubted_percent: 20,
        commands: Commands::All,
        ..PLAIN
    },
    Scenario { name: "counters", keys: 1, counters: 2, commands: Commands::All, ..PLAIN },
    Scenario { name: "versions", peers: 2, keys: 2, commands: Commands::All, ..PLAIN },
    Scenario {
        name: "one key",
        workers: 4,
        keys: 1,
        counters: 1,
        commands: Commands::All,
        refusals_percent: 5,
        troubles: &[Trouble::Slow, Trouble::Hung, Trouble::Reset],
        ..PLAIN
    },
    // Peers that are away and come back as they were, and few writes: the next one makes them unreadable too.
    Scenario {
        name: "flushes",
        lanes: 3,
        commands: Commands::MostlyGet,
        flushes_percent: 1,
        troubles: &[Trouble::Cut, Trouble::Hung],
        ..PLAIN
    },
    Scenario {
        name: "a shared ledger",
        processes: 3,
        lanes: 1,
        keys: 2,
        counters: 1,
        commands: Commands::All,
        keeps_ledger: true,
        ..PLAIN
    },
    Scenario {
        name: "three processes, everything",
        processes: 3,
        lanes: 1,
        counters: 1,
        commands: Commands::All,
        flushes_percent: 1,
        ..PLAIN
    },
];
