//! No read is served from what an earlier run of the daemon stored, except to a process that never met that
//! run.

use super::Found;
use super::facts::Facts;
use crate::faults::Fault;
use crate::history::{Executed, Execution, History};
use std::time::Duration;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let judge = |execution: &Execution| {
        let Executed::Get { found: Some((value, born)), key } = &execution.what else { return None };
        let (peer, process) = (execution.peer, execution.endpoint.process);
        let met = facts.history.first_met(process, peer)?;
        if *born == execution.run || met >= started(facts.history, peer, execution.run) {
            return None;
        }
        let key = String::from_utf8_lossy(key);
        let number = key.strip_prefix('k').and_then(|number| number.parse().ok());
        let value = String::from_utf8_lossy(value);
        let what = format!(
            "run {} of p{peer} serves {value} of {key} to process {process}; run {born} had stored it",
            execution.run
        );
        Some(Found { at: execution.at, key: number, what })
    };
    facts.history.executions.iter().filter_map(judge).collect()
}

/// When the peer's start number `run` was; the first is the beginning of everything.
fn started(history: &History, peer: usize, run: u32) -> Duration {
    let starts = history.faults.iter().filter(|(_, fault)| match fault {
        Fault::Start { peer: started, .. } => *started == peer,
        _ => false,
    });
    let run = (run as usize).checked_sub(2);
    run.and_then(|before| starts.into_iter().nth(before)).map_or(Duration::ZERO, |(at, _)| *at)
}
