//! Every process places a key on the same peers, owner first.

use super::Found;
use super::facts::Facts;
use std::collections::BTreeMap;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let mut placed = BTreeMap::new();
    let differs = |(at, operation): (usize, &crate::history::Operation)| {
        let first = placed.entry(operation.key).or_insert_with(|| operation.replicas.clone());
        let what = format!("#{at} goes to {:?}, others go to {first:?}", operation.replicas);
        (*first != operation.replicas).then_some(Found {
            at: operation.began,
            key: Some(operation.key),
            what,
        })
    };
    facts.history.each().filter_map(differs).collect()
}
