//! Numbers as clients write them: decimal digits, and a minus where the command allows one.

/// A number from 0 to 2^64 - 1.
pub(super) fn unsigned(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// A number that may be negative.
pub(super) fn signed(word: &[u8]) -> Option<i64> {
    match word.strip_prefix(b"-") {
        Some(digits) => 0i64.checked_sub_unsigned(unsigned(digits)?),
        None => i64::try_from(unsigned(word)?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::{signed, unsigned};

    #[test]
    fn numbers_are_digits_and_fit() {
        assert_eq!(unsigned(b"0"), Some(0));
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        for odd in [&b""[..], b"18446744073709551616", b"-1", b"+1", b"1a", b" 1", b"1\t"] {
            assert_eq!(unsigned(odd), None, "{}", odd.escape_ascii());
        }
        for odd in [&b"-"[..], b"--1", b"9223372036854775808", b"-9223372036854775809"] {
            assert_eq!(signed(odd), None, "{}", odd.escape_ascii());
        }
    }
}
