//! A write is told as not executed only if it was not and never will be. After the leader's refusal, which
//! is such an answer, no replica keeps what the write was to replace.

use super::Found;
use super::facts::Facts;
use crate::history::{End, Kind, Operation, Told};
use std::time::Duration;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let writes = facts.history.each().filter(|(_, operation)| !operation.is_read());
    let judge = |(at, write): (usize, &Operation)| {
        let end = write.end.as_ref()?;
        match end.told {
            Told::Unavailable { .. } | Told::No => executed_after_all(facts, at, write),
            // What depends on the value leaves it as it is.
            Told::Refused if write.kind.is_leader_first() => executed_after_all(facts, at, write),
            Told::Refused => {
                kept_by_replica(facts, at, write, end).or_else(|| served_later(facts, at, write, end.at))
            }
            _ => None,
        }
    };
    writes.filter_map(judge).collect()
}

fn executed_after_all(facts: &Facts<'_>, at: usize, write: &Operation) -> Option<Found> {
    let execution = facts.stored(write.kind.value()?).first()?;
    let what = format!("#{at} was told as never executed, and p{} executes it", execution.peer);
    Some(Found { at: execution.at.max(write.began), key: Some(write.key), what })
}

/// A replica that stays readable and did not delete the key.
fn kept_by_replica(facts: &Facts<'_>, at: usize, write: &Operation, end: &End) -> Option<Found> {
    let readable = write.replicas.iter().zip(&end.readable).filter(|(_, readable)| **readable);
    let keeps = |peer: usize| !facts.deleted(write, peer) && !facts.was_brought_back(write, end, peer);
    let (peer, _) = readable.into_iter().find(|(peer, _)| keeps(**peer))?;
    let what = format!("#{at} was refused, and p{peer} may serve what was before it");
    Some(Found { at: end.at, key: Some(write.key), what })
}

/// A later read of the same process that finds the refused value or what it was to replace.
fn served_later(facts: &Facts<'_>, at: usize, write: &Operation, refused: Duration) -> Option<Found> {
    let Kind::Set(own) = &write.kind else { return None };
    let is_wrong = |read: &Operation| {
        let is_later = read.process == write.process && read.key == write.key && read.began > refused;
        let Some(Told::Hit(value)) = read.told().filter(|_| is_later) else { return false };
        let is_older =
            |writer: &Operation| writer.process == write.process && writer.ended_before(write.began);
        value == own || facts.writer(value).is_some_and(|(_, writer)| is_older(writer))
    };
    let (read, operation) = facts.history.each().find(|(_, operation)| is_wrong(operation))?;
    let what = format!("#{at} was refused, and #{read} reads it or what was before it");
    let found_at = operation.end.as_ref().map_or(operation.began, |end| end.at);
    Some(Found { at: found_at, key: Some(write.key), what })
}
