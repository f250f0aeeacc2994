//! What the generator asks: keys, values and commands, written into one buffer without allocating.
//!
//! A key is `k:` and a number; a value begins with its key, so that an answer shows whether it is the right
//! one.

use crate::bench::work::{Command, Work};
use std::collections::VecDeque;
use std::io::Write;

/// What the numbers of keys are taken from.
#[derive(Debug)]
pub(super) enum Keys {
    /// Evenly and independently from 1 to `count`, by xorshift: cheap, and the same for everybody.
    Random { state: u64, count: u32 },
    /// Each from 1 to `count` once.
    Once { next: u32, count: u32 },
}

impl Keys {
    pub(super) fn random(seed: u64, count: u32) -> Self {
        Self::Random { state: 0x9e37_79b9_7f4a_7c15 ^ seed.wrapping_mul(0x2545_f491_4f6c_dd1d), count }
    }

    /// The next one, if there is one left.
    fn next(&mut self) -> Option<u32> {
        match self {
            Self::Once { next, count } => {
                *next += 1;
                (*next <= *count).then_some(*next)
            }
            Self::Random { state, count } => {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                // The upper half, scaled: at most `count - 1`, so it fits.
                Some((((*state >> 32) * u64::from(*count)) >> 32) as u32 + 1)
            }
        }
    }
}

/// Appends one request to `out` and its keys to `asked`; false when there are no keys left.
pub(super) fn write(work: Work, keys: &mut Keys, out: &mut Vec<u8>, asked: &mut VecDeque<u32>) -> bool {
    let Some(key) = keys.next() else { return false };
    asked.push_back(key);
    match work.command {
        Command::Get => append(out, format_args!("get k:{key}\r\n")),
        Command::Set => {
            append(out, format_args!("set k:{key} 0 0 {}\r\n", work.value_bytes));
            let start = out.len();
            append(out, format_args!("k:{key}"));
            out.resize(start + work.value_bytes, b'.');
            out.extend_from_slice(b"\r\n");
        }
        Command::Mget => {
            append(out, format_args!("get k:{key}"));
            for _ in 1..work.request_keys {
                let Some(key) = keys.next() else { break };
                asked.push_back(key);
                append(out, format_args!(" k:{key}"));
            }
            out.extend_from_slice(b"\r\n");
        }
    }
    true
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector does not fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(work: &str, keys: &mut Keys) -> (String, Vec<u32>) {
        let (mut out, mut asked) = (Vec::new(), VecDeque::new());
        write(work.parse().unwrap(), keys, &mut out, &mut asked);
        (String::from_utf8(out).unwrap(), asked.into())
    }

    #[test]
    fn commands_are_those_of_the_text_protocol() {
        let mut keys = Keys::Once { next: 0, count: 7 };
        assert_eq!(written("get:32:1", &mut keys), ("get k:1\r\n".to_string(), vec![1]));
        assert_eq!(written("set:6:1", &mut keys), ("set k:2 0 0 6\r\nk:2...\r\n".to_string(), vec![2]));
        assert_eq!(written("set:2:1", &mut keys), ("set k:3 0 0 2\r\nk:\r\n".to_string(), vec![3]));
        assert_eq!(written("mget:32:1:3", &mut keys), ("get k:4 k:5 k:6\r\n".to_string(), vec![4, 5, 6]));
        assert_eq!(written("get:32:1", &mut keys).1, [7]);
        assert_eq!(written("get:32:1", &mut keys), (String::new(), vec![]));
    }

    #[test]
    fn random_keys_stay_in_their_range_and_reach_all_of_it() {
        let mut keys = Keys::random(1, 10);
        let drawn: std::collections::BTreeSet<u32> = (0..1000).filter_map(|_| keys.next()).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<u32>>(), (1..=10).collect::<Vec<u32>>());
    }
}
