//! Peers that are down are not asked, and every attempt and every request ends within the policy's time.

use super::Found;
use super::facts::Facts;
use crate::history::{Asked, Operation};
use peercache_core::health::Phase;
use peercache_core::replication::Ask;
use peercache_core::spec::Policy;
use std::time::Duration;

/// What the wake-ups of a request may add to its time in the simulation.
const SLACK: Duration = Duration::from_millis(2);
/// What an entry in the outage ledger may add.
const LEDGER_SLACK: Duration = Duration::from_millis(25);

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let Policy { attempt, request, .. } = Policy::default();
    let slack = if facts.history.scenario.keeps_ledger { SLACK + LEDGER_SLACK } else { SLACK };
    let judge = |(at, operation): (usize, &Operation)| {
        let is_down = |position: u8| operation.states[usize::from(position)].phase() == Phase::Down;
        let mut asked = operation.asks.iter().filter(|asked| asked.ask == Ask::Request);
        let ended = operation.end.as_ref().map_or(facts.history.ended, |end| end.at);
        let what = if let Some(wrong) = asked.find(|asked| is_down(asked.position)) {
            format!("asks p{}, which is down", operation.replicas[usize::from(wrong.position)])
        } else if ended > operation.began + request + slack {
            format!("takes {:?}", ended - operation.began)
        } else if operation.asks.iter().any(|asked| time(asked) > attempt + SLACK) {
            "has an attempt that takes longer than it may".to_owned()
        } else {
            return None;
        };
        Some(Found { at: ended, key: Some(operation.key), what: format!("#{at} {what}") })
    };
    facts.history.each().filter_map(judge).collect()
}

fn time(asked: &Asked) -> Duration {
    asked.answered.map_or(Duration::ZERO, |answered| answered - asked.at)
}
