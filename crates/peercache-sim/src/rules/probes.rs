//! Some time after the last trouble, every process may read every peer again: peers that are down are
//! probed, and what keeps a peer from being read ends.

use super::Found;
use super::facts::Facts;
use crate::history::Standing;
use peercache_core::health::Phase;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let at = facts.history.ended;
    let away = |standing: &&Standing| !standing.readable || standing.phase == Phase::Down;
    let found = |standing: &Standing| {
        let Standing { process, peer, phase, readable } = *standing;
        let readable = if readable { "" } else { " and unreadable" };
        Found { at, key: None, what: format!("p{peer} is still {phase}{readable} to process {process}") }
    };
    facts.history.standings.iter().filter(away).map(found).collect()
}
