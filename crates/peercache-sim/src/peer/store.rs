//! What a simulated daemon understands and holds: a small memcached, from bytes to bytes.
//!
//! A simulated part of the simulator, with a parser of its own, so that a mistake of the real codecs cannot
//! cancel itself out. It is the one place to change when the embedded engine's own session takes its part.

use std::collections::BTreeMap;

/// The largest value it stores, in bytes; small, so that refusals are cheap to bring about.
pub(crate) const VALUE_BYTES_MAX: usize = 64;

/// One stored value.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) value: Vec<u8>,
    /// The run of the daemon that stored it.
    pub(crate) born: u32,
    /// Its version: the store's own count of writes.
    cas: u64,
}

/// A command, as it came off the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Get(Vec<u8>),
    /// `mg` with the flag `v` alone.
    MetaGet(Vec<u8>),
    /// A get whose answer has the version.
    Gets(Vec<u8>),
    Store {
        key: Vec<u8>,
        value: Vec<u8>,
        only: Only,
    },
    Incr {
        key: Vec<u8>,
        by: u64,
    },
    Delete(Vec<u8>),
    FlushAll,
    Stats,
    Unknown,
}

/// On which condition a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Only {
    Always,
    IfAbsent,
    IfVersion(u64),
}

impl Command {
    /// The first whole command of `input` and how many bytes it takes; none while it is incomplete.
    pub(crate) fn parse(input: &[u8]) -> Option<(Self, usize)> {
        let end = input.windows(2).position(|two| two == b"\r\n")?;
        let words: Vec<&[u8]> = input[..end].split(|&byte| byte == b' ').collect();
        let taken = end + 2;
        Some(match words[..] {
            [b"get", key] => (Self::Get(key.to_vec()), taken),
            [b"mg", key, b"v"] => (Self::MetaGet(key.to_vec()), taken),
            [b"gets", key] => (Self::Gets(key.to_vec()), taken),
            [b"set", key, _, _, bytes] => Self::parse_store(input, taken, key, bytes, Only::Always)?,
            [b"add", key, _, _, bytes] => Self::parse_store(input, taken, key, bytes, Only::IfAbsent)?,
            [b"cas", key, _, _, bytes, version] => {
                Self::parse_store(input, taken, key, bytes, Only::IfVersion(number(version)?))?
            }
            [b"incr", key, by] => (Self::Incr { key: key.to_vec(), by: number(by)? }, taken),
            [b"delete", key] => (Self::Delete(key.to_vec()), taken),
            [b"flush_all"] => (Self::FlushAll, taken),
            [b"stats"] => (Self::Stats, taken),
            _ => (Self::Unknown, taken),
        })
    }

