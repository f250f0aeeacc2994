//! Reads go only to peers on which no acknowledged write is missing, and a return makes readable only such
//! peers.

use super::Found;
use super::facts::Facts;
use crate::history::{Asked, Operation, Returned, Told};
use peercache_core::replication::{Ask, Outcome};

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let reads = facts.history.each().filter(|(_, operation)| operation.is_read());
    let returns = facts.history.returns.iter();
    reads
        .filter_map(|(at, read)| unreadable_asked(at, read))
        .chain(returns.filter_map(|returned| missed_by_return(facts, returned)))
        .collect()
}

fn unreadable_asked(at: usize, read: &Operation) -> Option<Found> {
    let wrong = read.asks.iter().find(|asked| !read.states[usize::from(asked.position)].is_readable())?;
    let peer = read.replicas[usize::from(wrong.position)];
    let what = format!("#{at} asks p{peer}, which may miss writes");
    Some(Found { at: wrong.at, key: Some(read.key), what })
}

/// An acknowledged write that the peer did not confirm after it was cleaned.
fn missed_by_return(facts: &Facts<'_>, returned: &Returned) -> Option<Found> {
    let cleaned = facts.cleaned(returned);
    let is_missed = |operation: &Operation| {
        let Some(end) =
            operation.end.as_ref().filter(|end| end.settled > cleaned && end.settled < returned.finished)
        else {
            return false;
        };
        let is_ours = operation.process == returned.process;
        is_ours && matches!(end.told, Told::Done { .. } | Told::Led { .. }) && {
            let position = operation.replicas.iter().position(|&peer| peer == returned.peer);
            position.is_some_and(|position| misses(operation, position as u8))
        }
    };
    let (at, operation) = facts.history.each().find(|(_, operation)| is_missed(operation))?;
    let what = format!("p{} becomes readable without #{at}, acknowledged meanwhile", returned.peer);
    Some(Found { at: returned.finished, key: Some(operation.key), what })
}

/// Whether the replica at `position` neither confirmed the write nor deleted the key for it.
fn misses(operation: &Operation, position: u8) -> bool {
    // What it refused, or did differently, it is asked to delete: the last attempt tells.
    let last = operation.asks.iter().rev().find(|asked| asked.position == position);
    let confirms = |asked: &Asked| match asked.outcome {
        Some(Outcome::Done | Outcome::NotFound) => true,
        Some(Outcome::Number(_)) => asked.ask != Ask::Invalidate,
        _ => false,
    };
    !last.is_some_and(confirms)
}
