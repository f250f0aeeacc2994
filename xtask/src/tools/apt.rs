//! Installs Debian packages, as root or by a sudo that asks nothing.
//!
//! It never removes or upgrades what is there: it is called only when a program is missing.

use super::{answer, on_path};
use crate::run::status;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The first program of this name on PATH; when there is none, the packages are installed first.
pub(super) fn program(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    if on_path(name).is_empty() {
        install(name, packages)?;
    }
    let found = on_path(name).into_iter().next();
    found.ok_or_else(|| format!("{} was installed and brought no `{name}` to the PATH", packages.join(" ")))
}

/// Installs packages because `what` is missing, which the error names.
pub(super) fn install(what: &str, packages: &[&str]) -> Result<(), String> {
    let names = packages.join(" ");
    println!("{what} is missing; installing {names} with apt-get");
    // A stale or half-reachable package list may still do, so only the installation decides.
    if let Err(why) = apt_get(&["update"]) {
        println!("{why}");
    }
    apt_get(&[&["install", "-y", "--no-install-recommends"], packages].concat()).map_err(|why| {
        println!("{why}");
        format!("{what} is missing and apt-get did not install it; install the package `{names}`")
    })
}

fn apt_get(args: &[&str]) -> Result<(), String> {
    let is_root = answer(Path::new("id"), "-u").as_deref() == Some("0");
    let mut command = Command::new(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.args(["-n", "env"]);
    }
    // Nobody is there to answer a question; another apt-get on the machine is waited for.
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]);
    command.args(["-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Use-Pty=0"]);
    status(command.args(args).stdin(Stdio::null()))
}
