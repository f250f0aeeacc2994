//! Words that no file may hold: unfinished work, silenced warnings, tests that do not run, sleeping tests.

use super::Problem;
use super::source::Source;
use super::tree::{File, Tree};

/// Words that are never right, each with what to do instead.
const FORBIDDEN: &[(&str, &str)] = &[
    ("todo!", "finish it or cut it"),
    ("unimplemented!", "finish it or cut it"),
    ("dbg!", "remove it, or log it"),
    ("#[ignore", "a test that is not run proves nothing: mend it or remove it"),
];

/// A sleep in a test is allowed on a line that gives a reason behind these words.
const EXCUSE: &str = "// tidy: ";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    tree.rust().flat_map(|file| check_file(file, &Source::new(&file.text))).collect()
}

fn check_file(file: &File, source: &Source) -> Vec<Problem> {
    let mut found = Vec::new();
    for &(word, advice) in FORBIDDEN {
        found.extend(source.find(word).map(|at| (source.line(at), format!("`{word}`: {advice}"))));
    }
    found.extend(silenced(source));
    found.extend(ignored_examples(file, source));
    found.extend(sleeping_tests(file, source));
    found.into_iter().map(|(line, says)| Problem::at(&file.path, line, says)).collect()
}

/// `allow` and `expect` attributes that hide code nobody uses.
fn silenced(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in source.find("allow(").chain(source.find("expect(")) {
        // `.expect(…)` is a call.
        if source.code[..at].trim_end().ends_with('.') {
            continue;
        }
        let arguments = source.code[at..].split(['(', ')']).nth(1).unwrap_or_default();
        let hides = |lint: &&str| *lint == "dead_code" || lint.starts_with("unused");
        let lints = arguments.split(',').map(str::trim).filter(hides);
        found.extend(
            lints.map(|lint| (source.line(at), format!("`{lint}` is hidden: remove what is unused"))),
        );
    }
    found
}

/// Fences of documentation that say the example is not compiled.
fn ignored_examples(file: &File, source: &Source) -> Vec<(usize, String)> {
    let is_fence = |line: &str| {
        let comment = line.trim_start().strip_prefix("///").or_else(|| line.trim_start().strip_prefix("//!"));
        let info = comment.and_then(|text| text.trim_start().strip_prefix("```"));
        info.is_some_and(|info| info.split(',').any(|word| word.trim().starts_with("ignore")))
    };
    let lines = file.text.lines().zip(source.uncommented.lines()).enumerate();
    let fences = lines.filter(|(_, (line, kept))| kept.trim().is_empty() && is_fence(line));
    fences
        .map(|(index, _)| (index + 1, "an example that is not compiled goes stale: make it run".to_string()))
        .collect()
}

fn sleeping_tests(file: &File, source: &Source) -> Vec<(usize, String)> {
    let modules = source.test_modules();
    let is_in_test = |at: &usize| file.is_test() || modules.iter().any(|range| range.contains(at));
    let sleeps = source.find("sleep(").chain(source.find("sleep_until("));
    let lines =
        sleeps.filter(is_in_test).map(|at| source.line(at)).filter(|&line| !is_excused(&file.text, line));
    let says = format!(
        "a test that sleeps is slow and fails at random: poll with a deadline, or say why (`{EXCUSE}…`)"
    );
    lines.map(|line| (line, says.clone())).collect()
}

/// Whether the line gives a reason, or the comment right above it does.
fn is_excused(text: &str, line: usize) -> bool {
    let has_reason =
        |line: &str| line.split_once(EXCUSE).is_some_and(|(_, reason)| !reason.trim().is_empty());
    let mut lines = text.lines().skip(line.saturating_sub(2));
    let above = if line > 1 { lines.next() } else { None };
    let is_comment = |above: &&str| above.trim_start().starts_with(EXCUSE.trim_end());
    lines.next().is_some_and(has_reason) || above.filter(is_comment).is_some_and(has_reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let mut problems = check(&Tree::of(&[(path, text)]));
        problems.sort();
        problems.iter().map(|found| found.line).collect()
    }

    #[test]
    fn unfinished_work_is_found_in_code_only() {
        assert_eq!(
            lines("a.rs", "fn a() { todo!() }\nfn b() { unimplemented!(\"x\") }\nlet x = dbg!(y);"),
            [1, 2, 3]
        );
        assert!(lines("a.rs", "// todo!()\nlet a = \"dbg!\"; mytodo!();").is_empty());
        assert!(lines("a.md", "todo!()").is_empty());
    }

    #[test]
    fn tests_and_examples_that_do_not_run_are_found() {
        assert_eq!(lines("a.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() {}"), [2]);
        assert_eq!(lines("a.rs", "//! ```ignore\n//! ```\n/// ```rust,ignore\n/// ```"), [1, 3]);
        assert!(
            lines("a.rs", "//! ```no_run\n//! ```\n/// ```text\nconst A: &str = \"\n//! ```ignore\";")
                .is_empty()
        );
    }

    #[test]
    fn silenced_warnings_are_found_in_every_form() {
        let text = "#[allow(dead_code)]\n#![allow(clippy::all, unused_imports)]\n#[expect(unused)]\n\
                    #[cfg_attr(test, allow(unused_mut))]\n";
        assert_eq!(lines("a.rs", text), [1, 2, 3, 4]);
        assert!(
            lines("a.rs", "#[allow(clippy::unused_self)]\na.expect(unused);\nb\n.expect(dead_code);")
                .is_empty()
        );
    }

    #[test]
    fn tests_do_not_sleep_without_a_reason() {
        let calls = "thread::sleep(x);\ntokio::time::sleep_until(x).await;\n";
        assert_eq!(lines("crates/a/tests/b.rs", calls), [1, 2]);
        assert!(lines("crates/a/src/b.rs", calls).is_empty());
        assert_eq!(lines("crates/a/src/b.rs", &format!("#[cfg(test)]\nmod tests {{\n{calls}}}")), [3, 4]);
    }

    #[test]
    fn a_reason_stands_on_the_line_or_right_above() {
        assert!(lines("crates/a/tests/b.rs", "sleep(x); // tidy: between two looks").is_empty());
        assert!(lines("crates/a/tests/b.rs", "    // tidy: between two looks\n    sleep(x);").is_empty());
        assert_eq!(lines("crates/a/tests/b.rs", "sleep(x); // tidy: \n"), [1]);
        assert_eq!(lines("crates/a/tests/b.rs", "sleep(x); // tidy: this one only\nsleep(y);"), [2]);
    }
}
