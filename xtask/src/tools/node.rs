//! Node, and packages pinned by `xtask/tools/package-lock.json` in the tools folder.

use super::{apt, cannot, copy, is_copy};
use crate::run::status;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Node's program, and the folder of packages, which is made anew whenever the lock file has changed.
pub(super) fn find(root: &Path, tools: &Path) -> Result<(PathBuf, PathBuf), String> {
    let node = apt::program("node", &["nodejs"])?;
    let (ours, folder) = (root.join("xtask/tools"), tools.join("node"));
    let (lock, installed) = (ours.join("package-lock.json"), folder.join("installed.json"));
    let modules = folder.join("node_modules");
    if is_copy(&installed, &lock) && modules.is_dir() {
        return Ok((node, modules));
    }
    println!("Node packages of xtask/tools go into {}, once per machine", folder.display());
    let npm = apt::program("npm", &["npm"])?;
    fs::create_dir_all(&folder).map_err(|error| cannot("create", &folder, &error))?;
    for name in ["package.json", "package-lock.json"] {
        copy(&ours.join(name), &folder.join(name))?;
    }
    // Scripts of packages are not run: none of ours needs one, and they are the way in for what nobody wants.
    let args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    status(Command::new(npm).args(args).current_dir(&folder))?;
    copy(&lock, &installed)?;
    Ok((node, modules))
}
