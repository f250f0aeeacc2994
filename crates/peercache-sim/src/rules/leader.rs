//! After a command that the leader did, every replica that may be read has the leader's result or nothing.
//! And a counter never goes back: within an era each increment comes to more than those that ended before it
//! began, and no read finds less. Other processes write without asking, so this holds for one process alone.

use super::Found;
use super::contents::Contents;
use super::facts::Facts;
use crate::history::{ERA, Kind, Operation, Told};

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    if facts.history.scenario.processes > 1 {
        return Vec::new();
    }
    let contents = Contents::of(facts.history);
    let copies = facts.history.each().filter_map(|(at, write)| wrong_copy(facts, &contents, at, write));
    let counts = facts.history.each().filter_map(|(at, operation)| counted_back(facts, at, operation));
    copies.chain(counts).collect()
}

fn wrong_copy(facts: &Facts<'_>, contents: &Contents, at: usize, write: &Operation) -> Option<Found> {
    let end = write.end.as_ref()?;
    let Told::Led { number } = end.told else { return None };
    let result = number.map_or_else(|| write.kind.value().map(str::to_owned), |n| Some(n.to_string()))?;
    let held = contents.readable_at_end(write);
    let (peer, value) = held.into_iter().find(|(_, value)| *value != result.as_bytes())?;
    let value = String::from_utf8_lossy(value);
    let what = format!("#{at} came to {result} on its leader, and p{peer}, which may be read, has {value}");
    facts.is_quiet_after(at, write).then_some(Found { at: end.at, key: Some(write.key), what })
}

fn counted_back(facts: &Facts<'_>, at: usize, later: &Operation) -> Option<Found> {
    let end = later.end.as_ref()?;
    let (number, is_increment) = match &end.told {
        Told::Led { number: Some(number) } => (*number, true),
        Told::Hit(value) => (value.parse().ok()?, false),
        _ => return None,
    };
    let is_more = |earlier: &Operation| {
        let Some(Told::Led { number: Some(before) }) = earlier.told() else { return false };
        let is_same = before / ERA == number / ERA && earlier.ended_before(later.began);
        is_same && (*before > number || is_increment && *before == number)
    };
    let mut earlier = facts.writes(later.key).iter().filter(|(_, earlier)| earlier.kind == Kind::Incr);
    let (before, _) = earlier.find(|(_, earlier)| is_more(earlier))?;
    let what = format!("#{at} finds {number}, and #{before} had counted as far before it began");
    Some(Found { at: end.at, key: Some(later.key), what })
}
