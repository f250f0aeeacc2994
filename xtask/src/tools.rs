//! Finds the programs that the steps need and Rust does not bring, and installs what is missing.
//!
//! Installed once per machine, not per clone: what we build goes into the tools folder, `$PEERCACHE_TOOLS` or
//! else `peercache-tools` in the user's cache folder. A tool that can be neither found nor installed is an
//! error.

use crate::run::{cargo, status};
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version whose verdicts we know: a newer one may judge the same tree differently.
const DENY_VERSION: &str = "0.20.2";

/// Runs `cargo deny` on the dependency tree, as `deny.toml` says.
pub(crate) fn deny(root: &Path) -> Result<(), String> {
    let program = find_deny()?;
    status(Command::new(program).args(["check", "bans", "licenses", "sources"]).current_dir(root))
}

fn find_deny() -> Result<PathBuf, String> {
    let tools = tools_dir(&|name| env::var_os(name).map(PathBuf::from))?;
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

/// Where tools of ours live, from the variables of the environment.
fn tools_dir(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, String> {
    let set = |name| variable(name).filter(|path| path.is_absolute());
    set("PEERCACHE_TOOLS")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("peercache-tools")))
        .or_else(|| Some(set("HOME")?.join(".cache/peercache-tools")))
        .ok_or_else(|| "no folder for tools: set PEERCACHE_TOOLS or HOME to an absolute path".to_string())
}

/// Sees to it that tests find a real memcached, where the product looks for it too.
pub(crate) fn memcached(_root: &Path) -> Result<(), String> {
    if let Some(path) = env::var_os("MEMCACHED_PATH").map(PathBuf::from) {
        let version = memcached_version(&path).ok_or_else(|| {
            format!(
                "MEMCACHED_PATH is {}, which does not answer as memcached; correct or unset it",
                path.display()
            )
        })?;
        println!("{version} at {}", path.display());
        return Ok(());
    }
    if on_path("memcached").is_empty() {
        install("memcached")?;
    }
    for path in on_path("memcached") {
        if let Some(version) = memcached_version(&path) {
            println!("{version} at {}", path.display());
            return Ok(());
        }
    }
    Err("no working memcached on PATH: install the package `memcached` or set MEMCACHED_PATH".to_string())
}

fn memcached_version(program: &Path) -> Option<String> {
    answer(program, "-V").filter(|line| line.starts_with("memcached "))
}

/// Sees to it that tests find a real twemproxy, whose program is called nutcracker.
pub(crate) fn twemproxy(_root: &Path) -> Result<(), String> {
    if find_nutcracker().is_none() {
        install("nutcracker")?;
    }
    let program = find_nutcracker().ok_or("no nutcracker on PATH: install the package `nutcracker`")?;
    println!("nutcracker at {}", program.display());
    Ok(())
}

/// Debian keeps it among the daemons, in a folder that is not on everybody's PATH. The tests look there too.
fn find_nutcracker() -> Option<PathBuf> {
    let daemons = PathBuf::from("/usr/sbin/nutcracker");
    on_path("nutcracker").into_iter().chain([daemons]).find(|path| path.is_file())
}

/// Installs a Debian package, as root or by a sudo that asks nothing.
fn install(package: &str) -> Result<(), String> {
    println!("{package} is missing; installing it with apt-get");
    // A stale or half-reachable package list may still do, so only the installation decides.
    if let Err(why) = apt_get(&["update"]) {
        println!("{why}");
    }
    apt_get(&["install", "-y", "--no-install-recommends", package]).map_err(|why| {
        println!("{why}");
        format!(
            "{package} is missing and apt-get did not install it; \
             install the package `{package}`, or put the program on PATH"
        )
    })
}

fn apt_get(args: &[&str]) -> Result<(), String> {
    let is_root = answer(Path::new("id"), "-u").as_deref() == Some("0");
    let mut command = Command::new(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.args(["-n", "env"]);
    }
    // Nobody is there to answer a question; another apt-get on the machine is waited for.
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120"]);
    status(command.args(args).stdin(Stdio::null()))
}

/// Every file called `name` in the folders of PATH, in their order.
fn on_path(name: &str) -> Vec<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).map(|folder| folder.join(name)).filter(|path| path.is_file()).collect()
}

/// The first line a program prints for one argument, when it succeeds.
fn answer(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    text.lines().next().map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(pairs: &[(&str, &str)]) -> Result<PathBuf, String> {
        tools_dir(&|name| pairs.iter().find(|pair| pair.0 == name).map(|pair| PathBuf::from(pair.1)))
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
    fn a_program_that_is_not_memcached_is_not_taken_for_one() {
        assert_eq!(memcached_version(Path::new("echo")), None);
    }
}
