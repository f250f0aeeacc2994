//! `tidy`: the style rules that no other tool holds, as a test.
//!
//! Each rule is a function from the [`Tree`] to a list of [`Problem`]s, in a file of its own, tested on
//! samples that keep the rule and samples that break it. A rule reads text: it runs in a second and before
//! anything compiles.

mod directions;
mod heads;
mod manifest;
mod modules;
mod paths;
mod promises;
mod proofs;
mod size;
mod source;
mod tree;
mod words;

use std::fmt;
use std::path::Path;
use tree::Tree;

/// Something in the tree that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    /// Counted from 1; 0 when the whole file is meant.
    line: usize,
    says: String,
}

impl Problem {
    fn at(path: &str, line: usize, says: impl Into<String>) -> Self {
        Self { path: path.to_string(), line, says: says.into() }
    }

    fn of(path: &str, says: impl Into<String>) -> Self {
        Self::at(path, 0, says)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.says),
            line => write!(f, "{}:{line}: {}", self.path, self.says),
        }
    }
}

type Rule = fn(&Tree) -> Vec<Problem>;

const RULES: &[Rule] = &[
    heads::check,
    size::check,
    words::check,
    directions::check,
    modules::check,
    paths::named_paths_exist,
    paths::no_machine_paths,
    promises::check,
];

/// Holds every rule against the repository at `root` and prints what breaks one.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root).map_err(|error| format!("the tree cannot be read: {error}"))?;
    let mut problems: Vec<Problem> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    problems.sort();
    for problem in &problems {
        println!("{problem}");
    }
    match problems.len() {
        0 => Ok(()),
        count => Err(format!(
            "rules of the house are broken in {count} {}",
            if count == 1 { "place" } else { "places" }
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_the_place() {
        assert_eq!(Problem::at("a.rs", 3, "no").to_string(), "a.rs:3: no");
        assert_eq!(Problem::of("a.rs", "no").to_string(), "a.rs: no");
    }

    #[test]
    fn an_empty_tree_lacks_what_every_tree_must_have() {
        let tree = Tree::of(&[]);
        let problems: Vec<Problem> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            paths,
            ["xtask/tidy-offenders.txt", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/promises.md"]
        );
    }
}
