//! What must happen before a peer that was away may be read again (P-30 to P-34, in their first form).
//!
//! A peer that missed nothing is simply up again. One that missed a write is emptied, behind the barrier: not
//! before every link of this process that owes it answers to writes has drained, and twice with a pause
//! between where a link was lost with writes unanswered, since those may still be executed by the same
//! process. In a cache missing is right, wrong never is.

use peercache_core::health::Phase;
use std::time::Duration;

/// How long a process may take to execute what lost connections left in its queues (P-31).
const SETTLE: Duration = Duration::from_secs(2);

/// What is known of the peer when its return begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReturnFacts {
    /// Whether it may miss a write, or is another incarnation than the one that was written to.
    pub unreadable: bool,
    /// Whether links were lost on which this incarnation may still execute writes.
    pub lost_writes: bool,
    /// How many items it says it holds.
    pub items: u64,
    /// Whether its keys have other replicas, which its misses can be asked of.
    pub has_siblings: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnStep {
    /// Empty the peer, then report [`Return::flushed`].
    Flush,
    /// Wait this long, then report [`Return::waited`].
    Wait(Duration),
    /// The peer may be read again, in this phase.
    Finish(Phase),
}

/// One return of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Return {
    facts: ReturnFacts,
    flushes: u8,
}

impl Return {
    /// Begins a return; every link of this process that owed the peer answers to writes has drained or is
    /// gone.
    #[must_use]
    pub fn begin(facts: ReturnFacts) -> (Self, ReturnStep) {
        let returning = Self { facts, flushes: 0 };
        // A new incarnation that holds nothing has nothing old to serve.
        let clean = !facts.lost_writes && (!facts.unreadable || facts.items == 0);
        let step = if clean { returning.finish() } else { ReturnStep::Flush };
        (returning, step)
    }

    /// The peer confirmed that it is empty.
    pub fn flushed(&mut self) -> ReturnStep {
        self.flushes += 1;
        if self.facts.lost_writes && self.flushes == 1 { ReturnStep::Wait(SETTLE) } else { self.finish() }
    }

    /// The wait is over.
    #[must_use]
    pub fn waited(&self) -> ReturnStep {
        ReturnStep::Flush
    }

    fn finish(&self) -> ReturnStep {
        let forgot = self.facts.unreadable || self.facts.lost_writes;
        let warming = forgot && self.facts.has_siblings;
        ReturnStep::Finish(if warming { Phase::Warming } else { Phase::Up })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING_MISSED: ReturnFacts =
        ReturnFacts { unreadable: false, lost_writes: false, items: 5, has_siblings: true };

    #[test]
    fn a_peer_that_missed_nothing_is_up_and_keeps_its_items() {
        assert_eq!(Return::begin(NOTHING_MISSED).1, ReturnStep::Finish(Phase::Up));
    }

    #[test]
    fn a_peer_that_missed_a_write_is_emptied_and_warms() {
        let (mut returning, step) = Return::begin(ReturnFacts { unreadable: true, ..NOTHING_MISSED });
        assert_eq!(step, ReturnStep::Flush);
        assert_eq!(returning.flushed(), ReturnStep::Finish(Phase::Warming));
    }

    #[test]
    fn p33_a_new_incarnation_counts_as_empty_only_if_it_says_so() {
        let empty = ReturnFacts { unreadable: true, items: 0, ..NOTHING_MISSED };
        assert_eq!(Return::begin(empty).1, ReturnStep::Finish(Phase::Warming));
        let kept = ReturnFacts { items: 1, ..empty };
        assert_eq!(Return::begin(kept).1, ReturnStep::Flush);
    }

    #[test]
    fn p31_writes_on_lost_links_are_given_time_and_flushed_again() {
        let facts = ReturnFacts { unreadable: true, lost_writes: true, items: 0, ..NOTHING_MISSED };
        let (mut returning, step) = Return::begin(facts);
        assert_eq!(step, ReturnStep::Flush, "it holds nothing yet, but may still execute a write");
        assert_eq!(returning.flushed(), ReturnStep::Wait(SETTLE));
        assert_eq!(returning.waited(), ReturnStep::Flush);
        assert_eq!(returning.flushed(), ReturnStep::Finish(Phase::Warming));
    }

    #[test]
    fn without_siblings_a_forgetful_peer_is_simply_up() {
        let facts = ReturnFacts { unreadable: true, has_siblings: false, ..NOTHING_MISSED };
        let (mut returning, _) = Return::begin(facts);
        assert_eq!(returning.flushed(), ReturnStep::Finish(Phase::Up));
    }
}
