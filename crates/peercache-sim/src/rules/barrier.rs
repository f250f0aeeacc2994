//! What a peer may still execute of operations that have ended is executed before it is cleaned, not after: a
//! write that comes later than the cleaning brings an old value back.

use super::Found;
use super::facts::Facts;
use crate::history::{Execution, Operation, Returned};

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let returns: Vec<_> =
        facts.history.returns.iter().map(|returned| (returned, facts.cleaned(returned))).collect();
    let judge = |(at, write): (usize, &Operation)| {
        let (Some(value), Some(end)) = (write.kind.value(), &write.end) else { return None };
        let late = facts.stored(value).iter().filter(|execution| execution.at > end.at);
        let is_too_late = |execution: &Execution, returned: &Returned| {
            (returned.process, returned.peer) == (write.process, execution.peer) && end.at < returned.finished
        };
        let find = |execution: &&&Execution| {
            let mut after = returns.iter().filter(|(_, cleaned)| execution.at > *cleaned);
            after.any(|(returned, _)| is_too_late(execution, returned))
        };
        let execution = late.into_iter().find(find)?;
        let what = format!("p{} executes #{at} after it was cleaned of it", execution.peer);
        Some(Found { at: execution.at, key: Some(write.key), what })
    };
    facts.history.each().filter_map(judge).collect()
}
