//! Rust text, split into code, comments and literals, so that no rule is fooled by a brace in a string.
//!
//! It knows the lexical rules of the language (nested comments, raw strings, lifetimes beside character
//! literals) and nothing above them. On text that is no Rust it gives some answer and never fails: the
//! compiler will complain.

use std::ops::Range;

/// What a byte of Rust text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// A Rust file in two readings, both as long as its text and with the same lines: what is left out is blank.
#[derive(Debug)]
pub(super) struct Source {
    /// Without comments, strings and characters.
    pub(super) code: String,
    /// Without comments.
    pub(super) uncommented: String,
}

impl Source {
    pub(super) fn new(text: &str) -> Self {
        let kinds = kinds(text);
        Self {
            code: keep(text, &kinds, |kind| kind == Kind::Code),
            uncommented: keep(text, &kinds, |kind| kind != Kind::Comment),
        }
    }

    /// How many lines of this range hold something other than comments.
    pub(super) fn code_lines(&self, range: Range<usize>) -> usize {
        self.uncommented[range].lines().filter(|line| !line.trim().is_empty()).count()
    }

    /// The line at an offset, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    /// Where `word` stands in the code with no identifier running on at either end of it.
    pub(super) fn find<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let whole = move |&at: &usize| {
            let bytes = self.code.as_bytes();
            let joins = |a: Option<&u8>, b: Option<&u8>| a.is_some_and(is_word) && b.is_some_and(is_word);
            let (first, last) = (word.as_bytes().first(), word.as_bytes().last());
            let before = at.checked_sub(1).and_then(|before| bytes.get(before));
            !joins(before, first) && !joins(last, bytes.get(at + word.len()))
        };
        self.code.match_indices(word).map(|(at, _)| at).filter(whole)
    }

    /// The end of the block that opens with the brace at `open`, just behind its closing brace.
    pub(super) fn block_end(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, byte) in self.code.bytes().enumerate().skip(open) {
            match byte {
                b'{' => depth += 1,
                b'}' if depth <= 1 => return at + 1,
                b'}' => depth -= 1,
                _ => {}
            }
        }
        self.code.len()
    }

    /// The modules that exist for tests alone, attribute included.
    pub(super) fn test_modules(&self) -> Vec<Range<usize>> {
        let marks = ["#[cfg(test)]", "#[cfg(all(test"];
        let starts = marks.iter().flat_map(|mark| self.code.match_indices(mark).map(|(at, _)| at));
        starts.filter_map(|start| Some(start..self.block_end(self.module_block(start)?))).collect()
    }

    /// The opening brace of the module whose attributes begin at `start`, if a module with a block follows.
    fn module_block(&self, start: usize) -> Option<usize> {
        let stop = start + self.code[start..].find(['{', ';'])?;
        let head = &self.code[start..stop];
        let is_module = head.split_whitespace().rev().nth(1) == Some("mod");
        (is_module && self.code[stop..].starts_with('{')).then_some(stop)
    }
}

fn keep(text: &str, kinds: &[Kind], wanted: impl Fn(Kind) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        if letter == '\n' || wanted(kinds[at]) {
            kept.push(letter);
        } else {
            kept.extend(std::iter::repeat_n(' ', letter.len_utf8()));
        }
    }
    kept
}

fn kinds(text: &str) -> Vec<Kind> {
    let bytes = text.as_bytes();
    let mut kinds = vec![Kind::Code; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let (kind, length) = piece(&bytes[at..]);
        let end = bytes.len().min(at + length);
        kinds[at..end].fill(kind);
        at = end;
    }
    kinds
}

/// The kind and the length of the piece that `rest` begins with; the length is at least 1.
fn piece(rest: &[u8]) -> (Kind, usize) {
    match rest {
        [b'/', b'/', ..] => (Kind::Comment, line_end(rest)),
        [b'/', b'*', ..] => (Kind::Comment, comment_end(rest)),
        [b'"', ..] => (Kind::Literal, string_end(rest)),
        [b'\'', ..] => quote(rest),
        [first, ..] if is_word(first) => word(rest),
        _ => (Kind::Code, 1),
    }
}

/// An identifier or a number, and the literal that it introduces: `r"…"`, `br#"…"#`, `b'…'`, `c"…"`.
fn word(rest: &[u8]) -> (Kind, usize) {
    let length = rest.iter().take_while(|byte| is_word(byte)).count();
    let (prefix, behind) = rest.split_at(length);
    let hashes = behind.iter().take_while(|&&byte| byte == b'#').count();
    match (prefix, behind.get(hashes)) {
        (b"r" | b"br" | b"cr", Some(b'"')) => {
            let body = hashes + 1;
            (Kind::Literal, length + body + raw_string_end(&behind[body..], hashes))
        }
        (b"b" | b"c", Some(b'"')) if hashes == 0 => (Kind::Literal, length + string_end(behind)),
        (b"b", Some(b'\'')) if hashes == 0 => (Kind::Literal, length + quote(behind).1),
        _ => (Kind::Code, length),
    }
}

