//! Whether what came back is the answer to what was asked: its shape, its key, its length, its place.
//!
//! It reads the head of a buffer and copies nothing. Values of an `mget` may come in any order, because a
//! proxy gathers them from several peers; no key may come that was not asked.

use crate::bench::work::{Command, Work};
use std::collections::VecDeque;

/// What the head of the buffer is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Only a part has come.
    Incomplete,
    /// No answer to a command of ours; nothing behind it can be trusted.
    Garbage,
    /// A whole answer.
    Whole {
        /// Its length.
        bytes: usize,
        /// How many of the keys were not there.
        missing: usize,
        /// Whether all that came was right.
        right: bool,
    },
}

/// Reads the answer to the request whose keys are the first `keys` of `asked`.
pub(super) fn read(buffer: &[u8], work: Work, asked: &VecDeque<u32>, keys: usize) -> Answer {
    match work.command {
        Command::Set => match line(buffer) {
            Some(line) => Answer::Whole { bytes: line.len() + 2, missing: 0, right: line == b"STORED" },
            None => Answer::Incomplete,
        },
        Command::Get | Command::Mget => read_values(buffer, work.value_bytes, asked, keys),
    }
}

fn read_values(buffer: &[u8], value_bytes: usize, asked: &VecDeque<u32>, keys: usize) -> Answer {
    let (mut at, mut found, mut right) = (0, 0, true);
    let mut place = 0;
    loop {
        let Some(line) = line(&buffer[at..]) else { return Answer::Incomplete };
        let value_at = at + line.len() + 2;
        if line == b"END" {
            return Answer::Whole { bytes: value_at, missing: keys.saturating_sub(found), right };
        }
        let Some((name, length)) = head(line) else { return Answer::Garbage };
        let Some(value) = buffer.get(value_at..value_at + length + 2) else { return Answer::Incomplete };
        let key = number(name.strip_prefix(b"k:").unwrap_or_default());
        // In the order that was asked each is found at once; in any other after a turn.
        let same = (0..keys).map(|step| (place + step) % keys).find(|&i| asked.get(i).copied() == key);
        right &= same.is_some() && found < keys && length == value_bytes && value.ends_with(b"\r\n");
        let shown = name.len().min(length);
        right &= value[..shown] == name[..shown];
        place = same.map_or(place, |i| i + 1);
        found += 1;
        at = value_at + length + 2;
    }
}

/// The key and the length in `VALUE KEY FLAGS LENGTH`.
fn head(line: &[u8]) -> Option<(&[u8], usize)> {
    let mut words = line.strip_prefix(b"VALUE ")?.split(|&byte| byte == b' ');
    let (name, _flags, length) = (words.next()?, words.next()?, words.next()?);
    Some((name, number(length)? as usize))
}

fn line(buffer: &[u8]) -> Option<&[u8]> {
    let end = buffer.iter().position(|&byte| byte == b'\n')?;
    Some(buffer[..end].strip_suffix(b"\r").unwrap_or(&buffer[..end]))
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(work: &str, asked: &[u32], bytes: &str) -> Answer {
        let asked: VecDeque<u32> = asked.iter().copied().collect();
        read(bytes.as_bytes(), work.parse().unwrap(), &asked, asked.len())
    }

    const fn whole(bytes: usize, missing: usize, right: bool) -> Answer {
        Answer::Whole { bytes, missing, right }
    }

    #[test]
    fn a_right_answer_is_right_and_may_be_followed_by_another() {
        assert_eq!(answer("get:5:1", &[12], "VALUE k:12 0 5\r\nk:12.\r\nEND\r\nEND\r\n"), whole(28, 0, true));
        assert_eq!(answer("get:5:1", &[12], "END\r\n"), whole(5, 1, true));
        assert_eq!(answer("set:5:1", &[12], "STORED\r\n"), whole(8, 0, true));
    }

    #[test]
    fn another_key_length_or_value_is_wrong() {
        for bytes in [
            "VALUE k:13 0 5\r\nk:13.\r\nEND\r\n",
            "VALUE k:12 0 4\r\nk:12\r\nEND\r\n",
            "VALUE k:12 0 5\r\nk:13.\r\nEND\r\n",
            "VALUE k:12 0 5\r\nk:12...END\r\n",
        ] {
            let right = match answer("get:5:1", &[12], bytes) {
                Answer::Whole { right, .. } => right,
                Answer::Garbage | Answer::Incomplete => false,
            };
            assert!(!right, "{bytes}");
        }
        assert_eq!(answer("set:5:1", &[1], "SERVER_ERROR no\r\n"), whole(17, 0, false));
        assert_eq!(answer("get:5:1", &[1], "SERVER_ERROR no\r\n"), Answer::Garbage);
    }

    #[test]
    fn every_part_of_an_answer_is_incomplete() {
        let bytes = "VALUE k:1 0 3\r\nk:1\r\nEND\r\n";
        for end in 0..bytes.len() {
            assert_eq!(answer("get:3:1", &[1], &bytes[..end]), Answer::Incomplete, "{end}");
        }
    }

    #[test]
    fn keys_of_one_request_may_come_in_any_order_and_no_others() {
        let bytes = "VALUE k:2 0 3\r\nk:2\r\nVALUE k:1 0 3\r\nk:1\r\nEND\r\n";
        assert_eq!(answer("mget:3:1:3", &[1, 2, 3], bytes), whole(45, 1, true));
        assert_eq!(answer("mget:3:1:3", &[1, 3, 4], bytes), whole(45, 1, false));
        assert_eq!(answer("mget:3:1:1", &[2], bytes), whole(45, 0, false));
    }
}
