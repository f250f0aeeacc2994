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
}

/// A command, as it came off the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Get(Vec<u8>),
    /// `mg` with the flag `v` alone.
    MetaGet(Vec<u8>),
    Set {
        key: Vec<u8>,
        value: Vec<u8>,
    },
    Delete(Vec<u8>),
    FlushAll,
    Stats,
    Unknown,
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
            [b"set", key, _, _, bytes] => {
                let bytes: usize = std::str::from_utf8(bytes).ok()?.parse().ok()?;
                let value = input.get(taken..taken + bytes + 2)?[..bytes].to_vec();
                (Self::Set { key: key.to_vec(), value }, taken + bytes + 2)
            }
            [b"delete", key] => (Self::Delete(key.to_vec()), taken),
            [b"flush_all"] => (Self::FlushAll, taken),
            [b"stats"] => (Self::Stats, taken),
            _ => (Self::Unknown, taken),
        })
    }
}

/// The daemon's memory.
#[derive(Debug, Default, Clone)]
pub(crate) struct Store {
    items: BTreeMap<Vec<u8>, Item>,
}

impl Store {
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }

    pub(crate) fn item(&self, key: &[u8]) -> Option<&Item> {
        self.items.get(key)
    }

    /// What a `get` answers.
    pub(crate) fn get(&self, key: &[u8]) -> Vec<u8> {
        let mut reply = Vec::new();
        if let Some(item) = self.items.get(key) {
            reply.extend_from_slice(b"VALUE ");
            reply.extend_from_slice(key);
            reply.extend_from_slice(format!(" 0 {}\r\n", item.value.len()).as_bytes());
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
    pub(crate) fn set(&mut self, key: Vec<u8>, value: Vec<u8>, born: u32, has_memory: bool) -> &'static [u8] {
        if value.len() > VALUE_BYTES_MAX {
            return b"SERVER_ERROR object too large for cache\r\n";
        }
        if !has_memory {
            return b"SERVER_ERROR out of memory storing object\r\n";
        }
        self.items.insert(key, Item { value, born });
        b"STORED\r\n"
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
        let set = Command::Set { key: b"k".to_vec(), value: b"a\r\nb".to_vec() };
        assert_eq!(Command::parse(wire), Some((set, 19)));
        assert_eq!(Command::parse(&wire[19..]), Some((Command::Get(b"k".to_vec()), 7)));
    }

    #[test]
    fn a_refused_value_leaves_the_old_one() {
        let mut store = Store::default();
        assert_eq!(store.set(b"k".to_vec(), b"old".to_vec(), 1, true), b"STORED\r\n");
        assert!(store.set(b"k".to_vec(), b"new".to_vec(), 1, false).starts_with(b"SERVER_ERROR out"));
        assert!(store.set(b"k".to_vec(), vec![b'x'; 65], 1, true).starts_with(b"SERVER_ERROR object"));
        assert_eq!(store.get(b"k"), b"VALUE k 0 3\r\nold\r\nEND\r\n");
    }
}
