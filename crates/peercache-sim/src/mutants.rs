//! Promises broken on purpose. Each mutant is a mistake that somebody could make in a driver or a decision;
//! the rule of the promise it breaks must catch it, or the rule is blind.

/// A mistake, switched on for a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// Processes build different rings of the same network.
    ForeignRing,
    /// Reads ask peers that may miss writes.
    UnreadableAsked,
    /// A return ends although a write was missed meanwhile.
    TicketIgnored,
    /// Writes that a peer missed are sent to it again when it is back.
    HintedHandoff,
    /// An attempt that was lost after sending counts as never sent.
    AmbiguousAsNotSent,
    /// A follower's refusal is told, though the leader was never reached.
    FollowerBelieved,
    /// A refused write does not delete what the followers stored.
    InvalidateSkipped,
    /// The verdict's peers stay readable.
    SettleSkipped,
    /// The client is told before the verdict's peers are made unreadable.
    SettledLate,
    /// A write that nobody confirmed is acknowledged.
    AckUnconfirmed,
    /// Reads that are to be spread all begin with the owner.
    OwnerAlwaysFirst,
    /// A read gives up after the first lost attempt.
    FailoverSkipped,
    /// The miss of a warming peer is the answer.
    WarmingMissDecides,
    /// The owner's miss is not believed, and the next replica is asked.
    MissDoubted,
    /// What no replica could answer is told as a miss.
    MissInsteadOfError,
    /// Peers that are down are asked like all others.
    DownAsked,
    /// Nobody keeps the time of requests that wait for a connection.
    OpeningUntimed,
    /// Nobody looks whether a peer that is down is back.
    ProbesStopped,
    /// A late answer closes the link, and what it owes is forgotten.
    LinkClosedOnTimeout,
    /// A return does not wait for links that are owed answers.
    DebtsIgnored,
    /// Lost connections are not remembered by the return: one flush, no wait.
    LostWritesForgotten,
    /// A peer that may miss writes is not emptied.
    FlushSkipped,
    /// Reads that wait to be sent are sent to whoever answers, even if the peer has become unreadable.
    UnsentReadsKept,
    /// Nobody looks whether the same daemon answers.
    IdentifySkipped,
    /// Followers neither do what the leader did nor lose the key.
    FollowersForgotten,
    /// Writes of one key begin in any order.
    OrderIgnored,
    /// Clients are given the peers' own versions.
    BareVersions,
    /// What a leader may have done is tried on the next one.
    LeaderRetried,
    /// Clients are told before the ledger says who misses a write.
    LedgerOutrun,
    /// Nobody looks into the ledger.
    LedgerUnheard,
    /// A flush does not care for peers that did not confirm it.
    FlushUnsettled,
}

/// A mutant and the promise it breaks.
#[derive(Debug)]
pub struct Mutation {
    /// The promise whose rule must catch it.
    pub breaks: &'static str,
    /// The mistake.
    pub mutant: Mutant,
}

/// Every mutant, in the order of the promises.
pub const MUTANTS: &[Mutation] = &[
    Mutation { breaks: "P-01", mutant: Mutant::ForeignRing },
    Mutation { breaks: "P-10", mutant: Mutant::UnreadableAsked },
    Mutation { breaks: "P-10", mutant: Mutant::TicketIgnored },
    Mutation { breaks: "P-11", mutant: Mutant::LedgerOutrun },
    Mutation { breaks: "P-12", mutant: Mutant::LedgerUnheard },
    Mutation { breaks: "P-12", mutant: Mutant::HintedHandoff },
    Mutation { breaks: "P-12", mutant: Mutant::UnreadableAsked },
    Mutation { breaks: "P-13", mutant: Mutant::AmbiguousAsNotSent },
    Mutation { breaks: "P-13", mutant: Mutant::InvalidateSkipped },
    Mutation { breaks: "P-13", mutant: Mutant::FollowerBelieved },
    Mutation { breaks: "P-14", mutant: Mutant::SettleSkipped },
    Mutation { breaks: "P-14", mutant: Mutant::SettledLate },
    Mutation { breaks: "P-14", mutant: Mutant::AckUnconfirmed },
    Mutation { breaks: "P-15", mutant: Mutant::FollowersForgotten },
    Mutation { breaks: "P-16", mutant: Mutant::OrderIgnored },
    Mutation { breaks: "P-17", mutant: Mutant::BareVersions },
    Mutation { breaks: "P-17", mutant: Mutant::LeaderRetried },
    Mutation { breaks: "P-18", mutant: Mutant::FlushUnsettled },
    Mutation { breaks: "P-20", mutant: Mutant::OwnerAlwaysFirst },
    Mutation { breaks: "P-20", mutant: Mutant::FailoverSkipped },
    Mutation { breaks: "P-20", mutant: Mutant::WarmingMissDecides },
    Mutation { breaks: "P-20", mutant: Mutant::MissDoubted },
    Mutation { breaks: "P-21", mutant: Mutant::MissInsteadOfError },
    Mutation { breaks: "P-25", mutant: Mutant::DownAsked },
    Mutation { breaks: "P-25", mutant: Mutant::OpeningUntimed },
    Mutation { breaks: "P-26", mutant: Mutant::ProbesStopped },
    Mutation { breaks: "P-31", mutant: Mutant::LinkClosedOnTimeout },
    Mutation { breaks: "P-31", mutant: Mutant::DebtsIgnored },
    Mutation { breaks: "P-31", mutant: Mutant::LostWritesForgotten },
    Mutation { breaks: "P-32", mutant: Mutant::FlushSkipped },
    Mutation { breaks: "P-33", mutant: Mutant::UnsentReadsKept },
    Mutation { breaks: "P-33", mutant: Mutant::IdentifySkipped },
];
