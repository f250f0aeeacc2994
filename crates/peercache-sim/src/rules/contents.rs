//! What every peer held of every key at every moment, replayed from what it executed and how it started.

use crate::faults::{Fault, Memory};
use crate::history::{Executed, History, Operation, key_name};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a peer holds of a key. Nothing can be told after it restored a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    Unknown,
    Nothing,
    Value(Vec<u8>),
}

/// What happened to one key on one peer, in order.
type Changes = Vec<(Duration, Held)>;

/// What happened to every key on every peer.
pub(super) struct Contents {
    changes: BTreeMap<(usize, Vec<u8>), Changes>,
}

impl Contents {
    pub(super) fn of(history: &History) -> Self {
        let keys = history.scenario.keys + history.scenario.counters;
        let names: Vec<Vec<u8>> = (0..keys).map(|key| key_name(key).into_bytes()).collect();
        let mut contents = Self { changes: BTreeMap::new() };
        for execution in &history.executions {
            let (at, peer) = (execution.at, execution.peer);
            match &execution.what {
                Executed::Get { .. } => {}
                Executed::Set { key, value, .. } => {
                    contents.change(peer, key, at, Held::Value(value.clone()));
                }
                Executed::Count { key, number } => {
                    contents.change(peer, key, at, Held::Value(number.to_string().into_bytes()));
                }
                Executed::Delete { key } => contents.change(peer, key, at, Held::Nothing),
                Executed::Flush => contents.change_all(peer, &names, at, &Held::Nothing),
            }
        }
        for &(at, fault) in &history.faults {
            match fault {
                Fault::Start { peer, memory: Memory::Lost } => {
                    contents.change_all(peer, &names, at, &Held::Nothing);
                }
                Fault::Start { peer, memory: Memory::Dumped } => {
                    contents.change_all(peer, &names, at, &Held::Unknown);
                }
                _ => {}
            }
        }
        contents.changes.values_mut().for_each(|changes| changes.sort_by_key(|(at, _)| *at));
        contents
    }

    fn change(&mut self, peer: usize, key: &[u8], at: Duration, held: Held) {
        self.changes.entry((peer, key.to_vec())).or_default().push((at, held));
    }

    fn change_all(&mut self, peer: usize, names: &[Vec<u8>], at: Duration, held: &Held) {
        names.iter().for_each(|name| self.change(peer, name, at, held.clone()));
    }

    /// The value that `peer` held of `key` at `at`, if any is known.
    fn value(&self, peer: usize, key: usize, at: Duration) -> Option<&[u8]> {
        let changes = self.changes.get(&(peer, key_name(key).into_bytes()))?;
        let before = changes.partition_point(|(when, _)| *when <= at);
        match changes.get(before.checked_sub(1)?) {
            Some((_, Held::Value(value))) => Some(value),
            _ => None,
        }
    }

    /// The values that the readable replicas of a write's key held when it ended, each with its peer.
    pub(super) fn readable_at_end(&self, write: &Operation) -> Vec<(usize, &[u8])> {
        let Some(end) = &write.end else { return Vec::new() };
        let readable = write.replicas.iter().zip(&end.readable).filter(|(_, readable)| **readable);
        readable.filter_map(|(&peer, _)| Some((peer, self.value(peer, write.key, end.at)?))).collect()
    }
}
