//! Where promises are proven: tests named after them, and rules and mutants of the simulator.
//!
//! A test counts by its name and its attribute, in a `tests` folder, so on the built product. A rule carries
//! the text `promise: "P-14"` and a mutant `breaks: "P-14"`, in code and not in a comment.

use super::source::Source;
use super::tree::{File, Tree};

/// One place that proves a promise.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) line: usize,
}

/// Every proof of the tree.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    tests: Vec<Proof>,
    rules: Vec<Proof>,
    mutants: Vec<Proof>,
}

impl Proofs {
    pub(super) fn of(tree: &Tree) -> Self {
        let mut proofs = Self::default();
        for file in tree.rust() {
            let Some((name, inner)) = file.path.strip_prefix("crates/").and_then(|path| path.split_once('/'))
            else {
                continue;
            };
            if inner.starts_with("tests/") {
                proofs.tests.extend(tests(file));
            }
            if name == "peercache-sim" {
                proofs.rules.extend(labels(file, "promise"));
                proofs.mutants.extend(labels(file, "breaks"));
            }
        }
        proofs
    }

    pub(super) fn has_test(&self, id: &str) -> bool {
        self.tests.iter().any(|proof| proof.id == id)
    }

    pub(super) fn has_rule(&self, id: &str) -> bool {
        self.rules.iter().any(|proof| proof.id == id)
    }

    pub(super) fn has_mutant(&self, id: &str) -> bool {
        self.mutants.iter().any(|proof| proof.id == id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Proof> {
        self.tests.iter().chain(&self.rules).chain(&self.mutants)
    }
}

/// The tests of a file whose names begin as `p14_` does.
fn tests(file: &File) -> Vec<Proof> {
    let source = Source::new(&file.text);
    let mut found = Vec::new();
    for at in source.find("fn") {
        let name = source.code[at + 2..].trim_start();
        let number: String =
            name.strip_prefix('p').unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
        let is_named = !number.is_empty() && name[1 + number.len()..].starts_with('_');
        if is_named && is_test(&source.code[..at]) {
            found.push(Proof { id: format!("P-{number}"), path: file.path.clone(), line: source.line(at) });
        }
    }
    found
}

/// Whether the attributes that end this code make the function behind them a test.
fn is_test(before: &str) -> bool {
    let attributes = before.rsplit(['{', '}', ';']).next().unwrap_or_default();
    ["#[test]", "#[tokio::test]", "#[tokio::test("].iter().any(|attribute| attributes.contains(attribute))
}

/// The places of a file that read `LABEL: "P-14"`.
fn labels(file: &File, label: &str) -> Vec<Proof> {
    let source = Source::new(&file.text);
    let mut found = Vec::new();
    for at in source.find(label) {
        let behind = source.uncommented[at + label.len()..].strip_prefix(": \"");
        if let Some(id) = behind.and_then(|text| text.split('"').next()) {
            found.push(Proof { id: id.to_string(), path: file.path.clone(), line: source.line(at) });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proofs(path: &str, text: &str) -> Vec<(String, usize)> {
        let proofs = Proofs::of(&Tree::of(&[(path, text)]));
        proofs.all().map(|proof| (proof.id.clone(), proof.line)).collect()
    }

    #[test]
    fn a_test_counts_by_name_attribute_and_place() {
        let text = "use x;\n#[test]\nfn p01_a() {}\n\n#[tokio::test(flavor = \"multi_thread\")]\n\
                    // why\nasync fn p14_b() {}\n";
        let both = [("P-01".to_string(), 3), ("P-14".to_string(), 7)];
        assert_eq!(proofs("crates/peercache/tests/a/b.rs", text), both);
        assert!(proofs("crates/peercache/src/a.rs", text).is_empty(), "not on the built product");
    }

    #[test]
    fn helpers_and_other_names_are_no_proofs() {
        let text = "
            #[test]
            fn a() {}
            fn p14_helper() {}
            #[test]
            fn p14() {}
            #[test]
            fn prints_14() {}
            // #[test] fn p14_c() {}
            #[test]
            fn p_x() {}
        ";
        assert!(proofs("crates/peercache/tests/a.rs", text).is_empty());
    }

    #[test]
    fn rules_and_mutants_count_in_the_simulator_only() {
        let text = r#"
            const A: Rule = Rule { promise: "P-14" };
            // promise: "P-15"
            Mutant { breaks: "P-16" }
            struct Rule { promise: &'static str }
            let s = "promise: P-17";
        "#;
        let both = [("P-14".to_string(), 2), ("P-16".to_string(), 4)];
        assert_eq!(proofs("crates/peercache-sim/src/rules.rs", text), both);
        assert!(proofs("crates/peercache-core/src/rules.rs", text).is_empty());
    }
}
