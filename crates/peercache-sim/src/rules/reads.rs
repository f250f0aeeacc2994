//! A read asks readable replicas in order, suspects last, from the owner on or, where reads are spread, from
//! each equally often; it goes on exactly after a lost or refused attempt
//! and after the miss of a replica that was warming, or has become unreadable since it was asked; so a plain
//! miss costs one round trip. Where a replica had no trouble all the time, no read fails, and what was stored
//! there is found.

use super::Found;
use super::facts::Facts;
use crate::history::{Asked, Kind, Operation, Told};
use peercache_core::health::Phase;
use peercache_core::replication::Outcome;
use peercache_core::spec::ReadPolicy;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let untroubled = facts.history.untroubled();
    let reads = facts.history.each().filter(|(_, operation)| operation.is_read());
    let judge = |(at, read): (usize, &Operation)| {
        let end = read.end.as_ref()?;
        let sound = read.replicas.iter().find(|peer| untroubled.contains(peer));
        let what = out_of_order(read, facts.history.scenario.read).or_else(|| match sound {
            Some(&peer) => lost_for_nothing(facts, read, peer),
            None => None,
        })?;
        Some(Found { at: end.at, key: Some(read.key), what: format!("#{at} {what}") })
    };
    reads.filter_map(judge).collect()
}

/// The positions that a read may ask, in the order it has to.
fn expected(read: &Operation, policy: ReadPolicy) -> Vec<u8> {
    let of_phase = |phases: &'static [Phase]| {
        let states = (0u8..).zip(&read.states);
        let right = states.filter(|(_, state)| state.is_readable() && phases.contains(&state.phase()));
        right.map(|(position, _)| position)
    };
    let has_forgotten = |position: &u8| read.states[usize::from(*position)].has_forgotten();
    if read.kind == Kind::Gets {
        // The leader, whoever is suspected; those that have forgotten last.
        let may_lead = of_phase(&[Phase::Up, Phase::Warming, Phase::Suspect]);
        let (last, first): (Vec<u8>, Vec<u8>) = may_lead.partition(has_forgotten);
        return [first, last].concat();
    }
    if policy == ReadPolicy::Spread {
        let (mut last, mut first): (Vec<u8>, Vec<u8>) =
            of_phase(&[Phase::Up, Phase::Warming]).partition(has_forgotten);
        last.extend(of_phase(&[Phase::Suspect]));
        last.sort_unstable();
        // Multiples of the golden ratio; the core takes them in whole numbers.
        let part = (f64::from(read.nth) * (f64::from(0x9e37_79b9_u32) / 4_294_967_296.0)).fract();
        let start = (part * read.replicas.len() as f64) as u8;
        first.sort_by_key(|&position| (position < start, position));
        return [first, last].concat();
    }
    of_phase(&[Phase::Up, Phase::Warming]).chain(of_phase(&[Phase::Suspect])).collect()
}

fn out_of_order(read: &Operation, policy: ReadPolicy) -> Option<String> {
    let expected = expected(read, policy);
    let asked: Vec<u8> = read.asks.iter().map(|asked| asked.position).collect();
    if !expected.starts_with(&asked) {
        return Some(format!("asks {asked:?} where the order is {expected:?}"));
    }
    let decides = |asked: &Asked| match asked.outcome {
        Some(Outcome::Hit) => true,
        Some(Outcome::Miss) => asked.vouches && !read.states[usize::from(asked.position)].has_forgotten(),
        _ => false,
    };
    let (last, before) = read.asks.split_last()?;
    if before.iter().any(decides) {
        return Some("goes on after an answer that decides".to_owned());
    }
    (!decides(last) && asked.len() < expected.len())
        .then(|| format!("gives up after {asked:?} of {expected:?} without an answer that decides"))
}

/// A failure, or a miss of what `peer`, which had no trouble, has stored.
fn lost_for_nothing(facts: &Facts<'_>, read: &Operation, peer: usize) -> Option<String> {
    match read.told()? {
        Told::Unavailable { .. } => Some(format!("fails, though p{peer} had no trouble at all")),
        // Other processes empty peers that this one may read; it learns of that with the outage ledger.
        Told::Miss if facts.history.scenario.processes == 1 && facts.history.flushes.is_empty() => {
            let set = surely_stored(facts, read, peer)?;
            Some(format!("misses what #{set} has stored on p{peer}, which had no trouble at all"))
        }
        _ => None,
    }
}

/// A set that was stored on `peer` before `read` began, and that nothing since can have removed.
fn surely_stored(facts: &Facts<'_>, read: &Operation, peer: usize) -> Option<usize> {
    let keeps = |write: &Operation| match (&write.kind, write.told()) {
        (Kind::Set(_), Some(Told::Done { confirmed })) => confirmed.contains(&peer),
        _ => false,
    };
    let ended = read.end.as_ref().map_or(read.began, |end| end.at);
    let earlier = || facts.writes(read.key).iter().filter(|(_, write)| write.began < ended);
    // Whatever began before the last of these was over may be gone.
    let removals = earlier().filter(|(_, write)| !keeps(write));
    let removed_until = removals.map(|(_, write)| write.end.as_ref().map_or(ended, |end| end.at)).max();
    let is_safe = |set: &Operation| removed_until.is_none_or(|until| set.began > until);
    let set = earlier().find(|(_, set)| keeps(set) && set.ended_before(read.began) && is_safe(set));
    set.map(|(at, _)| *at)
}
