//! Runs `cargo deny`, built once per machine at a version of our choice.

use super::{answer, folder, on_path};
use crate::run::{cargo, status};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version whose verdicts we know: a newer one may judge the same tree differently.
const DENY_VERSION: &str = "0.20.2";

/// Runs `cargo deny` on the dependency tree, as `deny.toml` says.
pub(crate) fn deny(root: &Path) -> Result<(), String> {
    let program = find_deny()?;
    status(Command::new(program).args(["check", "bans", "licenses", "sources"]).current_dir(root))
}

fn find_deny() -> Result<PathBuf, String> {
    let tools = folder()?;
    let ours = tools.join("bin/cargo-deny");
    let wanted = format!("cargo-deny {DENY_VERSION}");
    let is_wanted = |program: &PathBuf| answer(program, "--version").as_deref() == Some(&wanted);
    if let Some(found) = on_path("cargo-deny").into_iter().chain([ours.clone()]).find(is_wanted) {
        return Ok(found);
    }
    println!("building {wanted} into {}, once per machine", tools.display());
    let package = format!("cargo-deny@{DENY_VERSION}");
    // Not optimized and without debug information it is built in a third of the time and fast enough.
    let mut install = cargo();
    install.env("CARGO_PROFILE_DEV_DEBUG", "0").args(["install", "--locked", "--debug", "--root"]);
    status(install.arg(&tools).arg(package))?;
    if is_wanted(&ours) {
        return Ok(ours);
    }
    Err(format!("{} was installed and does not answer as {wanted}; delete it and try again", ours.display()))
}
