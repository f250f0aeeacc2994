//! A model of memcached that is too simple to be wrong: a map, a clock, and every rule written out once more.
//!
//! It has room for everything. Versions it does not invent: it is told which one a write was given.

use super::operations::ITEM_BYTES_MAX;
use peercache_core::protocol::memcached::request::{CountVerb, StoreVerb};
use peercache_engine::{Count, Counted, Delete, Deleted, Put, Read, Stored, Written};
use std::collections::HashMap;

/// An item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) value: Vec<u8>,
    pub(crate) flags: u32,
    pub(crate) version: u64,
    pub(crate) dies_at_s: Option<u64>,
    pub(crate) used_at_s: u64,
    pub(crate) marks: Marks,
}

/// Yes or no, of an item.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Marks {
    pub(crate) fetched: bool,
    pub(crate) stale: bool,
    pub(crate) lease: Lease,
    pub(crate) packed: bool,
}

/// Whether somebody was asked to write it anew.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum Lease {
    #[default]
    Free,
    Taken,
}

/// What a reader is shown: the item as it was, and what he is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) entry: Entry,
    pub(crate) created: bool,
    pub(crate) won: bool,
}

/// What is told of a counter: its end is the one that it had before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tally {
    pub(crate) number: u64,
    pub(crate) version: u64,
    pub(crate) dies_at_s: Option<u64>,
    pub(crate) created: bool,
}

/// What should be there.
#[derive(Debug)]
pub(crate) struct Model {
    entries: HashMap<Vec<u8>, Entry>,
    now_s: u64,
    flush_due_s: Option<u64>,
}

/// memcached's item: header, version, the ends of key and value; and flags, where there are any.
fn item_bytes(key: &[u8], value_bytes: usize, flags: u32) -> usize {
    59 + key.len() + value_bytes + if flags == 0 { 0 } else { 4 }
}

impl Entry {
    pub(crate) fn item_bytes(&self, key: &[u8]) -> usize {
        item_bytes(key, self.value.len(), self.flags)
    }
}

impl Model {
    pub(crate) fn new(now_s: u64) -> Self {
        Self { entries: HashMap::new(), now_s, flush_due_s: None }
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now_s += seconds;
    }

    pub(crate) fn now_s(&self) -> u64 {
        self.now_s
    }

    /// Everything that is alive.
    pub(crate) fn entries(&mut self) -> &mut HashMap<Vec<u8>, Entry> {
        if self.flush_due_s.is_some_and(|due_s| due_s <= self.now_s) {
            self.entries.clear();
            self.flush_due_s = None;
        }
        let now_s = self.now_s;
        self.entries.retain(|_, entry| entry.dies_at_s.is_none_or(|dies_at_s| dies_at_s > now_s));
        &mut self.entries
    }

    pub(crate) fn get(&mut self, key: &[u8]) -> Option<Entry> {
        self.entries().get(key).cloned()
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        self.entries().remove(key)
    }

    fn dies_at_s(&self, exptime: i64) -> Option<u64> {
        match exptime {
            0 => None,
            ..0 => Some(0),
            1..=2_592_000 => Some(self.now_s + exptime as u64),
            date => Some(date as u64),
        }
    }

    pub(crate) fn store(&mut self, key: &[u8], put: &Put<'_>, version: u64) -> Stored {
        if item_bytes(key, put.value.len(), put.flags) > ITEM_BYTES_MAX {
            if put.forgets {
                self.remove(key);
            }
            return Stored::TooLarge;
        }
        let mut new = Entry {
            value: put.value.to_vec(),
            flags: put.flags,
            version,
            dies_at_s: self.dies_at_s(put.exptime),
            used_at_s: self.now_s,
            marks: Marks { packed: put.packed_key, ..Marks::default() },
        };
        match (put.verb, self.get(key)) {
            (StoreVerb::Set, _) | (StoreVerb::Add, None) | (StoreVerb::Replace, Some(_)) => {}
            (StoreVerb::Add, Some(old)) => {
                // It counts as a use of what is there.
                self.entries.insert(key.to_vec(), Entry { used_at_s: self.now_s, ..old });
                return Stored::NotStored;
            }
            (StoreVerb::Replace, None) => return Stored::NotStored,
            (StoreVerb::Cas(_), None) => return Stored::NotFound,
            (StoreVerb::Cas(0), Some(_)) => return Stored::Exists,
            (StoreVerb::Cas(expected), Some(old)) if expected == old.version => {}
            (StoreVerb::Cas(expected), Some(old)) if put.takes_stale && expected < old.version => {
                new.dies_at_s = old.dies_at_s;
                new.marks = Marks { stale: true, lease: old.marks.lease, ..new.marks };
            }
            (StoreVerb::Cas(_), Some(_)) => return Stored::Exists,
            (StoreVerb::Append | StoreVerb::Prepend, None) => match put.vivify {
                Some(exptime) => new.dies_at_s = self.dies_at_s(exptime),
                None => return Stored::NotStored,
            },
            (StoreVerb::Append | StoreVerb::Prepend, Some(old)) => {
                if put.compare.is_some_and(|expected| expected != old.version) {
                    return Stored::Exists;
                }
                new.value = match put.verb {
                    StoreVerb::Append => [&old.value[..], put.value].concat(),
                    _ => [put.value, &old.value].concat(),
                };
                (new.flags, new.dies_at_s) = (old.flags, old.dies_at_s);
                if new.item_bytes(key) > ITEM_BYTES_MAX {
                    return Stored::NotStored;
                }
            }
        }
        let value_bytes = new.value.len();
        self.entries.insert(key.to_vec(), new);
        Stored::Stored(Written { version, value_bytes })
    }

