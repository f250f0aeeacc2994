//! Counts by what keys begin with, as memcached's `stats detail` has them.
//!
//! It costs a lock that all threads share, so it is off until somebody asks for it.

use crate::options::Detail;
use peercache_core::key::Key;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// So many prefixes are counted; keys with others are not. Clients choose them, and memory has a limit.
const PREFIXES_MAX: usize = 10_000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A key was asked for, and found.
    Hit,
    /// A key was asked for, and not found.
    Miss,
    /// A value was sent.
    Set,
    /// A key was to be deleted.
    Delete,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    gets: u64,
    hits: u64,
    sets: u64,
    deletes: u64,
}

/// Counts for each prefix.
#[derive(Debug)]
pub(crate) struct Prefixes {
    is_on: AtomicBool,
    delimiter: u8,
    counts: Mutex<BTreeMap<Box<[u8]>, Counts>>,
}

impl Prefixes {
    /// Nothing is counted yet. A prefix is what is before `delimiter`.
    pub(crate) fn new(detail: Detail, delimiter: u8) -> Self {
        Self { is_on: AtomicBool::new(detail == Detail::On), delimiter, counts: Mutex::default() }
    }

    /// Whether anything is counted.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// Begins or ends to count; what was counted stays.
    pub(crate) fn switch(&self, detail: Detail) {
        self.is_on.store(detail == Detail::On, Relaxed);
    }

    /// Counts, if that is switched on and the key has a prefix.
    #[inline]
    pub(crate) fn count(&self, key: Key<'_>, asked: Asked) {
        if self.is_on() {
            self.count_one(key.as_bytes(), asked);
        }
    }

    fn count_one(&self, key: &[u8], asked: Asked) {
        let Some(end) = key.iter().position(|&byte| byte == self.delimiter) else { return };
        let mut all = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= PREFIXES_MAX && !all.contains_key(&key[..end]) {
            return;
        }
        let counts = all.entry(key[..end].into()).or_default();
        match asked {
            Asked::Hit => (counts.gets, counts.hits) = (counts.gets + 1, counts.hits + 1),
            Asked::Miss => counts.gets += 1,
            Asked::Set => counts.sets += 1,
            Asked::Delete => counts.deletes += 1,
        }
    }

    /// Forgets what was counted.
    pub(crate) fn reset(&self) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Appends a line for each prefix.
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        for (prefix, counts) in &*self.counts.lock().unwrap_or_else(PoisonError::into_inner) {
            let Counts { gets, hits, sets, deletes } = counts;
            out.extend_from_slice(b"PREFIX ");
            out.extend_from_slice(prefix);
            // Writing to memory does not fail.
            drop(write!(out, " get {gets} hit {hits} set {sets} del {deletes}\r\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_counted_up_to_a_limit_and_only_while_that_is_on() {
        let prefixes = Prefixes::new(Detail::Off, b':');
        let count = |key: &str, asked| prefixes.count(Key::new(key.as_bytes()).expect("a sound key"), asked);
        count("a:1", Asked::Hit);
        prefixes.switch(Detail::On);
        count("a:1", Asked::Hit);
        count("a:2:3", Asked::Set);
        count("none", Asked::Miss);
        for number in 0..PREFIXES_MAX + 10 {
            count(&format!("b{number}:1"), Asked::Miss);
        }
        count("a:3", Asked::Delete);
        let mut out = Vec::new();
        prefixes.push(&mut out);
        let text = String::from_utf8(out).expect("text");
        assert!(text.starts_with("PREFIX a get 1 hit 1 set 1 del 1\r\n"), "{text}");
        assert_eq!(text.lines().count(), PREFIXES_MAX);
    }
}
