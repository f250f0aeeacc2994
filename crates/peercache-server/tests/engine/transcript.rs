//! Conversations written down, one file for each family of commands.
//!
//! ```text
//! @ memcached proxy     whom the conversations of this file are held with; without this line, with all sides
//! # what the conversation shows
//! > a request, with \r \n \\ \xff, and {251*k} for 251 k
//! < memcached's answer; {n} is any number, {save} a number that later lines name as {saved},
//! < and {save a} one that they name as {a}
//! ~ a request that is repeated until it gets its answer, because time has to pass
//! ! why all sides of ours answer something else to the last request
//! = what they answer
//! !engine why this side answers something else to the last request
//! = what it answers
//! ```
//!
//! `(closed)` as an answer, or as a second line of it, says that the connection ends there.
//!
//! The sides are `memcached`, `engine` and `proxy`. Whoever holds the conversations names his side in [`on`];
//! tests of other crates take this file by its path.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// Whose answers are the standard.
const MEMCACHED: &str = "memcached";

#[derive(Debug)]
pub(crate) struct Transcript {
    pub(crate) title: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) request: String,
    pub(crate) repeated: bool,
    expected: Expected,
}

#[derive(Debug, Default)]
struct Expected {
    text: String,
    closed: bool,
}

/// What came back.
#[derive(PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) closed: bool,
}

/// The numbers that were saved in a conversation, by their names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Saved(BTreeMap<String, String>);

/// All transcripts that are to be held with `side`, with the answers that it gives.
pub(crate) fn on(side: &str) -> Vec<Transcript> {
    // From the folder of any crate beside this one.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../peercache-server/tests/transcripts");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the transcripts are beside the tests")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    files.sort();
    let texts = files.iter().map(|path| fs::read_to_string(path).expect("a transcript is text"));
    texts.flat_map(|text| parse(&text, side)).collect()
}

fn parse(text: &str, side: &str) -> Vec<Transcript> {
    let mut all: Vec<Transcript> = Vec::new();
    // Where the next `=` belongs: to this side's answer, or to one that does not matter here.
    let mut mine = false;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (mark, behind) = line.split_at(1);
        let rest = behind.strip_prefix(' ').unwrap_or(behind);
        let steps = match mark {
            "@" if rest.split(' ').all(|word| word != side) => return Vec::new(),
            "@" => continue,
            "#" => {
                all.push(Transcript { title: rest.to_owned(), steps: Vec::new() });
                continue;
            }
            _ => &mut all.last_mut().expect("a conversation begins with a title").steps,
        };
        if mark == ">" || mark == "~" {
            let request = rest.to_owned();
            steps.push(Step { request, repeated: mark == "~", expected: Expected::default() });
            continue;
        }
        let expected = &mut steps.last_mut().expect("an answer follows a request").expected;
        match mark {
            "<" => expected.add(rest),
            "!" => {
                let (whose, why) = behind.split_once(' ').expect("a difference has a reason");
                assert!(!why.is_empty(), "{line:?} has no reason");
                mine = if whose.is_empty() { side != MEMCACHED } else { whose == side };
                if mine {
                    *expected = Expected::default();
                }
            }
            "=" if mine => expected.add(rest),
            "=" => {}
            _ => panic!("{line:?} is not a line of a transcript"),
        }
    }
    all
}

impl Expected {
    fn add(&mut self, line: &str) {
        if line == "(closed)" {
            self.closed = true;
        } else {
            self.text = line.to_owned();
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.bytes[..self.bytes.len().min(300)];
        write!(f, "{:?}{}", shown.escape_ascii().to_string(), if self.closed { " (closed)" } else { "" })
    }
}

impl Saved {
    fn fill(&self, text: &str) -> String {
        let fill =
            |text: String, (name, number): (&String, &String)| text.replace(&format!("{{{name}}}"), number);
        self.0.iter().fold(text.to_owned(), fill)
    }
}

impl Step {
    /// The bytes to send.
    pub(crate) fn request(&self, saved: &Saved) -> Vec<u8> {
        unescape(&saved.fill(&self.request))
    }

    /// Whether this is the answer that is due, and if so, what is saved from now on.
    pub(crate) fn accepts(&self, answer: &Answer, saved: &Saved) -> Option<Saved> {
        if self.expected.closed != answer.closed {
            return None;
        }
        let (mut rest, mut saved) = (&answer.bytes[..], saved.clone());
        let text = saved.fill(&self.expected.text);
        let mut pattern = text.as_str();
        while let Some(at) = pattern.find("{n}").into_iter().chain(pattern.find("{save")).min() {
            rest = rest.strip_prefix(&unescape(&pattern[..at])[..])?;
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (number, behind) = rest.split_at(digits);
            if number.is_empty() {
                return None;
            }
            let (word, after) = pattern[at + 1..].split_once('}').expect("a placeholder ends");
            if let Some(name) = word.strip_prefix("save") {
                let name = if name.is_empty() { "saved" } else { name.trim_start() };
                saved.0.insert(name.to_owned(), String::from_utf8_lossy(number).into_owned());
            }
            (rest, pattern) = (behind, after);
        }
        (rest == unescape(pattern)).then_some(saved)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = if self.expected.closed { " (closed)" } else { "" };
        write!(f, "> {}\nis due {}{closed}", self.request, self.expected.text)
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((count, repeated, behind)) = repetition(rest) {
            bytes.extend(unescape(repeated).repeat(count));
            rest = behind;
        } else if let Some(escape) = rest.strip_prefix('\\') {
            let (byte, length) = match escape.as_bytes() {
                [b'r', ..] => (b'\r', 1),
                [b'n', ..] => (b'\n', 1),
                [b't', ..] => (b'\t', 1),
                [b'\\', ..] => (b'\\', 1),
                _ => (u8::from_str_radix(&escape[1..3], 16).expect("\\x and two digits"), 3),
            };
            bytes.push(byte);
            rest = &escape[length..];
        } else {
            bytes.extend(first.to_string().bytes());
            rest = &rest[first.len_utf8()..];
        }
    }
    bytes
}

/// `{count*what}` at the start of `text`, and what is behind it.
fn repetition(text: &str) -> Option<(usize, &str, &str)> {
    let (inner, behind) = text.strip_prefix('{')?.split_once('}')?;
    let (count, repeated) = inner.split_once('*')?;
    Some((count.parse().ok()?, repeated, behind))
}