    pub(crate) fn read(&mut self, key: &[u8], read: &Read, version: u64) -> Option<Shown> {
        let old = self.get(key);
        let created = old.is_none();
        let entry = match old {
            Some(entry) => entry,
            None => Entry {
                value: Vec::new(),
                flags: 0,
                version,
                dies_at_s: self.dies_at_s(read.lease?.vivify?),
                used_at_s: self.now_s,
                marks: Marks { packed: read.lease?.packed_key, ..Marks::default() },
            },
        };
        let won = created || self.is_to_renew(&entry, read);
        let mut after = entry.clone();
        if let Some(exptime) = read.touch.filter(|_| !created) {
            after.dies_at_s = self.dies_at_s(exptime);
        }
        if won {
            after.marks.lease = Lease::Taken;
        }
        if !read.peeks {
            after.marks.fetched = true;
            after.used_at_s = self.now_s;
        }
        self.entries.insert(key.to_vec(), after);
        Some(Shown { entry, created, won })
    }

    fn is_to_renew(&self, entry: &Entry, read: &Read) -> bool {
        let Some(lease) = read.lease else { return false };
        let ends_soon = lease.recache.is_some_and(|recache| {
            let dies_at_s = match read.touch {
                Some(exptime) if recache.after_touch => self.dies_at_s(exptime),
                _ => entry.dies_at_s,
            };
            match (dies_at_s, self.dies_at_s(recache.exptime)) {
                (Some(dies_at_s), Some(before_s)) => dies_at_s < before_s,
                _ => false,
            }
        });
        entry.marks.lease == Lease::Free && (entry.marks.stale || ends_soon)
    }

    pub(crate) fn delete(&mut self, key: &[u8], delete: &Delete, version: u64) -> Deleted {
        let Some(mut entry) = self.get(key) else { return Deleted::NotFound };
        if delete.compare.is_some_and(|expected| expected != entry.version) {
            return Deleted::Exists;
        }
        if !delete.keeps_key && !delete.marks_stale {
            self.remove(key);
            return Deleted::Deleted;
        }
        if delete.keeps_key {
            entry = Entry {
                value: Vec::new(),
                flags: delete.flags,
                version: delete.version.unwrap_or(entry.version),
                dies_at_s: self.dies_at_s(delete.touch.unwrap_or(0)),
                used_at_s: self.now_s,
                marks: Marks { packed: entry.marks.packed, ..Marks::default() },
            };
        }
        if delete.marks_stale {
            if let Some(exptime) = delete.touch {
                entry.dies_at_s = self.dies_at_s(exptime);
            }
            entry.version = version;
            entry.marks = Marks { stale: true, lease: Lease::Free, ..entry.marks };
        }
        self.entries.insert(key.to_vec(), entry);
        Deleted::Deleted
    }

    pub(crate) fn count(&mut self, key: &[u8], count: &Count, version: u64) -> Result<Tally, Counted> {
        let Some(mut entry) = self.get(key) else {
            let Some((number, exptime)) = count.vivify else { return Err(Counted::NotFound) };
            let value = number.to_string().into_bytes();
            let dies_at_s = self.dies_at_s(exptime);
            let marks = Marks { packed: count.packed_key, ..Marks::default() };
            let entry = Entry { value, flags: 0, version, dies_at_s, used_at_s: self.now_s, marks };
            self.entries.insert(key.to_vec(), entry);
            return Ok(Tally { number, version, dies_at_s, created: true });
        };
        if !entry.value.is_empty() && count.compare.is_some_and(|expected| expected != entry.version) {
            return Err(Counted::Exists);
        }
        let Some(number) = number(&entry.value) else { return Err(Counted::NotANumber) };
        let number = match count.verb {
            CountVerb::Incr => number.wrapping_add(count.delta),
            CountVerb::Decr => number.saturating_sub(count.delta),
        };
        let tally = Tally { number, version, dies_at_s: entry.dies_at_s, created: false };
        let digits = number.to_string().into_bytes();
        let spaces = vec![b' '; entry.value.len().saturating_sub(digits.len())];
        if digits.len() > entry.value.len() {
            entry.marks = Marks { packed: entry.marks.packed, ..Marks::default() };
        }
        entry.value = [digits, spaces].concat();
        entry.used_at_s = self.now_s;
        entry.version = version;
        if let Some(exptime) = count.touch {
            entry.dies_at_s = self.dies_at_s(exptime);
        }
        self.entries.insert(key.to_vec(), entry);
        Ok(tally)
    }

    pub(crate) fn flush(&mut self, exptime: i64) {
        self.entries();
        self.flush_due_s = self.dies_at_s(exptime.max(0)).or(Some(self.now_s));
        self.entries();
    }
}

/// The number at the start of a value: what C's `strtoull` reads, if it ends at a space, a zero byte or the
/// end, and was not below 0 (or so far below that it comes out above again).
fn number(value: &[u8]) -> Option<u64> {
    let text: String = value.iter().map(|&byte| char::from(byte)).collect();
    let is_space = |letter| " \t\n\x0b\x0c\r".contains(letter);
    let word = text.trim_start_matches(is_space).split(|letter| is_space(letter) || letter == '\0').next()?;
    match word.strip_prefix('-') {
        None => word.parse().ok(),
        Some(digits) if digits.starts_with('+') => None,
        Some(digits) => {
            let number = 0u64.wrapping_sub(digits.parse().ok()?);
            (number <= i64::MAX as u64).then_some(number)
        }
    }
}
