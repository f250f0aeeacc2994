//! Whenever nobody writes a key, the replicas of it that may be read and have it agree: all of them executed
//! its writes in one order. Other processes write without asking, so this holds for one process alone.

use super::Found;
use super::contents::Contents;
use super::facts::Facts;
use crate::history::Operation;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    if facts.history.scenario.processes > 1 {
        return Vec::new();
    }
    let contents = Contents::of(facts.history);
    let judge = |(at, write): (usize, &Operation)| {
        let end = write.end.as_ref()?;
        let held = contents.readable_at_end(write);
        let differ = held.windows(2).find(|two| two[0].1 != two[1].1)?;
        let (one, other) = (differ[0].0, differ[1].0);
        let what = format!("after #{at} nobody writes, and p{one} and p{other} have different values");
        facts.is_quiet_after(at, write).then_some(Found { at: end.at, key: Some(write.key), what })
    };
    facts.history.each().filter(|(_, operation)| !operation.is_read()).filter_map(judge).collect()
}
