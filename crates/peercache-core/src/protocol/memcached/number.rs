//! Numbers as the protocol writes them: decimal digits, and a minus where the command allows one.

/// So many digits are a number below 2^64 whatever they are.
const DIGITS_SAFE: usize = 19;

/// A number from 0 to 2^64 - 1.
#[inline]
pub(super) fn unsigned(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let (safe, more) = digits.split_at(digits.len().min(DIGITS_SAFE));
    let mut sum = 0;
    for &digit in safe {
        sum = sum * 10 + value(digit)?;
    }
    more.iter().try_fold(sum, |sum, &digit| sum.checked_mul(10)?.checked_add(value(digit)?))
}

/// The number at the start of `text`, and what is behind it.
#[inline]
pub(super) fn leading(text: &[u8]) -> Option<(u64, &[u8])> {
    let (mut sum, mut end) = (0, 0);
    while let Some(digit) = text.get(end).copied().and_then(value) {
        sum = sum * 10 + digit;
        end += 1;
        if end == DIGITS_SAFE {
            return leading_long(text);
        }
    }
    (end > 0).then(|| (sum, &text[end..]))
}

#[cold]
fn leading_long(text: &[u8]) -> Option<(u64, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, behind) = text.split_at(end);
    Some((unsigned(digits)?, behind))
}

#[inline]
fn value(digit: u8) -> Option<u64> {
    let value = digit.wrapping_sub(b'0');
    (value <= 9).then_some(u64::from(value))
}

/// A number that may be negative.
pub(super) fn signed(word: &[u8]) -> Option<i64> {
    match word.strip_prefix(b"-") {
        Some(digits) => 0i64.checked_sub_unsigned(unsigned(digits)?),
        None => i64::try_from(unsigned(word)?).ok(),
    }
}

/// An expiry. Daemons keep the lower 32 bits of it, so what does not fit may come to mean anything: 2^32 is
/// never. Where that makes it negative, which is over at once, it is taken for that; a value that is missing
/// is safe. Anything else would live longer than it was meant to, or not as long, and is refused.
pub(super) fn exptime(word: &[u8]) -> Option<i64> {
    kept_exptime(signed(word)?)
}

/// As [`exptime`], of a number that was read.
pub(super) fn kept_exptime(given: i64) -> Option<i64> {
    let kept = i64::from(given as i32);
    (kept == given || kept < 0).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::{exptime, leading, signed, unsigned};
    use alloc::format;

    #[test]
    fn p18_an_expiry_that_does_not_fit_is_over_at_once_or_refused() {
        for (word, expected) in [
            ("0", Some(0)),
            ("2147483647", Some(2_147_483_647)),
            ("-2147483648", Some(-2_147_483_648)),
            ("2147483648", Some(-2_147_483_648)),
            ("4294967295", Some(-1)),
            ("9223372036854775807", Some(-1)),
            ("4294967296", None),
            ("4294967297", None),
            ("-2147483649", None),
            ("-4294967296", None),
            ("99999999999", None),
            ("x", None),
        ] {
            assert_eq!(exptime(word.as_bytes()), expected, "{word}");
        }
    }

    #[test]
    fn a_number_is_read_from_the_start_of_a_text() {
        for number in [0, 7, 10, 999_999_999_999_999_999, 1_000_000_000_000_000_000, u64::MAX] {
            for behind in ["", " ", " 1", "x"] {
                let text = format!("{number}{behind}");
                assert_eq!(leading(text.as_bytes()), Some((number, behind.as_bytes())), "{text}");
            }
        }
        for odd in ["", " 1", "x", "-1", "18446744073709551616 1"] {
            assert_eq!(leading(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn numbers_are_digits_and_fit() {
        assert_eq!(unsigned(b"0"), Some(0));
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned(b"9999999999999999999"), Some(9_999_999_999_999_999_999));
        assert_eq!(unsigned(b"000000000000000000000000018446744073709551615"), Some(u64::MAX));
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        for odd in
            [&b""[..], b"18446744073709551616", b"18446744073709551615x", b"-1", b"+1", b"1a", b" 1", b"1\t"]
        {
            assert_eq!(unsigned(odd), None, "{}", odd.escape_ascii());
        }
        for odd in [&b"-"[..], b"--1", b"9223372036854775808", b"-9223372036854775809"] {
            assert_eq!(signed(odd), None, "{}", odd.escape_ascii());
        }
    }
}
