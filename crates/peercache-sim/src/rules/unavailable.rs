//! A read that no replica answered is an error that names every replica, or, where the policy says so, a
//! miss.

use super::Found;
use super::facts::Facts;
use crate::history::{Operation, Told};
use peercache_core::replication::Outcome;
use peercache_core::spec::OnDown;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let on_down = facts.history.scenario.on_down;
    let judge = |(at, read): (usize, &Operation)| {
        let end = read.end.as_ref()?;
        let what = match (&end.told, on_down) {
            (Told::Miss, OnDown::Error) if !is_decided(read) => "is told as a miss that no replica told of",
            (Told::Unavailable { .. }, OnDown::Miss) => "fails where the policy wants a miss",
            (Told::Unavailable { named }, OnDown::Error) if *named != read.replicas => {
                "fails without naming every replica"
            }
            _ => return None,
        };
        Some(Found { at: end.at, key: Some(read.key), what: format!("#{at} {what}") })
    };
    facts.history.each().filter(|(_, operation)| operation.is_read()).filter_map(judge).collect()
}

/// Whether any replica said that nothing is there.
fn is_decided(read: &Operation) -> bool {
    read.asks.iter().any(|asked| asked.outcome == Some(Outcome::Miss))
}
