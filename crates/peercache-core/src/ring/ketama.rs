//! The points of a ketama ring, exactly as twemproxy and libmemcached's `KETAMA_WEIGHTED` place them (P-02).
//!
//! A peer gets forty MD5 digests of `<name>-<number>`, times its weight in proportion to the mean; each
//! digest gives four points. The proportion is computed in 32-bit floating point, in their order, because
//! the rounding decides how many digests a peer has.

use super::RingMember;
use md5::{Digest, Md5};

/// Digests of a peer of mean weight.
const DIGESTS: f32 = 40.0;

/// Points from one digest.
pub(super) const POINTS_A_DIGEST: u32 = 4;

/// How many digests each of `members` has, in their order. A weight far below the mean may have none.
pub(super) fn digests<'a>(members: &'a [RingMember<'_>]) -> impl Iterator<Item = u32> + 'a {
    let total: u64 = members.iter().map(|member| u64::from(member.weight.get())).sum();
    members.iter().map(move |member| {
        let part = member.weight.get() as f32 / total as f32;
        // `× 160 ÷ 4` in the originals, and both steps are kept: each of them rounds. The cast rounds down.
        (part * (DIGESTS * POINTS_A_DIGEST as f32) / POINTS_A_DIGEST as f32 * members.len() as f32) as u32
    })
}

/// The points of digest `number` of the peer called `name`.
pub(super) fn points(name: &str, number: u32) -> [u32; 4] {
    let mut digits = itoa::Buffer::new();
    let label = Md5::new().chain_update(name).chain_update("-").chain_update(digits.format(number));
    let digest = label.finalize();
    let word = |at: usize| u32::from_le_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]);
    [word(0), word(4), word(8), word(12)]
}
