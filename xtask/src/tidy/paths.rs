//! Paths that documents name exist, and no file names a path of somebody's machine.

use super::Problem;
use super::tree::Tree;

/// The documents that explain the code by pointing at it; each must be there.
const DOCUMENTS: &[&str] = &["ARCHITECTURE.md", "CONTRIBUTING.md"];

/// Folders of the root. A path that begins with one is meant to exist even when the whole folder has gone.
const ROOTS: &[&str] = &["crates", "docs", "examples", "fuzz", "scenarios", "xtask", ".ci", ".cargo"];

/// Endings by which a name is a file of ours even when it does not begin at the root.
const ENDINGS: &[&str] = &[".rs", ".md"];

/// The first folders of paths that hold on one machine only.
const MACHINE_FOLDERS: &[&str] = &["work", "root", "farm"];

pub(super) fn named_paths_exist(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for document in DOCUMENTS {
        let Some(text) = tree.text(document) else {
            problems.push(Problem::of(document, "the document is missing"));
            continue;
        };
        for (line, span) in code_spans(text) {
            if !exists(tree, span) {
                problems.push(Problem::at(document, line, format!("`{span}` does not exist")));
            }
        }
    }
    problems
}

/// What stands between single backticks outside of fenced blocks, with its line.
fn code_spans(text: &str) -> Vec<(usize, &str)> {
    let mut spans = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            spans.extend(line.split('`').skip(1).step_by(2).map(|span| (index + 1, span)));
        }
    }
    spans
}

/// Whether a span names a file or folder of the tree, or is no path at all.
fn exists(tree: &Tree, span: &str) -> bool {
    let is_plain = span.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-/".contains(letter));
    if !is_plain || span.starts_with('/') {
        return true;
    }
    let first = span.split('/').next().unwrap_or(span);
    if span.contains('/') && (ROOTS.contains(&first) || tree.has(first)) {
        return tree.has(span);
    }
    // `ring/mod.rs` stands for the file of that name wherever it is.
    let tail = format!("/{span}");
    !ENDINGS.iter().any(|ending| span.ends_with(ending) && span != *ending)
        || tree.has(span)
        || tree.files.iter().any(|file| file.path.ends_with(&tail))
}

pub(super) fn no_machine_paths(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(path) = machine_path(line) {
                let says = format!("`{path}` is a path of one machine");
                problems.push(Problem::at(&file.path, index + 1, says));
            }
        }
    }
    problems
}

fn machine_path(line: &str) -> Option<String> {
    let paths = MACHINE_FOLDERS.iter().map(|folder| format!("/{folder}/"));
    let goes_on = |letter: char| letter.is_alphanumeric() || "._-/}".contains(letter);
    let is_start = |at: usize| !line[..at].ends_with(goes_on);
    paths.into_iter().find(|path| line.match_indices(path.as_str()).any(|(at, _)| is_start(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: &[&str] = &["crates/a/src/ring/mod.rs", "docs/promises.md", "Cargo.toml", ".ci/run"];

    fn missing(text: &str) -> Vec<String> {
        let mut files: Vec<(&str, &str)> = FILES.iter().map(|path| (*path, "")).collect();
        files.extend([("ARCHITECTURE.md", text), ("CONTRIBUTING.md", "")]);
        named_paths_exist(&Tree::of(&files)).into_iter().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn paths_that_exist_are_fine() {
        assert!(
            missing("`crates/a/src` `crates/a/` `ring/mod.rs` `mod.rs` `docs/promises.md` `.ci/run`")
                .is_empty()
        );
    }

    #[test]
    fn what_is_no_path_of_the_tree_is_left_alone() {
        assert!(
            missing("`get/set` `state/stats/` `Key` `crate::ring` `crates/<name>` `.rs` `/proc/1`")
                .is_empty()
        );
        assert!(missing("```\n`crates/gone`\n```\nword crates/gone").is_empty());
    }

    #[test]
    fn paths_that_are_gone_are_told() {
        let found = missing("`crates/b`\n`fuzz/x` and `gone.rs` `gone/mod.rs` `docs/b.md` `GONE.md`");
        let names: Vec<&str> = found.iter().filter_map(|says| says.split('`').nth(1)).collect();
        assert_eq!(names, ["crates/b", "fuzz/x", "gone.rs", "gone/mod.rs", "docs/b.md", "GONE.md"]);
        assert!(found[0].starts_with("ARCHITECTURE.md:1:") && found[1].starts_with("ARCHITECTURE.md:2:"));
    }

    #[test]
    fn a_document_that_is_gone_is_told() {
        assert_eq!(named_paths_exist(&Tree::of(&[("CONTRIBUTING.md", "")])).len(), 1);
    }

    #[test]
    fn paths_of_one_machine_are_told_in_any_file() {
        for folder in MACHINE_FOLDERS {
            let text = format!("fine\ncd \"/{folder}/x\"\n");
            let found = no_machine_paths(&Tree::of(&[("a.sh", &text)]));
            assert_eq!(found.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2], "{folder}");
            let inside = format!("a/{folder}/b ../{folder}/c ${{d}}/{folder}/e my/{folder}");
            assert!(no_machine_paths(&Tree::of(&[("a.sh", &inside)])).is_empty(), "{folder}");
        }
    }
}
