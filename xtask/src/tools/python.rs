//! A Python environment of our own in the tools folder, with packages pinned by
//! `xtask/tools/requirements.txt`.

use super::{answer, apt, cannot, copy, is_copy};
use crate::run::status;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const REQUIREMENTS: &str = "xtask/tools/requirements.txt";

/// The environment's Python; the environment is made anew whenever the list of packages has changed.
pub(super) fn find(root: &Path, tools: &Path) -> Result<PathBuf, String> {
    let (wanted, environment) = (root.join(REQUIREMENTS), tools.join("python"));
    let (python, installed) = (environment.join("bin/python"), environment.join("requirements.txt"));
    // A system that changed its Python leaves an environment whose program does not start.
    if is_copy(&installed, &wanted) && answer(&python, "--version").is_some() {
        return Ok(python);
    }
    println!("Python packages of {REQUIREMENTS} go into {}, once per machine", environment.display());
    create(&environment)?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    status(pip.arg(&wanted))?;
    copy(&wanted, &installed)?;
    Ok(python)
}

fn create(environment: &Path) -> Result<(), String> {
    if environment.exists() {
        fs::remove_dir_all(environment).map_err(|error| cannot("remove", environment, &error))?;
    }
    let make = |python: &Path| status(Command::new(python).args(["-m", "venv"]).arg(environment));
    let python = apt::program("python3", &["python3-venv"])?;
    // Debian's Python comes without the module until its package is installed.
    make(&python).or_else(|_| {
        apt::install("Python's module venv", &["python3-venv"])?;
        make(Path::new("/usr/bin/python3"))
    })
}
