//! The part of a history that somebody who looks for a mistake wants to see: one key, its replicas, and what
//! happened to them until the mistake showed.

use super::{Executed, Execution, History, Kind, Operation, key_name};
use crate::stage::Port;
use std::fmt::Write;
use std::time::Duration;

/// The longest excerpt; what is older matters rarely.
const LINES_MAX: usize = 60;

impl History {
    /// What happened to `key` and its replicas until `until`.
    pub(crate) fn excerpt(&self, key: usize, until: Duration) -> String {
        let Some(replicas) = self.operations.iter().find(|o| o.key == key).map(|o| &o.replicas) else {
            return String::new();
        };
        let mut lines: Vec<(Duration, String)> = Vec::new();
        for (at, operation) in self.each().filter(|(_, operation)| operation.key == key) {
            lines.push((operation.began, begin_line(at, operation)));
            let end = operation.end.as_ref().map(|end| (end.at, end_line(at, operation)));
            lines.extend(end);
        }
        let executions = self.executions.iter().filter(|execution| concerns(execution, key, replicas));
        lines.extend(executions.map(|execution| (execution.at, execution_line(execution))));
        for returned in self.returns.iter().filter(|returned| replicas.contains(&returned.peer)) {
            let (process, peer) = (returned.process, returned.peer);
            lines.push((
                returned.began,
                format!("process {process} begins a return of p{peer} that succeeds"),
            ));
            lines.push((returned.finished, format!("process {process} may read p{peer} again")));
        }
        for (at, fault) in self.faults.iter().filter(|(_, fault)| replicas.contains(&fault.peer())) {
            lines.push((*at, format!("FAULT {fault:?}")));
        }
        lines.retain(|(at, _)| *at <= until);
        lines.sort_by_key(|(at, _)| *at);
        let from = lines.len().saturating_sub(LINES_MAX);
        let mut text = format!("{} on {replicas:?}, owner first\n", key_name(key));
        for (at, line) in &lines[from..] {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:>12.3} ms  {line}", at.as_secs_f64() * 1000.0);
        }
        text
    }
}

fn begin_line(at: usize, operation: &Operation) -> String {
    let what = match &operation.kind {
        Kind::Get => "get".to_owned(),
        Kind::Gets => "gets".to_owned(),
        Kind::Set(value) => format!("set {value}"),
        Kind::Add(value) => format!("add {value}"),
        Kind::Cas { value, read, token } => format!("cas {value} for {read} ({token:#x})"),
        Kind::Incr => "incr".to_owned(),
        Kind::Delete => "delete".to_owned(),
    };
    let (process, worker) = (operation.process, operation.worker);
    format!("#{at} process {process} worker {worker}: {what}; replicas are {:?}", operation.states)
}

fn end_line(at: usize, operation: &Operation) -> String {
    let Some(end) = &operation.end else { return String::new() };
    let asks: Vec<String> = operation
        .asks
        .iter()
        .map(|asked| format!("p{} {:?}", operation.replicas[usize::from(asked.position)], asked.outcome))
        .collect();
    format!("#{at} told {:?}; asked {}; readable {:?}", end.told, asks.join(", "), end.readable)
}

fn concerns(execution: &Execution, key: usize, replicas: &[usize]) -> bool {
    let name = key_name(key);
    let is_ours = match &execution.what {
        Executed::Get { key, .. }
        | Executed::Set { key, .. }
        | Executed::Count { key, .. }
        | Executed::Delete { key } => key[..] == *name.as_bytes(),
        Executed::Flush => true,
    };
    is_ours && replicas.contains(&execution.peer)
}

fn execution_line(execution: &Execution) -> String {
    let what = match &execution.what {
        Executed::Get { found, .. } => {
            let value = found.as_ref().map(|(value, _)| String::from_utf8_lossy(value));
            format!("get → {value:?}")
        }
        Executed::Set { value, .. } => format!("set {}", String::from_utf8_lossy(value)),
        Executed::Count { number, .. } => format!("incr → {number}"),
        Executed::Delete { .. } => "delete".to_owned(),
        Executed::Flush => "flush_all".to_owned(),
    };
    let by = match execution.endpoint.port {
        Port::Link { worker, .. } => format!("worker {worker}"),
        Port::Healer { .. } => "the healer".to_owned(),
    };
    let (peer, run, process) = (execution.peer, execution.run, execution.endpoint.process);
    format!("    p{peer} (run {run}) executes {what} for {by} of process {process}")
}
