//! A read returns what somebody wrote, and nothing that an acknowledged write of the reader's own process has
//! replaced. What other processes wrote may be late, until they share an outage ledger.

use super::Found;
use super::facts::Facts;
use crate::history::{Kind, Operation, Told};
use std::time::Duration;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let hits = facts.history.each().filter_map(|(at, read)| match &read.end {
        Some(end) => match &end.told {
            Told::Hit(value) => Some((at, read, value, end.at)),
            _ => None,
        },
        None => None,
    });
    hits.filter_map(|(at, read, value, ended)| {
        let what = judge(facts, read, value, ended)?;
        Some(Found { at: ended, key: Some(read.key), what: format!("#{at} reads {value}, {what}") })
    })
    .collect()
}

fn judge(facts: &Facts<'_>, read: &Operation, value: &str, ended: Duration) -> Option<String> {
    let Some((_, writer)) = facts.writer(value).filter(|(_, w)| w.key == read.key && w.began <= ended) else {
        return Some("which nobody wrote".to_owned());
    };
    if writer.process != read.process {
        return None;
    }
    let replaces = |later: &Operation| {
        // What was counted since is of the same era.
        let is_other = later.kind != Kind::Incr && later.process == read.process;
        is_other && later.is_acknowledged() && later.ended_before(read.began)
    };
    // From the newest back to those that began after the value's own write was over.
    let newer = facts.writes(read.key).iter().rev().take_while(|(_, later)| writer.ended_before(later.began));
    let (later, _) = newer.into_iter().find(|(_, later)| replaces(later))?;
    Some(format!("which #{later} had replaced"))
}
