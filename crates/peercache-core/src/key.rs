//! A key that is safe to put on a wire.
//!
//! A [`Key`] is checked once, where it enters; everything behind that point may write it into a command line
//! without looking again. The rules are memcached's: 1 to 250 bytes, no space and no control byte (P-60).

use core::fmt;
use thiserror::Error;

/// The longest key memcached takes, in bytes (its `KEY_MAX_LENGTH`).
pub const KEY_BYTES_MAX: usize = 250;

/// A key of 1 to [`KEY_BYTES_MAX`] bytes without spaces or control bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key<'a>(&'a [u8]);

impl<'a> Key<'a> {
    /// Checks `bytes` and wraps them.
    ///
    /// # Errors
    /// [`KeyError`] says which rule the bytes break, and where.
    pub fn new(bytes: &'a [u8]) -> Result<Self, KeyError> {
        if bytes.is_empty() {
            return Err(KeyError::Empty);
        }
        if bytes.len() > KEY_BYTES_MAX {
            return Err(KeyError::TooLong { bytes: bytes.len() });
        }
        if are_allowed(bytes) {
            return Ok(Self(bytes));
        }
        let at = bytes.iter().position(|&byte| !is_allowed(byte)).unwrap_or_default();
        Err(KeyError::Forbidden { byte: bytes[at], at })
    }

    /// Wraps bytes that were a key before, and were copied since.
    #[must_use]
    #[inline]
    pub fn known(bytes: &'a [u8]) -> Self {
        debug_assert!(Self::new(bytes).is_ok(), "{}", bytes.escape_ascii());
        Self(bytes)
    }

    /// The key's bytes, as they go over the wire.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.escape_ascii())
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

fn is_allowed(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f
}

/// Whether all of them are allowed, eight at a time: every key that is asked for is looked at here. What does
/// not fill eight is looked at together with bytes that were looked at before.
#[inline]
fn are_allowed(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk() {
        let forbidden = |eight: &[u8; 8]| forbidden_in(u64::from_le_bytes(*eight));
        bytes.as_chunks().0.iter().fold(forbidden(last), |all, eight| all | forbidden(eight)) == 0
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let half = |four: &[u8; 4]| u64::from(u32::from_le_bytes(*four));
        forbidden_in(half(first) << 32 | half(last)) == 0
    } else {
        bytes.iter().all(|&byte| is_allowed(byte))
    }
}

/// Not 0 if one of eight bytes is forbidden.
#[inline]
fn forbidden_in(bytes: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH_BITS: u64 = ONES << 7;
    let deletes = bytes ^ (ONES * 0x7f);
    // What is subtracted from a byte reaches its highest bit, and further only where it has done so.
    let (low, is_delete) = (bytes.wrapping_sub(ONES * 0x21) & !bytes, deletes.wrapping_sub(ONES) & !deletes);
    (low | is_delete) & HIGH_BITS
}

/// Why some bytes cannot be a key. Nothing was sent anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The key has no bytes.
    #[error("the key is empty; a key has 1 to {KEY_BYTES_MAX} bytes")]
    Empty,
    /// The key is longer than [`KEY_BYTES_MAX`].
    #[error("the key is {bytes} bytes long; a key has 1 to {KEY_BYTES_MAX} bytes")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A space or a control byte, which would end or change the command that carries the key.
    #[error(
        "the key has the byte 0x{byte:02x} at position {at}; \
         spaces and control bytes are not allowed in keys"
    )]
    Forbidden {
        /// The first offending byte.
        byte: u8,
        /// Its index in the key, from 0.
        at: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn lengths_from_1_to_250_are_keys() {
        assert!(Key::new(b"a").is_ok());
        assert!(Key::new(&vec![b'k'; 250]).is_ok());
        assert_eq!(Key::new(b""), Err(KeyError::Empty));
        assert_eq!(Key::new(&vec![b'k'; 251]), Err(KeyError::TooLong { bytes: 251 }));
    }

    #[test]
    fn bytes_that_would_change_the_command_are_refused() {
        for byte in [0, b'\t', b'\r', b'\n', b' ', 0x1f, 0x7f] {
            let key = [b'a', byte, b'b'];
            assert_eq!(Key::new(&key), Err(KeyError::Forbidden { byte, at: 1 }));
        }
        assert!(Key::new("schlüssel".as_bytes()).is_ok(), "bytes above 0x7f are memcached keys");
    }

    #[test]
    fn a_forbidden_byte_is_found_wherever_it_is_and_whatever_is_around_it() {
        for around in [b'!', b'a', 0x7e, 0x80, 0xff] {
            for len in 1..20 {
                let mut bytes = vec![around; len];
                assert!(Key::new(&bytes).is_ok(), "{around} {len}");
                for at in 0..len {
                    for byte in 0..=u8::MAX {
                        bytes[at] = byte;
                        assert_eq!(Key::new(&bytes).is_ok(), is_allowed(byte), "{byte} at {at} of {len}");
                    }
                    bytes[at] = around;
                }
            }
        }
    }

    #[test]
    fn the_error_names_the_byte_and_where_it_stands() {
        let error = Key::new(b"a b").unwrap_err();
        assert!(error.to_string().contains("0x20 at position 1"), "{error}");
    }
}
