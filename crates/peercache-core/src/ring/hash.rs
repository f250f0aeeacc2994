//! The hashes of points and keys: published, stable functions, so that every version, host and language
//! agrees on where a key lives (P-02). Of xxh3 and md5 the first 32 bits count, read big-endian; what ketama
//! does instead is in [`super::ketama`] and [`super::key_hash`].

use super::{ketama, key_hash};
use crate::key::Key;
use crate::spec::{HashKind, Ketama, NAME_BYTES_MAX, PeerId};
use md5::{Digest, Md5};
use xxhash_rust::xxh3::xxh3_64;

/// Where the `v`-th point of a peer stands: the hash of `<id>#<v>`, or on a ketama ring the `v`-th point of a
/// peer that is named by its id.
#[must_use]
pub fn hash_point(kind: HashKind, id: &PeerId, v: u32) -> u32 {
    let hash = match kind {
        HashKind::Xxh3 => xxh3_first_32_bits,
        HashKind::Md5 => md5_first_32_bits,
        HashKind::Ketama(_) => {
            let points = ketama::points(id.as_str(), v / ketama::POINTS_A_DIGEST);
            return points[(v % ketama::POINTS_A_DIGEST) as usize];
        }
    };
    let mut label = [0u8; NAME_BYTES_MAX + 11];
    let id = id.as_str().as_bytes();
    label[..id.len()].copy_from_slice(id);
    label[id.len()] = b'#';
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(v).as_bytes();
    let end = id.len() + 1 + digits.len();
    label[id.len() + 1..end].copy_from_slice(digits);
    hash(&label[..end])
}

/// Where a key stands.
#[must_use]
pub fn hash_key(kind: HashKind, key: Key<'_>) -> u32 {
    hash_name(kind, key.as_bytes())
}

/// Where an item stands that `name` stands for: a key's bytes, or what its base64 decodes to.
fn hash_name(kind: HashKind, name: &[u8]) -> u32 {
    match kind {
        HashKind::Xxh3 => xxh3_first_32_bits(name),
        HashKind::Md5 => md5_first_32_bits(name),
        HashKind::Ketama(Ketama { key_hash, hash_tag, .. }) => {
            key_hash::hash_with(key_hash, hash_tag.map_or(name, |tag| tag.part(name)))
        }
    }
}

/// After which position the replicas of an item are looked for.
#[inline]
pub(super) fn start_of_look_up(kind: &HashKind, name: &[u8]) -> u32 {
    match kind {
        HashKind::Xxh3 => xxh3_first_32_bits(name),
        other => start_of_other_look_up(other, name),
    }
}

/// Out of line, so that the look-up that nearly everybody makes stays small.
#[inline(never)]
fn start_of_other_look_up(kind: &HashKind, name: &[u8]) -> u32 {
    start_at(*kind, hash_name(*kind, name))
}

/// The same for a key whose hash is known. On a ketama ring a point owns its own position, which follows the
/// one before.
pub(super) fn start_at(kind: HashKind, hash: u32) -> u32 {
    match kind {
        HashKind::Xxh3 | HashKind::Md5 => hash,
        HashKind::Ketama(_) => hash.wrapping_sub(1),
    }
}

#[inline]
fn xxh3_first_32_bits(bytes: &[u8]) -> u32 {
    (xxh3_64(bytes) >> 32) as u32
}

fn md5_first_32_bits(bytes: &[u8]) -> u32 {
    let digest = Md5::digest(bytes);
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}
