//! A history with the ways into it that several rules need.

use crate::history::{Executed, Execution, History, Kind, Operation, Returned};
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
    deleted: BTreeMap<&'a [u8], Vec<&'a Execution>>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let written = |(at, operation): (usize, &'a Operation)| match &operation.kind {
            Kind::Set(value) => Some((value.as_bytes(), (at, operation))),
            Kind::Get | Kind::Delete => None,
        };
        let mut writes: BTreeMap<usize, Vec<(usize, &Operation)>> = BTreeMap::new();
        for (at, operation) in history.each().filter(|(_, operation)| !operation.is_read()) {
            writes.entry(operation.key).or_default().push((at, operation));
        }
        let mut stored: BTreeMap<&[u8], Vec<&Execution>> = BTreeMap::new();
        let mut deleted: BTreeMap<&[u8], Vec<&Execution>> = BTreeMap::new();
        for execution in &history.executions {
            match &execution.what {
                Executed::Set { value, .. } => stored.entry(value).or_default().push(execution),
                Executed::Delete { key } => deleted.entry(key).or_default().push(execution),
                Executed::Get { .. } | Executed::Flush => {}
            }
        }
        Self { history, writes, writers: history.each().filter_map(written).collect(), stored, deleted }
    }

    /// The writes of `key`, in the order in which they began.
    pub(super) fn writes(&self, key: usize) -> &[(usize, &'a Operation)] {
        self.writes.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Who wrote `value`.
    pub(super) fn writer(&self, value: &str) -> Option<(usize, &'a Operation)> {
        self.writers.get(value.as_bytes()).copied()
    }

    /// Each time a peer stored `value`.
    pub(super) fn stored(&self, value: &str) -> &[&'a Execution] {
        self.stored.get(value.as_bytes()).map_or(&[], Vec::as_slice)
    }

    /// Whether `peer` executed this write, or deleted its key for the same process, while it was open.
    pub(super) fn executed(&self, operation: &Operation, peer: usize, or_deleted: bool) -> bool {
        let Some(end) = &operation.end else { return false };
        let is_it = |execution: &&&Execution| {
            execution.peer == peer
                && execution.endpoint.process == operation.process
                && (operation.began..=end.at).contains(&execution.at)
        };
        let name = crate::history::key_name(operation.key);
        let deleted = self.deleted.get(name.as_bytes()).map_or(&[][..], Vec::as_slice);
        match &operation.kind {
            Kind::Set(value) if self.stored(value).iter().any(|execution| is_it(&execution)) => true,
            Kind::Set(_) if !or_deleted => false,
            Kind::Set(_) | Kind::Delete => deleted.iter().any(|execution| is_it(&execution)),
            Kind::Get => false,
        }
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
