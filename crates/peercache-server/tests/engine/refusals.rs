//! What is refused, and in which words, is the same as with a real memcached: thousands of meta commands made
//! by chance.

use crate::client::Client;
use crate::programs::{Memcached, Running, options};

const LINES: usize = 4000;

/// Every flag that there is.
const LETTERS: &[u8] = b"bcfhklqstuvCDFIJLMNOPRT";

/// xorshift with a fixed seed: the lines are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    /// A flag, more often than not one that there is.
    fn flag(&mut self) -> String {
        let opaque = "o".repeat(30 + self.below(4));
        let argument =
            self.of(&["", "", "0", "1", "-1", "7x", "x", "S", "E", "+", "D", "4294967295", &opaque]);
        match self.below(12) {
            0 => format!("{}{argument}", self.letter()),
            1 => self.of(&["T99999999999999999999", "C18446744073709551616", "\u{fc}", "MSS"]).to_owned(),
            _ => format!("{}{argument}", char::from(LETTERS[self.below(LETTERS.len())])),
        }
    }

    /// Any visible one but those that newer memcacheds know and Debian's does not.
    fn letter(&mut self) -> char {
        match b'!' + self.below(94) as u8 {
            b'E' | b'x' => '%',
            letter => char::from(letter),
        }
    }

    fn line(&mut self) -> String {
        let (verb, key) = (self.of(&["mg", "ms", "md", "ma"]), self.of(&["k", "n", "Zm9v", "Zg==", "Zm9vZ"]));
        let flags: Vec<String> = (0..self.below(7)).map(|_| self.flag()).collect();
        let flags = flags.join(" ");
        if verb == "ms" { format!("ms {key} 0 {flags}\r\n\r\n") } else { format!("{verb} {key} {flags}\r\n") }
    }
}

/// The refusal of a flag, a mode or a key, if that is what the answer is.
fn refusal(answer: &[u8]) -> Option<String> {
    let refused =
        answer.starts_with(b"CLIENT_ERROR") && !answer.starts_with(b"CLIENT_ERROR cannot increment");
    refused.then(|| answer.escape_ascii().to_string())
}

#[test]
fn every_refusal_of_a_meta_command_is_memcacheds() {
    let (memcached, engine) = (Memcached::start(), Running::start(options()));
    let (mut theirs, mut ours) = (Client::connect(memcached.address), Client::connect(engine.address));
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut refused = 0;
    for _ in 0..LINES {
        let line = chance.line();
        let due = refusal(&theirs.ask(line.as_bytes()).bytes);
        let said = ours.ask(line.as_bytes()).bytes;
        assert_eq!(refusal(&said), due, "{line:?}");
        refused += usize::from(due.is_some());
    }
    assert!((LINES / 4..LINES * 7 / 8).contains(&refused), "{refused} were refused");
}
