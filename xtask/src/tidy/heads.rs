//! Every Rust file says in its first line what it is, and no line is wider than a page.

use super::Problem;
use super::tree::Tree;

/// The widest line, in characters; rustfmt is told the same and leaves comments and strings alone.
const LINE_CHARS_MAX: usize = 110;

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.rust() {
        if !file.text.starts_with("//!") {
            problems.push(Problem::at(
                &file.path,
                1,
                "a file begins with `//!`: what it is and why it exists",
            ));
        }
        for (index, line) in file.text.lines().enumerate() {
            let chars = line.chars().count();
            if chars > LINE_CHARS_MAX {
                let says = format!("the line has {chars} characters; the most is {LINE_CHARS_MAX}");
                problems.push(Problem::at(&file.path, index + 1, says));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_and_lines_up_to_the_limit_are_fine() {
        let text = format!("//! A file.\n// {}\n", "ü".repeat(LINE_CHARS_MAX - 3));
        assert_eq!(check(&Tree::of(&[("a.rs", &text), ("b.md", &"x".repeat(500))])), []);
    }

    #[test]
    fn a_missing_head_and_a_long_line_are_told() {
        let text = format!("use a;\n//! Too late.\n// {}\n", "x".repeat(LINE_CHARS_MAX - 2));
        let lines: Vec<usize> = check(&Tree::of(&[("a.rs", &text)])).iter().map(|found| found.line).collect();
        assert_eq!(lines, [1, 3]);
    }
}
