//! Files and functions stay small enough to be read at one go.
//!
//! What counts are lines of code: comments, blank lines and `#[cfg(test)]` modules are free, so nobody gains
//! by leaving them out. A file past the limit is an offender; the list of offenders may only shrink.

use super::Problem;
use super::source::Source;
use super::tree::{File, Tree};
use std::collections::BTreeMap;

/// Past this many lines of code a file is split by noun, or listed as an offender.
const FILE_LINES_LIMIT: usize = 400;

/// Past this many no list helps. Files of tests know only this limit.
const FILE_LINES_MAX: usize = 600;

/// The longest function, in lines of code from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// One line for each offender, `PATH LINES`; lines with `#` are comments.
const OFFENDERS: &str = "xtask/tidy-offenders.txt";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let (mut offenders, mut problems) = match tree.text(OFFENDERS) {
        Some(text) => read_offenders(text),
        None => (
            BTreeMap::new(),
            vec![Problem::of(OFFENDERS, "the list of offenders is missing; it may be empty")],
        ),
    };
    for file in tree.rust() {
        let source = Source::new(&file.text);
        let lines = file_lines(&source);
        let recorded = offenders.remove(file.path.as_str());
        problems.extend(judge(file, lines, recorded).map(|says| Problem::of(&file.path, says)));
        problems.extend(long_functions(&file.path, &source));
    }
    let gone = |path| Problem::of(OFFENDERS, format!("{path} does not exist any more: remove its entry"));
    problems.extend(offenders.into_keys().map(gone));
    problems
}

fn read_offenders(text: &str) -> (BTreeMap<&str, usize>, Vec<Problem>) {
    let mut offenders = BTreeMap::new();
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = line.split_once(' ').and_then(|(path, lines)| Some((path, lines.trim().parse().ok()?)));
        match entry {
            Some((path, lines)) => drop(offenders.insert(path, lines)),
            None => problems.push(Problem::at(OFFENDERS, index + 1, "an entry is `PATH LINES`")),
        }
    }
    (offenders, problems)
}

/// What is wrong with a file of so many lines, given its entry in the list.
fn judge(file: &File, lines: usize, recorded: Option<usize>) -> Option<String> {
    let limit = if file.is_test() { FILE_LINES_MAX } else { FILE_LINES_LIMIT };
    match recorded {
        _ if lines > FILE_LINES_MAX => {
            Some(format!("{lines} lines of code; no file has more than {FILE_LINES_MAX}: split it by noun"))
        }
        None if lines > limit => {
            Some(format!("{lines} lines of code; split it by noun before {limit}, or list it in {OFFENDERS}"))
        }
        Some(_) if lines <= limit => {
            Some(format!("{lines} lines of code are within the limit: remove its entry in {OFFENDERS}"))
        }
        Some(recorded) if lines > recorded => {
            Some(format!("grew from {recorded} to {lines} lines of code; an offender may only shrink"))
        }
        Some(recorded) if lines < recorded => {
            Some(format!("shrank from {recorded} to {lines} lines of code: write that into {OFFENDERS}"))
        }
        _ => None,
    }
}

fn file_lines(source: &Source) -> usize {
    let tests = source.test_modules();
    let of_tests: usize = tests.into_iter().map(|range| source.code_lines(range)).sum();
    source.code_lines(0..source.code.len()) - of_tests
}

fn long_functions(path: &str, source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    for start in source.find("fn") {
        let Some((name, open)) = signature(&source.code[start..]) else { continue };
        let lines = source.code_lines(start..source.block_end(start + open));
        if lines > FUNCTION_LINES_MAX {
            let says = format!("`{name}` has {lines} lines of code; the most is {FUNCTION_LINES_MAX}");
            problems.push(Problem::at(path, source.line(start), says));
        }
    }
    problems
}

/// The name of the function that `code` begins with and where its block opens; none for a type or a
/// declaration.
fn signature(code: &str) -> Option<(&str, usize)> {
    let rest = code.strip_prefix("fn")?;
    let name = rest
        .trim_start()
        .split(|letter: char| !letter.is_alphanumeric() && !"_$#".contains(letter))
        .next()?;
    if name.is_empty() || !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some((name, at)),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str, offenders: &str) -> Vec<String> {
        let found = check(&Tree::of(&[(path, text), (OFFENDERS, offenders)]));
        found.into_iter().map(|problem| problem.to_string()).collect()
    }

    fn lines(count: usize) -> String {
        "const A: u8 = 1;\n".repeat(count)
    }

    #[test]
    fn comments_blank_lines_and_tests_are_free() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", lines(300));
        let text = format!("{}{}{}{tests}", lines(400), "// why\n".repeat(300), "\n".repeat(300));
        assert!(problems("a.rs", &text, "# none\n").is_empty());
    }

    #[test]
    fn a_file_past_the_limit_is_told_unless_listed() {
        assert!(problems("a.rs", &lines(401), "")[0].contains("a.rs: 401 lines"));
        assert!(problems("a.rs", &lines(401), "a.rs 401\n").is_empty());
        assert!(problems("a.rs", &lines(601), "a.rs 601\n")[0].contains("more than 600"));
    }

    #[test]
    fn tests_know_only_the_hard_limit() {
        assert!(problems("crates/a/tests/b.rs", &lines(600), "").is_empty());
        assert_eq!(problems("crates/a/src/b/tests.rs", &lines(601), "").len(), 1);
    }

    #[test]
    fn the_list_of_offenders_may_only_shrink() {
        assert!(problems("a.rs", &lines(450), "a.rs 449\n")[0].contains("may only shrink"));
        assert!(problems("a.rs", &lines(450), "a.rs 451\n")[0].contains("shrank from 451 to 450"));
        assert!(problems("a.rs", &lines(400), "a.rs 401\n")[0].contains("remove its entry"));
        assert!(problems("a.rs", "", "b.rs 500\n")[0].contains("b.rs does not exist"));
        assert!(problems("a.rs", "", "b.rs many\n")[0].contains("tidy-offenders.txt:1: an entry is"));
    }

    #[test]
    fn a_function_is_as_long_as_its_lines_of_code() {
        let function =
            |body: usize| format!("fn long(\n    a: [u8; 3],\n) -> u8 {{\n{}}}\n", "    a();\n".repeat(body));
        assert!(problems("a.rs", &function(66), "").is_empty());
        assert_eq!(
            problems("a.rs", &format!("\n{}", function(67)), ""),
            ["a.rs:2: `long` has 71 lines of code; the most is 70"]
        );
        let commented = format!("fn f() {{\n{}}}\n", "    // why {\n".repeat(100));
        assert!(problems("a.rs", &commented, "").is_empty());
    }

    #[test]
    fn types_and_declarations_are_not_functions() {
        let tail = "{\n".to_string() + &"a();\n".repeat(100) + "}\n";
        for head in
            ["type F = fn(u8) -> u8; mod m ", "trait T { fn f(&self) -> u8; } mod m ", "mod fn_things "]
        {
            assert!(problems("a.rs", &format!("{head}{tail}"), "").is_empty(), "{head}");
        }
    }
}
