//! A read returns what somebody wrote, and nothing that an acknowledged write of the reader's own process has
//! replaced; nor, where processes share an outage ledger, one of any process, a moment later.

use super::Found;
use super::facts::Facts;
use crate::history::{Kind, Operation, Told};
use std::time::Duration;

/// How soon the processes of a host know of each other's outages (P-12).
const HEARD_WITHIN: Duration = Duration::from_millis(100);

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
    let shares = facts.history.scenario.keeps_ledger;
    if writer.process != read.process && !shares {
        return None;
    }
    let replaces = |later: &Operation| {
        // What was counted since is of the same era.
        let is_other = later.kind != Kind::Incr && later.is_acknowledged();
        let known_at =
            if later.process == read.process { read.began } else { read.began.saturating_sub(HEARD_WITHIN) };
        is_other && (shares || later.process == read.process) && later.ended_before(known_at)
    };
    // From the newest back to those that began after the value's own write was over.
    let newer = facts.writes(read.key).iter().rev().take_while(|(_, later)| writer.ended_before(later.began));
    let (later, _) = newer.into_iter().find(|(_, later)| replaces(later))?;
    Some(format!("which #{later} had replaced"))
}
