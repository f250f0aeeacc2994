//! The objects of a replay: bytes that follow from the key alone, so that a hit can be checked.
//!
//! A value is a stretch of one fixed noise, beginning where the key's hash says and going round at its end.
//! No bytes are made for it as long as it fits, and no two keys are likely to begin at one place. Its
//! length travels in the item's flags: sizes in a trace change, and whoever reads an object must know
//! whether it is whole.

use std::borrow::Cow;

/// The length of the noise: twice memcached's item limit, so nearly every value is one stretch of it.
const NOISE_BYTES: usize = 2 * 1024 * 1024;

/// The places where a value can begin: a prime, so that every bit of the hash has its say.
const STARTS: u64 = 65_521;

/// Makes and checks values.
pub(super) struct Values {
    noise: Box<[u8]>,
}

impl Values {
    pub(super) fn new() -> Self {
        let mut state = 0_u64;
        let words = std::iter::repeat_with(|| split_mix(&mut state).to_le_bytes());
        Self { noise: words.take(NOISE_BYTES / 8).flatten().collect() }
    }

    /// The value of `bytes` bytes for the key with this hash.
    pub(super) fn make(&self, hash: u64, bytes: usize) -> Cow<'_, [u8]> {
        let mut pieces = self.pieces(hash, bytes);
        let first = pieces.next().unwrap_or_default();
        if first.len() == bytes {
            return Cow::Borrowed(first);
        }
        let mut value = Vec::with_capacity(bytes);
        value.extend_from_slice(first);
        pieces.for_each(|piece| value.extend_from_slice(piece));
        Cow::Owned(value)
    }

    /// Whether `data` with `flags` is what a replay wrote for the key with this hash.
    pub(super) fn is_right(&self, hash: u64, data: &[u8], flags: u32) -> bool {
        let mut rest = data;
        let mut same = |piece: &[u8]| {
            let (front, back) = rest.split_at(piece.len());
            rest = back;
            front == piece
        };
        flags as usize == data.len() && self.pieces(hash, data.len()).all(&mut same)
    }

    /// The stretches of noise that make up a value.
    fn pieces(&self, hash: u64, bytes: usize) -> impl Iterator<Item = &[u8]> {
        let mut start = (hash % STARTS) as usize;
        let mut left = bytes;
        std::iter::from_fn(move || {
            let end = self.noise.len().min(start + left);
            let piece = &self.noise[start..end];
            left -= piece.len();
            start = 0;
            (!piece.is_empty()).then_some(piece)
        })
    }
}

/// SplitMix64 (Steele, Lea, Flood, 2014): one addition and two multiplications a word.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_any_length_is_right_for_its_key_only() {
        let values = Values::new();
        for bytes in [0, 1, 8, 512, 1_048_576, NOISE_BYTES, 2 * NOISE_BYTES + 77_777] {
            let value = values.make(12_345, bytes);
            assert_eq!(value.len(), bytes);
            assert!(values.is_right(12_345, &value, bytes as u32));
            assert_eq!(values.is_right(54_321, &value, bytes as u32), bytes == 0, "{bytes}");
        }
    }

    #[test]
    fn a_cut_or_spoiled_value_is_wrong() {
        let values = Values::new();
        let value = values.make(7, 5_000).into_owned();
        assert!(!values.is_right(7, &value[..4_999], 5_000), "cut");
        assert!(!values.is_right(7, &value, 4_999), "of another length than was set");
        for at in [0, 2_500, 4_999] {
            let mut spoiled = value.clone();
            spoiled[at] ^= 1;
            assert!(!values.is_right(7, &spoiled, 5_000), "spoiled at {at}");
        }
    }

    #[test]
    fn usual_values_are_not_copied() {
        assert!(matches!(Values::new().make(u64::MAX, 1024 * 1024), Cow::Borrowed(_)));
    }
}
