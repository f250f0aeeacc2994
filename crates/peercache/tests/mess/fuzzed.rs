//! Lines by chance: words of the protocol in orders that nobody would choose. The proxy must answer or close,
//! and be right afterwards.

use crate::client::shown;
use crate::scale::short_or_long;
use crate::stage::Stage;
use std::io::Write;

/// Lines of one seed.
const LINES: usize = 1_500;

/// Numbers that look random and are the same in every run (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    pub(crate) fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

const VERBS: &[&str] = &[
    "get",
    "gets",
    "gat",
    "gats",
    "set",
    "add",
    "replace",
    "append",
    "prepend",
    "cas",
    "incr",
    "decr",
    "touch",
    "delete",
    "mg",
    "ms",
    "md",
    "ma",
    "mn",
    "me",
    "stats",
    "version",
    "verbosity",
    "flush_all",
    "lru",
    "slabs",
    "watch",
    "shutdown",
    "cache_memlimit",
    "GET",
    "",
    " ",
    "\u{0}",
    "END",
    "VALUE k 0 1",
];

const WORDS: &[&str] = &[
    "k0",
    "k1",
    "k2",
    "n0",
    "0",
    "1",
    "3",
    "10",
    "-1",
    "4294967295",
    "18446744073709551615",
    "99999999999999999999",
    "noreply",
    "q",
    "v",
    "t",
    "c",
    "f",
    "k",
    "s",
    "T30",
    "T-1",
    "N5",
    "R1",
    "C1",
    "C0",
    "I",
    "MA",
    "MI",
    "MD",
    "D2",
    "J5",
    "Oopaque",
    "b",
    "azA=",
    "x\ty",
    "settings",
    "items",
    "detail",
    "\u{7f}",
    "é",
];

/// One line, and often the body that belongs to it, or another.
fn line(random: &mut Random, out: &mut Vec<u8>) {
    out.extend_from_slice(random.of(VERBS).as_bytes());
    for _ in 0..random.below(7) {
        out.push(b' ');
        out.extend_from_slice(random.of(WORDS).as_bytes());
    }
    out.extend_from_slice(random.of::<[u8]>(&[b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r\r\n"]));
    if random.below(3) == 0 {
        out.extend_from_slice(random.of::<[u8]>(&[
            b"\r\n",
            b"x\r\n",
            b"abc\r\n",
            b"0123456789\r\n",
            b"quit\r\n",
        ]));
    }
}

fn fuzz(stage: &Stage, seed: u64) {
    let mut random = Random::new(seed);
    let mut lines = Vec::new();
    (0..LINES).for_each(|_| line(&mut random, &mut lines));
    let mut rest = &lines[..];
    // A connection that is closed for what it sent is followed by another.
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.len().min(1 + random.below(8_000)));
        let mut client = stage.client();
        // Whether it is taken to the end is the proxy's choice.
        let _ = client.stream.write_all(piece);
        let said = client.finish();
        assert!(said.is_empty() || said.ends_with(b"\r\n"), "seed {seed} is answered {}", shown(&said));
        rest = behind;
    }
}

#[test]
fn lines_by_chance_leave_the_proxy_alive_and_right() {
    // A flush that comes seconds later would empty what a later look expects.
    let stage = Stage::with(2, 2, "--no-flush-all");
    for seed in 0..short_or_long(100, 2_000) {
        fuzz(&stage, seed);
        stage.assert_well();
    }
    let log = stage.proxy.log();
    assert!(!log.contains("panicked"), "{log}");
}
