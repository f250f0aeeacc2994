//! Conversations written down, one file for each family of commands.
//!
//! ```text
//! # what the conversation shows
//! > a request, with \r \n \\ \xff, and {251*k} for 251 k
//! < memcached's answer; {n} is any number, {save} a number that later requests name as {saved}
//! ~ a request that is repeated until it gets its answer, because time has to pass
//! ! why this engine answers something else to the last request
//! = what it answers
//! ```
//!
//! `(closed)` as an answer, or as a second line of it, says that the connection ends there.

use std::fmt;
use std::fs;
use std::path::Path;

/// Where a conversation is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Memcached,
    Engine,
}

#[derive(Debug)]
pub(crate) struct Transcript {
    pub(crate) title: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) request: String,
    pub(crate) repeated: bool,
    theirs: Expected,
    ours: Option<Expected>,
}

#[derive(Debug, Default)]
struct Expected {
    text: String,
    closed: bool,
}

/// All transcripts there are.
pub(crate) fn all() -> Vec<Transcript> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the transcripts are beside the tests")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    files.sort();
    let texts = files.iter().map(|path| fs::read_to_string(path).expect("a transcript is text"));
    texts.flat_map(|text| parse(&text)).collect()
}

fn parse(text: &str) -> Vec<Transcript> {
    let mut all: Vec<Transcript> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (mark, rest) = line.split_at(1);
        let rest = rest.strip_prefix(' ').unwrap_or(rest).to_owned();
        if mark == "#" {
            all.push(Transcript { title: rest, steps: Vec::new() });
            continue;
        }
        let steps = &mut all.last_mut().expect("a file begins with a title").steps;
        if mark == ">" || mark == "~" {
            steps.push(Step { request: rest, repeated: mark == "~", ..Step::default() });
            continue;
        }
        let step = steps.last_mut().expect("an answer follows a request");
        match mark {
            "<" => step.theirs.add(rest),
            "!" => step.ours = Some(Expected::default()),
            "=" => step.ours.as_mut().expect("a difference has a reason").add(rest),
            _ => panic!("{line:?} is not a line of a transcript"),
        }
    }
    all
}

impl Expected {
    fn add(&mut self, line: String) {
        if line == "(closed)" {
            self.closed = true;
        } else {
            self.text = line;
        }
    }
}

/// What came back.
#[derive(PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) closed: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.bytes[..self.bytes.len().min(300)];
        write!(f, "{:?}{}", shown.escape_ascii().to_string(), if self.closed { " (closed)" } else { "" })
    }
}

/// The number that was saved.
pub(crate) type Saved = Option<Vec<u8>>;

impl Step {
    /// The bytes to send.
    pub(crate) fn request(&self, saved: &Saved) -> Vec<u8> {
        match saved {
            Some(number) => unescape(&self.request.replace("{saved}", &String::from_utf8_lossy(number))),
            None => unescape(&self.request),
        }
    }

    /// Whether this is the answer that is due, and if so, what it saves.
    pub(crate) fn accepts(&self, side: Side, answer: &Answer) -> Option<Saved> {
        let expected = match (side, &self.ours) {
            (Side::Engine, Some(ours)) => ours,
            _ => &self.theirs,
        };
        if expected.closed != answer.closed {
            return None;
        }
        let (mut rest, mut saved) = (&answer.bytes[..], None);
        let mut pattern = expected.text.as_str();
        while let Some(at) = pattern.find("{n}").into_iter().chain(pattern.find("{save}")).min() {
            rest = rest.strip_prefix(&unescape(&pattern[..at])[..])?;
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (number, behind) = rest.split_at(digits);
            if number.is_empty() {
                return None;
            }
            if pattern[at..].starts_with("{save}") {
                saved = Some(number.to_vec());
            }
            rest = behind;
            pattern = &pattern[at + pattern[at..].find('}')? + 1..];
        }
        (rest == unescape(pattern)).then_some(saved)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ours = self.ours.as_ref().map(|ours| &ours.text);
        write!(f, "> {}\n< {}\n= {ours:?}", self.request, self.theirs.text)
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