    fn parse_store(
        input: &[u8],
        taken: usize,
        key: &[u8],
        bytes: &[u8],
        only: Only,
    ) -> Option<(Self, usize)> {
        let bytes = number(bytes)? as usize;
        let value = input.get(taken..taken + bytes + 2)?[..bytes].to_vec();
        Some((Self::Store { key: key.to_vec(), value, only }, taken + bytes + 2))
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The daemon's memory.
#[derive(Debug, Default, Clone)]
pub(crate) struct Store {
    items: BTreeMap<Vec<u8>, Item>,
    /// Writes so far, as the daemon numbers its items.
    writes: u64,
}

impl Store {
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// As a daemon that starts anew: it counts its versions from the beginning.
    pub(crate) fn restart(&mut self) {
        self.writes = 0;
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }

    pub(crate) fn item(&self, key: &[u8]) -> Option<&Item> {
        self.items.get(key)
    }

    /// What a `get` answers, or a `gets`.
    pub(crate) fn get(&self, key: &[u8], has_version: bool) -> Vec<u8> {
        let mut reply = Vec::new();
        if let Some(item) = self.items.get(key) {
            reply.extend_from_slice(b"VALUE ");
            reply.extend_from_slice(key);
            let version = if has_version { format!(" {}", item.cas) } else { String::new() };
            reply.extend_from_slice(format!(" 0 {}{version}\r\n", item.value.len()).as_bytes());
            reply.extend_from_slice(&item.value);
            reply.extend_from_slice(b"\r\n");
        }
        reply.extend_from_slice(b"END\r\n");
        reply
    }

    /// What an `mg` answers.
    pub(crate) fn meta_get(&self, key: &[u8]) -> Vec<u8> {
        let Some(item) = self.items.get(key) else { return b"EN\r\n".to_vec() };
        let mut reply = format!("VA {}\r\n", item.value.len()).into_bytes();
        reply.extend_from_slice(&item.value);
        reply.extend_from_slice(b"\r\n");
        reply
    }

    /// Stores a value, or leaves the old one where it refuses: the worst that a daemon may do. Whether it was
    /// stored shows in the answer.
    pub(crate) fn store(
        &mut self,
        key: Vec<u8>,
        value: Vec<u8>,
        only: Only,
        born: u32,
        has_memory: bool,
    ) -> &'static [u8] {
        if value.len() > VALUE_BYTES_MAX {
            return b"SERVER_ERROR object too large for cache\r\n";
        }
        if !has_memory {
            return b"SERVER_ERROR out of memory storing object\r\n";
        }
        match (only, self.items.get(&key).map(|item| item.cas)) {
            (Only::IfAbsent, Some(_)) => return b"NOT_STORED\r\n",
            (Only::IfVersion(_), None) => return b"NOT_FOUND\r\n",
            (Only::IfVersion(asked), Some(cas)) if asked != cas => return b"EXISTS\r\n",
            _ => {}
        }
        self.writes += 1;
        self.items.insert(key, Item { value, born, cas: self.writes });
        b"STORED\r\n"
    }

    /// Counts; an error line where there is nothing, or no number.
    pub(crate) fn incr(&mut self, key: &[u8], by: u64, born: u32) -> Result<u64, &'static [u8]> {
        let item = self.items.get_mut(key).ok_or(&b"NOT_FOUND\r\n"[..])?;
        let refused = &b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"[..];
        let counted = number(&item.value).ok_or(refused)?.wrapping_add(by);
        self.writes += 1;
        *item = Item { value: counted.to_string().into_bytes(), born, cas: self.writes };
        Ok(counted)
    }

    pub(crate) fn delete(&mut self, key: &[u8]) -> &'static [u8] {
        if self.items.remove(key).is_some() { b"DELETED\r\n" } else { b"NOT_FOUND\r\n" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_taken_whole_or_not_at_all() {
        let wire = b"set k 0 0 4\r\na\r\nb\r\nget k\r\n";
        for split in 0..19 {
            assert_eq!(Command::parse(&wire[..split]), None, "{split}");
        }
        let set = Command::Store { key: b"k".to_vec(), value: b"a\r\nb".to_vec(), only: Only::Always };
        assert_eq!(Command::parse(wire), Some((set, 19)));
        assert_eq!(Command::parse(&wire[19..]), Some((Command::Get(b"k".to_vec()), 7)));
    }

    #[test]
    fn a_refused_value_leaves_the_old_one() {
        let mut store = Store::default();
        let mut set = |value: &[u8], has_memory| {
            store.store(b"k".to_vec(), value.to_vec(), Only::Always, 1, has_memory)
        };
        assert_eq!(set(b"old", true), b"STORED\r\n");
        assert!(set(b"new", false).starts_with(b"SERVER_ERROR out"));
        assert!(set(&[b'x'; 65], true).starts_with(b"SERVER_ERROR object"));
        assert_eq!(store.get(b"k", false), b"VALUE k 0 3\r\nold\r\nEND\r\n");
    }

    #[test]
    fn a_version_changes_with_every_write() {
        let mut store = Store::default();
        let mut write = |value: &[u8], only| store.store(b"k".to_vec(), value.to_vec(), only, 1, true);
        assert_eq!(write(b"1", Only::IfVersion(1)), b"NOT_FOUND\r\n");
        assert_eq!(write(b"1", Only::IfAbsent), b"STORED\r\n");
        assert_eq!(write(b"2", Only::IfAbsent), b"NOT_STORED\r\n");
        assert_eq!(write(b"2", Only::IfVersion(1)), b"STORED\r\n");
        assert_eq!(write(b"3", Only::IfVersion(1)), b"EXISTS\r\n");
        assert_eq!(store.incr(b"k", 5, 1), Ok(7));
        assert_eq!(store.get(b"k", true), b"VALUE k 0 1 3\r\n7\r\nEND\r\n");
    }
}
