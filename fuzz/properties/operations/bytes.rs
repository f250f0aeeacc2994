//! Makes an operation of the bytes of a line.
//!
//! The first of them say what is done to which key, those behind them how; bytes that are missing are 0.

use super::{
    Counting, Deed, Deleting, Exptime, ITEM_BYTES_MAX, Key, Operation, PACKED_BYTES_MAX, Reading, Storing,
    Verb, Version, Wording,
};
use peercache_core::protocol::memcached::request::CountVerb;

/// memcached's longest expiry that counts from now: 30 days.
const RELATIVE_S_MAX: i64 = 30 * 24 * 60 * 60;

/// A line, as far as it was not read yet.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    /// True once in `of` times.
    fn once_in(&mut self, of: u8) -> bool {
        self.byte() % of == of - 1
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// What the line says is done.
    pub(super) fn operation(&mut self) -> Operation {
        let kind = self.byte() % 32;
        let key = match self.byte() {
            few @ 0..200 => Key(few % 8),
            more => Key(more),
        };
        let manner = self.byte();
        let wording = Wording {
            is_meta: manner & 1 != 0 || key.must_be_packed(),
            is_quiet: manner & 6 == 6,
            is_packed: key.must_be_packed() || manner & 24 == 24 && key.name().len() <= PACKED_BYTES_MAX,
            letters: u16::from_le_bytes([self.byte(), self.byte()]),
            order: self.byte(),
        };
        let deed = match kind {
            0..=7 => {
                let pause = (manner & 32 != 0).then_some(manner >> 6);
                Deed::Store(Storing { pause, ..self.storing(wording.is_meta) })
            }
            8..=10 => Deed::Get { more: self.byte() % 4, touch: None },
            11 => Deed::Get { more: self.byte() % 4, touch: Some(self.exptime()) },
            12..=15 => Deed::Read(self.reading()),
            16 => Deed::Touch(self.exptime()),
            17..=19 => Deed::Delete(self.deleting(wording.is_meta)),
            20..=24 => Deed::Count(self.counting(wording.is_meta)),
            25..=26 => Deed::Inspect,
            27 => Deed::Flush(self.exptime()),
            28 | 29 => Deed::Wait(u64::from(self.byte() % 4) + 1),
            30 => Deed::Reclaim,
            _ => match self.byte() % 8 {
                0 => Deed::Forget,
                1..=3 => Deed::List,
                _ => Deed::Limit(256 + u64::from(self.byte()) * 4),
            },
        };
        Operation { key, deed, wording }
    }

    fn storing(&mut self, is_meta: bool) -> Storing {
        use Verb::{Add, Append, Cas, Prepend, Replace, Set};
        let cas = Cas(Version::Current);
        let verb = self.one_of(&[Set, Set, Set, Add, Add, Replace, Append, Prepend, cas, cas]);
        let value = self.value();
        let flags = self.flags();
        let exptime = self.exptime();
        let mut storing = Storing {
            verb: if verb == cas { Cas(self.version()) } else { verb },
            flags,
            exptime,
            value,
            compare: None,
            vivify: None,
            takes_stale: false,
            version: None,
            pause: None,
        };
        if is_meta {
            storing.takes_stale = self.once_in(2);
            storing.version = self.given();
            if matches!(verb, Append | Prepend) {
                storing.vivify = self.once_in(2).then(|| self.exptime());
                storing.compare = self.once_in(4).then(|| self.version());
            }
        }
        storing
    }

    fn reading(&mut self) -> Reading {
        let touch = self.once_in(4).then(|| self.exptime());
        let vivify = self.once_in(3).then(|| self.exptime());
        let recache = self.once_in(4).then(|| self.exptime());
        Reading {
            touch,
            peeks: self.once_in(4),
            vivify,
            recache,
            after_touch: self.once_in(2),
            version: self.given(),
            known: self.once_in(8).then(|| self.version()),
        }
    }

    fn deleting(&mut self, is_meta: bool) -> Deleting {
        if !is_meta {
            return Deleting::default();
        }
        Deleting {
            marks_stale: self.once_in(2),
            keeps_key: self.once_in(3),
            compare: self.once_in(4).then(|| self.version()),
            touch: self.once_in(3).then(|| self.exptime()),
            flags: self.flags(),
            version: self.given(),
        }
    }

    fn counting(&mut self, is_meta: bool) -> Counting {
        let verb = self.one_of(&[CountVerb::Incr, CountVerb::Decr]);
        let delta = self.number();
        let (compare, vivify, touch, version) = if is_meta {
            let vivify = self.once_in(3).then(|| (self.number(), self.exptime()));
            let compare = self.once_in(4).then(|| self.version());
            (compare, vivify, self.once_in(4).then(|| self.exptime()), self.given())
        } else {
            (None, None, None, None)
        };
        Counting { verb, delta, compare, vivify, touch, version }
    }

    fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..200 => u64::from(small),
            large => self.one_of(&[0, 99_999, u64::MAX, u64::MAX - 1, 1 << 63, u64::from(large)]),
        }
    }

    fn flags(&mut self) -> u32 {
        self.one_of(&[0, 0, 0, 1, 0xffff, u32::MAX])
    }

    fn version(&mut self) -> Version {
        use Version::{Above, Below, Current, Earlier, Number};
        let choices = [Current, Current, Current, Current, Earlier, Earlier, Below, Above, Number(0)];
        self.one_of(&[&choices[..], &[Number(1 << 60), Number(1 << 62)]].concat())
    }

    /// A version that a writer gives: far above those that a daemon gives by itself.
    fn given(&mut self) -> Option<u64> {
        let number = self.one_of(&[1 << 62, (1 << 62) + 1, u64::MAX]);
        self.once_in(6).then_some(number)
    }

    fn exptime(&mut self) -> Exptime {
        let form = self.byte() % 16;
        let amount = i64::from(self.byte());
        match form {
            0..=5 => Exptime::Plain(0),
            6..=8 => Exptime::Plain(amount % 5 + 1),
            9 => Exptime::Plain(-1 - amount),
            10 => Exptime::Plain(RELATIVE_S_MAX - amount % 3),
            // Dates of 1970.
            11 => Exptime::Plain(RELATIVE_S_MAX + 1 + amount),
            12 | 13 => Exptime::At(amount % 11 - 3),
            14 => Exptime::At(10_000 + amount),
            _ => Exptime::Plain(100 + amount),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        let form = self.byte() % 32;
        let (amount, seed) = (usize::from(self.byte()), self.byte());
        let value = match form {
            0 | 1 => Vec::new(),
            2..=9 => amount.to_string().into_bytes(),
            10 => self.one_of(&["18446744073709551615", "18446744073709551614"]).into(),
            11 | 12 => strange_number(amount).into(),
            13..=22 => bytes(amount % 64, seed),
            23..=26 => bytes(amount * 20, seed),
            27 | 28 => bytes(amount * 250, seed),
            // More than any segment has.
            29 => bytes((64 << 10) + amount * 80, seed),
            // About as much as an item may have, with its key and without.
            30 => bytes(ITEM_BYTES_MAX - 330 + amount % 64 * 6, seed),
            _ => bytes(amount * 1_000, seed),
        };
        // Where there is nothing but white space memcached looks for a number behind the value.
        if value.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0x0b) { Vec::new() } else { value }
    }
}

/// Numbers, and what is nearly one.
fn strange_number(choice: usize) -> &'static [u8] {
    const ALL: [&[u8]; 16] = [
        b" 12",
        b"9 ",
        b"99   ",
        b"+5",
        b"-1",
        b"-0",
        b"1a",
        b"12 34",
        b"12\x003",
        b"\x0b7",
        b"7\x0b",
        b"007",
        b"-18446744073709551615",
        b"\t\r\n 4",
        b"18446744073709551616",
        b"                          1",
    ];
    ALL[choice % ALL.len()]
}

/// Bytes that tell where they come from and where they belong (xorshift).
fn bytes(length: usize, seed: u8) -> Vec<u8> {
    let mut x = (u64::from(seed) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let words = std::iter::repeat_with(|| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x.to_le_bytes()
    });
    let mut bytes: Vec<u8> = words.take(length.div_ceil(8)).flatten().collect();
    bytes.truncate(length);
    bytes
}
