//! An item as it lies in memory: 28 bytes of header, the key, the value, and zeros up to a multiple of eight.

use crate::time::{Death, Now};

/// The bytes of a header.
pub(crate) const HEADER_BYTES: usize = 28;

/// Items begin at multiples of this, so that four bytes can name 32 GiB of places.
pub(crate) const ALIGNMENT: usize = 8;

/// How often an item was used lately, at most. The paper of S3-FIFO has 3, which hits no more often and
/// gives up later what is not popular any more.
pub(crate) const HEAT_MAX: u8 = 2;

/// What memcached 1.6 adds to key and value: its header (48), the version (8), the key's NUL and the value's
/// CR LF.
const MEMCACHED_OVERHEAD_BYTES: usize = 48 + 8 + 1 + 2;

/// What memcached adds where flags are not 0.
const MEMCACHED_FLAGS_BYTES: usize = 4;

/// The bytes of an item as memcached counts them: against its item limit, and in `me`.
#[must_use]
pub const fn item_bytes(key_bytes: usize, value_bytes: usize, flags: u32) -> usize {
    let flags_bytes = if flags == 0 { 0 } else { MEMCACHED_FLAGS_BYTES };
    MEMCACHED_OVERHEAD_BYTES + key_bytes + value_bytes + flags_bytes
}

/// What is known of an item beside its key and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) key_bytes: u8,
    pub(crate) marks: Marks,
    pub(crate) heat: u8,
    /// How often it went round its queue since it was used, only because it takes little.
    pub(crate) laps: u8,
    pub(crate) value_bytes: u32,
    pub(crate) flags: u32,
    pub(crate) version: u64,
    pub(crate) death: Death,
    pub(crate) used_at_s: u32,
}

/// Yes or no, of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marks(u8);

impl Marks {
    /// Another has taken its place, or it was deleted: it only takes room.
    pub(crate) const GONE: Self = Self(1);
    /// It was read since it was written.
    pub(crate) const FETCHED: Self = Self(2);
    /// A newer value is known to exist somewhere.
    pub(crate) const STALE: Self = Self(4);
    /// Somebody was asked to write it anew.
    pub(crate) const LEASED: Self = Self(8);
    /// Its key is any bytes, which clients write as base64.
    pub(crate) const PACKED_KEY: Self = Self(16);

    pub(crate) const fn has(self, mark: Self) -> bool {
        self.0 & mark.0 != 0
    }

    pub(crate) const fn with(self, mark: Self) -> Self {
        Self(self.0 | mark.0)
    }

    pub(crate) const fn without(self, mark: Self) -> Self {
        Self(self.0 & !mark.0)
    }

    /// Those that are true of the key, whatever item has it.
    pub(crate) const fn of_key(self) -> Self {
        Self(self.0 & Self::PACKED_KEY.0)
    }
}

impl Header {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk().expect("a header is never cut");
        let four = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let [a, b, c, d] = four(12);
        let [e, f, g, h] = four(16);
        Self {
            key_bytes: bytes[0],
            marks: Marks(bytes[1]),
            heat: bytes[2],
            laps: bytes[3],
            value_bytes: u32::from_le_bytes(four(4)),
            flags: u32::from_le_bytes(four(8)),
            version: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            death: Death::from_bits(u32::from_le_bytes(four(20))),
            used_at_s: u32::from_le_bytes(four(24)),
        }
    }

    pub(crate) fn write(&self, bytes: &mut [u8]) {
        let bytes: &mut [u8; HEADER_BYTES] = bytes.first_chunk_mut().expect("a header is never cut");
        bytes[..4].copy_from_slice(&[self.key_bytes, self.marks.0, self.heat, self.laps]);
        bytes[4..8].copy_from_slice(&self.value_bytes.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.flags.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.version.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.death.bits().to_le_bytes());
        bytes[24..28].copy_from_slice(&self.used_at_s.to_le_bytes());
    }

    /// The bytes up to the next item.
    pub(crate) const fn bytes(&self) -> usize {
        bytes(self.key_bytes as usize, self.value_bytes as usize)
    }

    /// The bytes of header and key, which are never cut.
    pub(crate) const fn head_bytes(&self) -> usize {
        HEADER_BYTES + self.key_bytes as usize
    }

    pub(crate) const fn is_gone(&self) -> bool {
        self.marks.has(Marks::GONE)
    }

    /// Notes a use of any kind.
    pub(crate) fn note_use(&mut self, now: Now) {
        self.heat = (self.heat + 1).min(HEAT_MAX);
        self.used_at_s = seconds(now);
    }
}

/// The bytes that an item takes.
pub(crate) const fn bytes(key_bytes: usize, value_bytes: usize) -> usize {
    (HEADER_BYTES + key_bytes + value_bytes).next_multiple_of(ALIGNMENT)
}

/// Now in four bytes.
pub(crate) fn seconds(now: Now) -> u32 {
    u32::try_from(now.unix_s).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let header = Header {
            key_bytes: 250,
            marks: Marks::STALE.with(Marks::LEASED),
            heat: 2,
            laps: 3,
            value_bytes: 1 << 30,
            flags: u32::MAX,
            version: u64::MAX - 1,
            death: Death::NEVER,
            used_at_s: 1_800_000_000,
        };
        let mut bytes = [0xee; 40];
        header.write(&mut bytes);
        assert_eq!(Header::read(&bytes), header);
        assert_eq!(bytes[HEADER_BYTES..], [0xee; 12]);
        assert_eq!(header.bytes() % ALIGNMENT, 0);
    }
}
