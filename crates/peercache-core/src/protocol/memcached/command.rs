//! What a peer is asked, written for the wire.
//!
//! Commands are written anew from checked parts, never copied from a client, and always ask for an answer: a
//! peer that says nothing cannot confirm anything.

use super::reply::Shape;
use crate::key::Key;
use alloc::vec::Vec;

/// One command to a peer.
#[derive(Debug, Clone, Copy)]
pub enum Command<'a> {
    /// Reads keys; the answer has those that exist.
    Get(&'a [Key<'a>]),
    /// Stores a value.
    Set {
        /// Under this key.
        key: Key<'a>,
        /// Opaque to the peer; it comes back with the value.
        flags: u32,
        /// memcached's expiry: 0 is never, up to 30 days relative seconds, beyond that a Unix date.
        exptime: u32,
        /// The value.
        value: &'a [u8],
    },
    /// Deletes a key.
    Delete(Key<'a>),
    /// Asks what is known of an item, without reading or touching it.
    Inspect(Key<'a>),
    /// Empties the peer at once.
    FlushAll,
    /// Asks for the general statistics.
    Stats,
}

/// What a command does to a peer's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Serves values: only a readable peer may be asked.
    Reads,
    /// Changes what the peer holds.
    Writes,
    /// Tells about the peer or its items and serves none.
    Looks,
}

impl Command<'_> {
    /// The form of the answer.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        match self {
            Self::Get(_) => Shape::Values,
            Self::Set { .. } | Self::Delete(_) | Self::Inspect(_) | Self::FlushAll => Shape::Line,
            Self::Stats => Shape::Stats,
        }
    }

    /// What it does to the peer's items.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        match self {
            Self::Get(_) => Effect::Reads,
            Self::Set { .. } | Self::Delete(_) | Self::FlushAll => Effect::Writes,
            Self::Inspect(_) | Self::Stats => Effect::Looks,
        }
    }

    /// Appends it to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Get(keys) => {
                out.extend_from_slice(b"get");
                for key in keys {
                    out.push(b' ');
                    out.extend_from_slice(key.as_bytes());
                }
            }
            Self::Set { key, flags, exptime, value } => {
                out.extend_from_slice(b"set ");
                out.extend_from_slice(key.as_bytes());
                for number in [u64::from(flags), u64::from(exptime), value.len() as u64] {
                    out.push(b' ');
                    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
                }
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(value);
            }
            Self::Delete(key) => {
                out.extend_from_slice(b"delete ");
                out.extend_from_slice(key.as_bytes());
            }
            Self::Inspect(key) => {
                out.extend_from_slice(b"me ");
                out.extend_from_slice(key.as_bytes());
            }
            Self::FlushAll => out.extend_from_slice(b"flush_all"),
            Self::Stats => out.extend_from_slice(b"stats"),
        }
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(command: Command<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        command.encode(&mut out);
        out
    }

    #[test]
    fn commands_read_as_memcached_wants_them() {
        let key = |text: &'static str| Key::new(text.as_bytes()).unwrap();
        assert_eq!(encoded(Command::Get(&[key("a"), key("b")])), b"get a b\r\n");
        let set = Command::Set { key: key("a"), flags: 7, exptime: 60, value: b"x\r\ny" };
        assert_eq!(encoded(set), b"set a 7 60 4\r\nx\r\ny\r\n");
        assert_eq!(encoded(Command::Delete(key("a"))), b"delete a\r\n");
        assert_eq!(encoded(Command::Inspect(key("a"))), b"me a\r\n");
        assert_eq!(encoded(Command::FlushAll), b"flush_all\r\n");
        assert_eq!(encoded(Command::Stats), b"stats\r\n");
    }
}
