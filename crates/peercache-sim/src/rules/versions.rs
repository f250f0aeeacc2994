//! A `cas` that is told as done replaced what its client had read, and what a leader may have done is not
//! tried elsewhere.

use super::Found;
use super::facts::Facts;
use crate::history::{Executed, Kind, Operation, Told};
use peercache_core::replication::{Ask, Lost, Outcome};

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let judge = |(at, operation): (usize, &Operation)| {
        let end = operation.end.as_ref()?;
        let what = replaced_another(facts, operation).or_else(|| tried_elsewhere(operation))?;
        Some(Found { at: end.at, key: Some(operation.key), what: format!("#{at} {what}") })
    };
    facts.history.each().filter(|(_, operation)| operation.kind.is_leader_first()).filter_map(judge).collect()
}

fn replaced_another(facts: &Facts<'_>, operation: &Operation) -> Option<String> {
    let (Kind::Cas { value, read, .. }, Some(Told::Led { .. })) = (&operation.kind, operation.told()) else {
        return None;
    };
    let is_wrong = |replaced: &&Option<Vec<u8>>| replaced.as_deref() != Some(read.as_bytes());
    let replaced = facts.stored(value).iter().filter_map(|execution| match &execution.what {
        Executed::Set { replaced, .. } => Some(replaced),
        _ => None,
    });
    let found = replaced.into_iter().find(is_wrong)?;
    let found = found.as_deref().map(String::from_utf8_lossy);
    Some(format!("is done where {found:?} was, and its client had read {read}"))
}

fn tried_elsewhere(operation: &Operation) -> Option<String> {
    let mut led = operation.asks.iter().filter(|asked| asked.ask == Ask::Request);
    let open = led.find(|asked| asked.outcome != Some(Outcome::Lost(Lost::NotSent)))?;
    let again = led.next()?;
    let peer = |position: u8| operation.replicas[usize::from(position)];
    let (first, next) = (peer(open.position), peer(again.position));
    Some(format!("asks p{next} to lead after p{first}, which may have done it"))
}
