//! The hashes of points and keys: published, stable functions, so that every version, host and language
//! agrees on where a key lives (P-02). Of each hash the first 32 bits count, read big-endian.

use crate::key::Key;
use crate::spec::{HashKind, NAME_BYTES_MAX, PeerId};
use md5::{Digest, Md5};
use xxhash_rust::xxh3::xxh3_64;

/// Where the `v`-th point of a peer stands: the hash of `<id>#<v>`.
#[must_use]
pub fn hash_point(kind: HashKind, id: &PeerId, v: u32) -> u32 {
    let mut label = [0u8; NAME_BYTES_MAX + 11];
    let id = id.as_str().as_bytes();
    label[..id.len()].copy_from_slice(id);
    label[id.len()] = b'#';
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(v).as_bytes();
    let end = id.len() + 1 + digits.len();
    label[id.len() + 1..end].copy_from_slice(digits);
    hash_bytes(kind, &label[..end])
}

/// Where a key stands.
#[must_use]
#[inline]
pub fn hash_key(kind: HashKind, key: Key<'_>) -> u32 {
    hash_bytes(kind, key.as_bytes())
}

/// Where an item stands that these bytes name, which a key in base64 decodes to.
#[must_use]
#[inline]
pub(super) fn hash_bytes(kind: HashKind, bytes: &[u8]) -> u32 {
    match kind {
        HashKind::Xxh3 => (xxh3_64(bytes) >> 32) as u32,
        HashKind::Md5 => md5_first_32_bits(bytes),
    }
}

fn md5_first_32_bits(bytes: &[u8]) -> u32 {
    let digest = Md5::digest(bytes);
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}
