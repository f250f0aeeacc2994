//! Finds the programs that the steps need and Rust does not bring, and installs what is missing.
//!
//! Installed once per machine, not per clone: what we build or fetch goes into the tools folder,
//! `$PEERCACHE_TOOLS` or else `peercache-tools` in the user's cache folder. A tool that can be neither found
//! nor installed is an error. Versions are pinned wherever a newer one may judge the same tree differently.

mod apt;
mod built;
mod memcached;
mod node;
mod nutcracker;
mod php;
mod python;

pub(crate) use built::{cargo_fuzz, cplusplus, deny};
pub(crate) use memcached::{memcached, memcached_program};
pub(crate) use nutcracker::{nutcracker_program, twemproxy};

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What other people's suites and clients need to run.
#[derive(Debug)]
pub(crate) struct Tools {
    /// The Python of an environment of its own, with the packages of `xtask/tools/requirements.txt`.
    pub(crate) python: PathBuf,
    /// Node.
    pub(crate) node: PathBuf,
    /// The `node_modules` that `xtask/tools/package-lock.json` describes.
    pub(crate) node_modules: PathBuf,
    /// PHP with its memcached extension.
    pub(crate) php: PathBuf,
    /// The protocol tests of libmemcached.
    pub(crate) memccapable: PathBuf,
}

/// The step that finds or installs everything of [`Tools`], early, so that what is missing is known before
/// the long builds.
pub(crate) fn fetch(root: &Path) -> Result<(), String> {
    let tools = Tools::find(root)?;
    for program in [&tools.python, &tools.node, &tools.php] {
        println!("{} at {}", answer(program, "--version").unwrap_or_default(), program.display());
    }
    println!("{}\n{}", tools.node_modules.display(), tools.memccapable.display());
    Ok(())
}

impl Tools {
    /// Finds all of them; installs what is missing.
    pub(crate) fn find(root: &Path) -> Result<Self, String> {
        let folder = folder()?;
        fs::create_dir_all(&folder).map_err(|error| cannot("create", &folder, &error))?;
        // Clones of one user share the folder, and two of them may be at it.
        let lock_path = folder.join("fetch.lock");
        let lock = File::create(&lock_path).map_err(|error| cannot("create", &lock_path, &error))?;
        lock.lock().map_err(|error| cannot("lock", &lock_path, &error))?;
        let (node, node_modules) = node::find(root, &folder)?;
        Ok(Self {
            python: python::find(root, &folder)?,
            node,
            node_modules,
            php: php::find()?,
            memccapable: apt::program("memccapable", &["libmemcached-tools"])?,
        })
    }
}

/// Where tools of ours live.
fn folder() -> Result<PathBuf, String> {
    folder_of(&|name| env::var_os(name).map(PathBuf::from))
}

/// The same, from the variables of an environment.
fn folder_of(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, String> {
    let set = |name| variable(name).filter(|path| path.is_absolute());
    set("PEERCACHE_TOOLS")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("peercache-tools")))
        .or_else(|| Some(set("HOME")?.join(".cache/peercache-tools")))
        .ok_or_else(|| "no folder for tools: set PEERCACHE_TOOLS or HOME to an absolute path".to_string())
}

/// Every file called `name` in the folders of PATH, in their order.
pub(crate) fn on_path(name: &str) -> Vec<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).map(|folder| folder.join(name)).filter(|path| path.is_file()).collect()
}

/// The first line a program prints for one argument, when it succeeds.
pub(crate) fn answer(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    text.lines().next().map(str::to_string)
}

/// Whether a file exists and is, byte for byte, the one of ours: how a folder remembers what was put into it.
fn is_copy(copy: &Path, ours: &Path) -> bool {
    matches!((fs::read(copy), fs::read(ours)), (Ok(copy), Ok(ours)) if copy == ours)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|error| cannot("write", to, &error))
}

/// An error of the file system, with its place.
pub(crate) fn cannot(verb: &str, path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("cannot {verb} {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(pairs: &[(&str, &str)]) -> Result<PathBuf, String> {
        folder_of(&|name| pairs.iter().find(|pair| pair.0 == name).map(|pair| PathBuf::from(pair.1)))
    }

    #[test]
    fn the_tools_folder_is_the_first_of_three_that_is_absolute() {
        let all = [("PEERCACHE_TOOLS", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")];
        assert_eq!(dir(&all), Ok(PathBuf::from("/a")));
        assert_eq!(dir(&all[1..]), Ok(PathBuf::from("/b/peercache-tools")));
        assert_eq!(dir(&all[2..]), Ok(PathBuf::from("/c/.cache/peercache-tools")));
        assert_eq!(dir(&[("PEERCACHE_TOOLS", ""), all[2]]), Ok(PathBuf::from("/c/.cache/peercache-tools")));
        assert!(dir(&[]).unwrap_err().contains("PEERCACHE_TOOLS"));
    }

    #[test]
    fn programs_on_path_are_found_and_asked() {
        let shell = on_path("sh");
        assert!(!shell.is_empty());
        assert!(on_path("no-such-program-of-ours").is_empty());
        assert_eq!(answer(Path::new("echo"), "hello"), Some("hello".to_string()));
        assert_eq!(answer(Path::new("no-such-program-of-ours"), "-V"), None);
    }

    #[test]
    fn a_folder_is_current_only_with_an_exact_copy() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(is_copy(&manifest, &manifest));
        assert!(!is_copy(&manifest.with_file_name("none"), &manifest));
        assert!(!is_copy(&manifest.with_file_name("src/main.rs"), &manifest));
    }
}