/// A character literal, or the quote of a lifetime or label.
fn quote(rest: &[u8]) -> (Kind, usize) {
    let letter = match rest.get(1) {
        None => return (Kind::Code, 1),
        Some(b'\\') => 2,
        Some(first) => char_length(*first),
    };
    let close = if letter == 2 && rest[1] == b'\\' {
        rest.iter().skip(3).position(|&byte| byte == b'\'').map(|at| at + 3)
    } else {
        (rest.get(1 + letter) == Some(&b'\'')).then_some(1 + letter)
    };
    close.map_or((Kind::Code, 1), |close| (Kind::Literal, close + 1))
}

fn line_end(rest: &[u8]) -> usize {
    rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
}

fn comment_end(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < rest.len() {
        match rest[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_end(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string_end(body: &[u8], hashes: usize) -> usize {
    let closes = |at: &usize| {
        body[*at] == b'"'
            && body[at + 1..].iter().take_while(|&&byte| byte == b'#').take(hashes).count() == hashes
    };
    (0..body.len()).find(closes).map_or(body.len(), |at| at + 1 + hashes)
}

fn char_length(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code of `text`, with runs of blanks made one.
    fn code(text: &str) -> String {
        Source::new(text).code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_are_not_code_however_deep() {
        assert_eq!(code("a // { b\nc"), "a c");
        assert_eq!(code("a /* { /* \" */ ' */ c"), "a c");
        assert_eq!(code("a / b"), "a / b");
    }

    #[test]
    fn strings_are_not_code_whatever_they_hold() {
        assert_eq!(code(r#"f("a{\"\\", b"{", c"{")"#), "f( , , )");
        assert_eq!(code("f(r\"\\\", r#\"{\"{\"#, br##\"\"#{\"##, x)"), "f( , , , x)");
        assert_eq!(code("r#type == r2(\"{\")"), "r#type == r2( )");
        assert_eq!(code("f(\"// no comment\") // comment"), "f( )");
    }

    #[test]
    fn characters_are_not_code_and_lifetimes_are() {
        assert_eq!(
            code("['{', '\\'', '\\\\', '\\u{7b}', b'{', b'\\'', 'ü', '€', '🦀']"),
            "[ , , , , , , , , ]"
        );
        assert_eq!(code("fn f<'a, 'b>(x: &'a str) -> &'static T"), "fn f<'a, 'b>(x: &'a str) -> &'static T");
        assert_eq!(code("'outer: loop { break 'outer; }"), "'outer: loop { break 'outer; }");
        assert_eq!(code("match c { 'a'..='z' => '\"', _ => x }"), "match c { ..= => , _ => x }");
    }

    #[test]
    fn both_readings_keep_every_offset_and_line() {
        let text = "a\n\"ü\n{\" /* € */\nb // c\n";
        let source = Source::new(text);
        assert_eq!((source.code.len(), source.uncommented.len()), (text.len(), text.len()));
        assert_eq!(source.line(text.find('b').unwrap()), 4);
        assert_eq!(source.code_lines(0..text.len()), 4, "a string's lines are code");
        assert_eq!(Source::new("//! a\n\nb\n/* c\nd */ e\n").code_lines(0..21), 2);
    }

    #[test]
    fn unfinished_text_is_read_to_its_end() {
        for text in
            ["\"abc", "r#\"abc\"", "/* a /* b */", "'", "b'", "'\\", "fn f() {", "r#", "\"\\", "'\u{20ac}"]
        {
            let source = Source::new(text);
            assert_eq!(source.code.len(), text.len(), "{text}");
            assert_eq!(source.block_end(0), text.len(), "{text}");
        }
    }

    #[test]
    fn words_are_found_whole() {
        let source = Source::new("sleep(); my_sleep(); sleeper(); thread::sleep(x); \"sleep(\"; // sleep(");
        assert_eq!(source.find("sleep(").count(), 2);
        assert_eq!(source.find("sleep").count(), 2);
    }

    #[test]
    fn test_modules_end_at_their_brace() {
        let text =
            "fn a() {}\n#[cfg(test)]\n#[rustfmt::skip]\nmod tests {\n fn b() { \"}\"; }\n}\nfn c() {}\n";
        let source = Source::new(text);
        let found = source.test_modules();
        assert_eq!(found.len(), 1);
        assert!(text[found[0].clone()].starts_with("#[cfg(test)]"));
        assert!(text[found[0].end..].starts_with("\nfn c"));
        assert!(Source::new("#[cfg(test)]\nmod tests;\nfn a() {}").test_modules().is_empty());
        assert!(Source::new("#[cfg(test)]\nfn only() { }").test_modules().is_empty());
    }
}
