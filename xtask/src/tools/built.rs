//! Programs that are built from their crates, once per machine, each at a version of our choice.

use super::{answer, apt, folder, on_path};
use crate::run::{cargo, status};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program and the crate of the same name.
struct Built {
    name: &'static str,
    /// The one whose verdicts we know: a newer one may judge the same tree differently.
    version: &'static str,
}

const DENY: Built = Built { name: "cargo-deny", version: "0.20.2" };
const FUZZ: Built = Built { name: "cargo-fuzz", version: "0.13.2" };

/// Runs `cargo deny` on the dependency tree, as `deny.toml` says.
pub(crate) fn deny(root: &Path) -> Result<(), String> {
    let program = find(&DENY)?;
    status(Command::new(program).args(["check", "bans", "licenses", "sources"]).current_dir(root))
}

/// The program that builds and runs fuzzers.
pub(crate) fn cargo_fuzz() -> Result<PathBuf, String> {
    find(&FUZZ)
}

/// Sees to it that there is a compiler for C++, in which the library of the fuzzers is written.
pub(crate) fn cplusplus() -> Result<(), String> {
    if env::var_os("CXX").is_some() {
        return Ok(());
    }
    apt::program("c++", &["g++"]).map(drop)
}

fn find(built: &Built) -> Result<PathBuf, String> {
    let tools = folder()?;
    let ours = tools.join("bin").join(built.name);
    let wanted = format!("{} {}", built.name, built.version);
    let is_wanted = |program: &PathBuf| answer(program, "--version").as_deref() == Some(&wanted);
    if let Some(found) = on_path(built.name).into_iter().chain([ours.clone()]).find(is_wanted) {
        return Ok(found);
    }
    println!("building {wanted} into {}, once per machine", tools.display());
    let package = format!("{}@{}", built.name, built.version);
    // Not optimized and without debug information it is built in a third of the time and fast enough.
    let mut install = cargo();
    install.env("CARGO_PROFILE_DEV_DEBUG", "0").args(["install", "--locked", "--debug", "--root"]);
    status(install.arg(&tools).arg(package))?;
    if is_wanted(&ours) {
        return Ok(ours);
    }
    Err(format!("{} was installed and does not answer as {wanted}; delete it and try again", ours.display()))
}
