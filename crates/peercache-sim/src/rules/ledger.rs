//! Whoever is told that a write is done is told after every outage that it caused was recorded.

use super::Found;
use super::facts::Facts;
use crate::history::Operation;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let judge = |(at, write): (usize, &Operation)| {
        let end = write.end.as_ref()?;
        let peer = end.unrecorded.first()?;
        let what = format!("#{at} is told, and no entry says that p{peer} misses it");
        Some(Found { at: end.at, key: Some(write.key), what })
    };
    facts.history.each().filter_map(judge).collect()
}
