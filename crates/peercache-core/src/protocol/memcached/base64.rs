//! Base64, the way memcached reads it.
//!
//! memcached looks only at the letters of the alphabet and at `=`; whatever else stands between them it
//! skips, and so does this: the same text has to name the same item here and there. Nothing is allocated.

/// The alphabet of RFC 4648.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Decodes `text` into the start of `out` and says how many bytes that are; none if it is not base64, names
/// no bytes at all, or does not fit.
pub(super) fn decode(text: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut sextets = text.iter().filter_map(|&letter| sextet(letter));
    if !sextets.clone().count().is_multiple_of(4) {
        return None;
    }
    let mut length = 0;
    while let Some(first) = sextets.next() {
        let block = [first, sextets.next()?, sextets.next()?, sextets.next()?];
        let pads = block.iter().filter(|sextet| sextet.is_none()).count();
        let bits = block.iter().fold(0u32, |bits, sextet| bits << 6 | u32::from(sextet.unwrap_or(0)));
        let [_, bytes @ ..] = bits.to_be_bytes();
        // Three or four pads name no byte; behind a padded block nothing counts any more.
        let kept = bytes.get(..3usize.checked_sub(pads)?).filter(|kept| !kept.is_empty())?;
        out.get_mut(length..length + kept.len())?.copy_from_slice(kept);
        length += kept.len();
        if pads > 0 {
            break;
        }
    }
    (length > 0).then_some(length)
}

/// The letters for `bytes`, four for each three, padded.
pub(super) fn encode(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.chunks(3).flat_map(|chunk| {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        let letter = move |place: usize| LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
        let letters = chunk.len() + 1;
        (0..4).map(move |place| if place < letters { letter(place) } else { b'=' })
    })
}

/// What a letter stands for: six bits, or none of them for a pad. Other bytes are no letters.
fn sextet(letter: u8) -> Option<Option<u8>> {
    match letter {
        b'A'..=b'Z' => Some(Some(letter - b'A')),
        b'a'..=b'z' => Some(Some(letter - b'a' + 26)),
        b'0'..=b'9' => Some(Some(letter - b'0' + 52)),
        b'+' => Some(Some(62)),
        b'/' => Some(Some(63)),
        b'=' => Some(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    fn decoded(text: &[u8]) -> Option<Vec<u8>> {
        let mut out = [0; 300];
        decode(text, &mut out).map(|length| out[..length].to_vec())
    }

    #[test]
    fn the_vectors_of_the_standard() {
        let vectors: [(&[u8], &[u8]); 6] = [
            (b"f", b"Zg=="),
            (b"fo", b"Zm8="),
            (b"foo", b"Zm9v"),
            (b"foob", b"Zm9vYg=="),
            (b"fooba", b"Zm9vYmE="),
            (b"\x00\xff\xfe", b"AP/+"),
        ];
        for (bytes, text) in vectors {
            assert_eq!(encode(bytes).collect::<Vec<_>>(), text);
            assert_eq!(decoded(text).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn what_memcached_skips_is_skipped() {
        assert_eq!(decoded(b"Zm-9v!").as_deref(), Some(&b"foo"[..]));
        assert_eq!(decoded(b"Zg==Zm9v").as_deref(), Some(&b"f"[..]), "nothing counts behind a pad");
        assert_eq!(decoded(b"Z=9v").as_deref(), Some(&b"d\x0f"[..]), "a pad anywhere takes the last byte");
    }

    #[test]
    fn what_names_no_bytes_is_no_key() {
        for text in [&b""[..], b"!", b"Zm9", b"Zm9vZ", b"====", b"Z==="] {
            assert_eq!(decoded(text), None, "{}", text.escape_ascii());
        }
        assert_eq!(decode(b"Zm9v", &mut [0; 2]), None, "no room");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(bytes in prop::collection::vec(any::<u8>(), 1..190)) {
            let text: Vec<u8> = encode(&bytes).collect();
            prop_assert_eq!(decoded(&text), Some(bytes));
        }
    }
}
