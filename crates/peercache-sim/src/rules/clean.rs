//! A peer that may miss writes is emptied by its return, unless it came back empty.

use super::Found;
use super::facts::Facts;
use crate::history::Returned;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let is_wrong = |returned: &&Returned| {
        returned.unreadable && returned.items > 0 && facts.flushes(returned).next().is_none()
    };
    let found = |returned: &Returned| {
        let Returned { process, peer, items, .. } = *returned;
        let what = format!("process {process} may read p{peer} again, with its {items} old items");
        Found { at: returned.finished, key: None, what }
    };
    facts.history.returns.iter().filter(is_wrong).map(found).collect()
}
