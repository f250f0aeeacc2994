//! The key of a meta command: as it was sent, and what it stands for.

use crate::key::{KEY_BYTES_MAX, Key};
use crate::protocol::memcached::base64;
use alloc::vec::Vec;
use core::fmt;

/// The most bytes that the text of a key can stand for.
const DECODED_BYTES_MAX: usize = KEY_BYTES_MAX / 4 * 3;

/// A key, either plain or, with the flag `b`, base64 of what may be any bytes.
///
/// Two texts can name one item (`foo`, and `Zm9v` with `b`), so whatever finds or compares items must use
/// [`MetaKey::placement`], never the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MetaKey<'a> {
    text: Key<'a>,
    form: Form,
}

/// How the text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Base64,
}

impl<'a> MetaKey<'a> {
    /// A key that stands for itself.
    #[must_use]
    pub const fn plain(text: Key<'a>) -> Self {
        Self { text, form: Form::Plain }
    }

    /// A key in base64; none if that is not what it is.
    #[must_use]
    pub fn base64(text: Key<'a>) -> Option<Self> {
        let mut out = [0; DECODED_BYTES_MAX];
        base64::decode(text.as_bytes(), &mut out).map(|_| Self { text, form: Form::Base64 })
    }

    /// What the client wrote.
    #[must_use]
    pub const fn text(self) -> Key<'a> {
        self.text
    }

    /// Whether the client wrote base64.
    #[must_use]
    pub const fn is_base64(self) -> bool {
        matches!(self.form, Form::Base64)
    }

    /// The bytes that name the item: what is hashed, and what tells two items apart.
    #[must_use]
    pub fn placement(self) -> Placement<'a> {
        match self.form {
            Form::Plain => Placement::Sent(self.text.as_bytes()),
            Form::Base64 => {
                let mut bytes = [0; DECODED_BYTES_MAX];
                // It was decoded once, when it was checked.
                let length = base64::decode(self.text.as_bytes(), &mut bytes).unwrap_or(0);
                Placement::Decoded { bytes, length }
            }
        }
    }

    /// Appends the key as the flag `k` answers it: ` k` and the key, and ` b` if it is base64, which is
    /// written anew, because memcached keeps only what it stands for.
    pub fn encode_echo(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b" k");
        match self.placement() {
            Placement::Sent(bytes) => out.extend_from_slice(bytes),
            decoded @ Placement::Decoded { .. } => {
                out.extend(base64::encode(decoded.as_ref()));
                out.extend_from_slice(b" b");
            }
        }
    }
}

impl fmt::Debug for MetaKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MetaKey({}{})", self.text, if self.is_base64() { " b" } else { "" })
    }
}

/// The bytes that name an item, 1 to 250 of them, see [`MetaKey::placement`].
#[derive(Clone, Copy)]
pub enum Placement<'a> {
    /// They are in the request.
    Sent(&'a [u8]),
    /// They had to be decoded.
    Decoded {
        /// Room for them.
        bytes: [u8; DECODED_BYTES_MAX],
        /// How many there are.
        length: usize,
    },
}

impl AsRef<[u8]> for Placement<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Sent(bytes) => bytes,
            Self::Decoded { bytes, length } => &bytes[..*length],
        }
    }
}

impl fmt::Debug for Placement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Placement({})", self.as_ref().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(key: MetaKey<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        key.encode_echo(&mut out);
        out
    }

    #[test]
    fn base64_and_plain_text_name_the_same_item() {
        let plain = MetaKey::plain(Key::new(b"foo").unwrap());
        let packed = MetaKey::base64(Key::new(b"Zm9v").unwrap()).unwrap();
        assert_eq!(plain.placement().as_ref(), packed.placement().as_ref());
        assert!(packed.is_base64() && !plain.is_base64());
        assert_eq!((echo(plain), echo(packed)), (b" kfoo".to_vec(), b" kZm9v b".to_vec()));
    }

    #[test]
    fn the_longest_text_fits() {
        let key = MetaKey::base64(Key::new(&[b'z'; 248]).unwrap()).unwrap();
        assert_eq!(key.placement().as_ref().len(), DECODED_BYTES_MAX);
        assert_eq!(MetaKey::base64(Key::new(&[b'z'; 250]).unwrap()), None, "it ends within a block");
    }
}
