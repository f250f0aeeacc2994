//! A history with the ways into it that several rules need.

use crate::history::{ERA, End, Executed, Execution, History, Kind, Operation, Returned, key_name};
use crate::stage::Port;
use std::collections::BTreeMap;
use std::time::Duration;

/// A history, indexed.
pub(super) struct Facts<'a> {
    pub(super) history: &'a History,
    /// The writes of each key, in the order in which they began.
    writes: BTreeMap<usize, Vec<(usize, &'a Operation)>>,
    /// The operation that writes each value.
    writers: BTreeMap<&'a [u8], (usize, &'a Operation)>,
    /// Where and when each value was stored.
    stored: BTreeMap<&'a [u8], Vec<&'a Execution>>,
    /// Where and when each key was deleted.
    deletes: BTreeMap<&'a [u8], Vec<&'a Execution>>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let written = |(at, operation): (usize, &'a Operation)| {
            operation.kind.value().map(|value| (value.as_bytes(), (at, operation)))
        };
        let mut writes: BTreeMap<usize, Vec<(usize, &Operation)>> = BTreeMap::new();
        for (at, operation) in history.each().filter(|(_, operation)| !operation.is_read()) {
            writes.entry(operation.key).or_default().push((at, operation));
        }
        let mut stored: BTreeMap<&[u8], Vec<&Execution>> = BTreeMap::new();
        let mut deletes: BTreeMap<&[u8], Vec<&Execution>> = BTreeMap::new();
        for execution in &history.executions {
            match &execution.what {
                Executed::Set { value, .. } => stored.entry(value).or_default().push(execution),
                Executed::Delete { key } => deletes.entry(key).or_default().push(execution),
                Executed::Get { .. } | Executed::Count { .. } | Executed::Flush => {}
            }
        }
        Self { history, writes, writers: history.each().filter_map(written).collect(), stored, deletes }
    }

    /// The writes of `key`, in the order in which they began.
    pub(super) fn writes(&self, key: usize) -> &[(usize, &'a Operation)] {
        self.writes.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Who wrote `value`, or began its era.
    pub(super) fn writer(&self, value: &str) -> Option<(usize, &'a Operation)> {
        let era = value.parse().ok().map(|number: u64| (number / ERA * ERA).to_string());
        let written = era.as_deref().unwrap_or(value);
        self.writers.get(written.as_bytes()).copied()
    }

    /// Each time a peer stored `value`.
    pub(super) fn stored(&self, value: &str) -> &[&'a Execution] {
        self.stored.get(value.as_bytes()).map_or(&[], Vec::as_slice)
    }

    /// Whether `peer` executed this write while it was open.
    pub(super) fn executed(&self, write: &Operation, peer: usize) -> bool {
        match &write.kind {
            Kind::Set(value) | Kind::Add(value) | Kind::Cas { value, .. } => {
                self.stored(value).iter().any(|execution| is_within(execution, write, peer))
            }
            Kind::Delete => self.deleted(write, peer),
            Kind::Get | Kind::Gets | Kind::Incr => false,
        }
    }

    /// Whether `peer` deleted the write's key for its process while it was open.
    pub(super) fn deleted(&self, write: &Operation, peer: usize) -> bool {
        let deletes = self.deletes.get(key_name(write.key).as_bytes()).map_or(&[][..], Vec::as_slice);
        deletes.iter().any(|execution| is_within(execution, write, peer))
    }

    /// Whether the process of `write` brought `peer` back between its verdict and the telling.
    pub(super) fn was_brought_back(&self, write: &Operation, end: &End, peer: usize) -> bool {
        self.history.returns.iter().any(|returned| {
            let is_it = (returned.process, returned.peer) == (write.process, peer);
            is_it && end.settled <= returned.began && returned.finished <= end.at
        })
    }

    /// Whether no other write of its key was open when this one ended.
    pub(super) fn is_quiet_after(&self, at: usize, write: &Operation) -> bool {
        let Some(end) = &write.end else { return false };
        let is_open = |other: &Operation| {
            other.began <= end.at && other.end.as_ref().is_none_or(|other| other.at >= end.at)
        };
        !self.writes(write.key).iter().any(|(other, operation)| *other != at && is_open(operation))
    }

    /// When the peer was last emptied by this return; its beginning where it was not.
    pub(super) fn cleaned(&self, returned: &Returned) -> Duration {
        self.flushes(returned).last().map_or(returned.began, |flush| flush.at)
    }

    /// The flushes that the peer executed for this return.
    pub(super) fn flushes(&self, returned: &Returned) -> impl Iterator<Item = &'a Execution> {
        let Returned { process, peer, began, finished, .. } = *returned;
        self.history.executions.iter().filter(move |execution| {
            execution.what == Executed::Flush
                && execution.peer == peer
                && execution.endpoint.process == process
                && matches!(execution.endpoint.port, Port::Healer { .. })
                && (began..=finished).contains(&execution.at)
        })
    }
}

/// Whether `peer` executed it for the process of `operation` while that was open.
fn is_within(execution: &Execution, operation: &Operation, peer: usize) -> bool {
    let ended = operation.end.as_ref().map_or(Duration::MAX, |end| end.at);
    execution.peer == peer
        && execution.endpoint.process == operation.process
        && (operation.began..=ended).contains(&execution.at)
}
