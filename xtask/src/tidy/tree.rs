//! The files of the repository, read once, for the rules to look at.
//!
//! What counts is what lies in the folder, tracked or not, so a file is judged before it is committed; build
//! results and the product's own state are left out, as in `.gitignore`. Symbolic links are not followed.

use std::fs;
use std::io;
use std::path::Path;

/// One file.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the repository, with `/` between names.
    pub(super) path: String,
    /// Its content; bytes that are not UTF-8 are replaced, which no rule minds.
    pub(super) text: String,
}

impl File {
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is test code: in a crate's `tests` folder, or a module kept in `tests.rs`.
    pub(super) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

/// Every file, sorted by path.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

impl Tree {
    pub(super) fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        collect(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// A tree for tests.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File { path: path.to_string(), text: text.to_string() };
        Self { files: files.iter().map(file).collect() }
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// Whether a file or a folder with files has this path.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let below = |file: &File| file.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        self.files.iter().any(|file| file.path == path || below(file))
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        // In a further worktree `.git` is a file.
        if is_left_out(&path) {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() && path != ".git" {
            // In a second working tree of git, `.git` is a file that says where the first one is.
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
            files.push(File { path, text });
        }
    }
    Ok(())
}

fn is_left_out(folder: &str) -> bool {
    matches!(folder.rsplit('/').next(), Some(".git" | "target")) || folder == "state"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_read_without_its_build_results() {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tree = Tree::read(package.parent().unwrap()).unwrap();
        assert!(tree.has("xtask/src/tidy/tree.rs") && tree.has("xtask/src/") && tree.has("Cargo.toml"));
        assert!(!tree.has("xtask/src/tid") && !tree.has("target") && !tree.has(".git"));
        assert!(tree.text("Cargo.toml").unwrap().contains("[workspace]"));
    }

    #[test]
    fn only_the_state_folder_of_the_root_is_left_out() {
        assert!(is_left_out("state") && is_left_out("fuzz/target") && is_left_out(".git"));
        assert!(!is_left_out("crates/peercache/src/state"));
    }

    #[test]
    fn test_files_are_known_by_their_place_or_name() {
        let tree = Tree::of(&[("crates/a/tests/common/mod.rs", ""), ("crates/a/src/ring/tests.rs", "")]);
        assert!(tree.files.iter().all(File::is_test));
        assert!(!Tree::of(&[("crates/a/src/contests.rs", "")]).files[0].is_test());
    }
}
