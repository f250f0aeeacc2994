//! The tests that npm's `memcached` ships, but for those of its connections, which dial addresses outside.

use super::SUITE_MAX;
use super::judge::Outcome;
use crate::daemons::run_within;
use crate::tools::{Tools, cannot};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// The file that dials.
const LEFT_OUT: &str = "memcached-connections.test.js";

pub(super) fn run(tools: &Tools, address: SocketAddr, folder: &Path) -> Result<Outcome, String> {
    let files = lay_out(tools, address, folder)?;
    let mut mocha = Command::new(&tools.node);
    mocha.arg(tools.node_modules.join("mocha/bin/mocha.js"));
    mocha.args(["--ui", "bdd", "--require", "should", "--timeout", "8000", "--exit", "--reporter", "tap"]);
    mocha.args(files).env("MEMCACHED__HOST", address.ip().to_string());
    let (_, printed) = run_within(SUITE_MAX, &mut mocha, folder)?;
    Ok(read(printed))
}

/// Copies the tests to where they find the package around them, as in its repository, and gives them our
/// port; returns the files to run.
fn lay_out(tools: &Tools, address: SocketAddr, folder: &Path) -> Result<Vec<String>, String> {
    let (from, to) = (tools.node_modules.join("memcached/test"), folder.join("test"));
    let write =
        |path: &Path, text: &str| fs::write(path, text).map_err(|error| cannot("write", path, &error));
    fs::create_dir(&to).map_err(|error| cannot("create", &to, &error))?;
    symlink(&tools.node_modules, folder.join("node_modules"))
        .map_err(|error| cannot("link", folder, &error))?;
    symlink(from.join("fixtures"), to.join("fixtures")).map_err(|error| cannot("link", &to, &error))?;
    write(&folder.join("index.js"), "module.exports = require('memcached');\n")?;
    let mut files = Vec::new();
    for entry in fs::read_dir(&from).map_err(|error| cannot("read", &from, &error))? {
        let name = entry.map_err(|error| cannot("read", &from, &error))?.file_name();
        let name = name.to_string_lossy().into_owned();
        if name == LEFT_OUT || !name.ends_with(".js") {
            continue;
        }
        let path = from.join(&name);
        let text = fs::read_to_string(&path).map_err(|error| cannot("read", &path, &error))?;
        write(&to.join(&name), &with_port(&text, address.port()))?;
        if name.ends_with(".test.js") {
            files.push(format!("test/{name}"));
        }
    }
    files.sort();
    Ok(files)
}

/// Replaces the fixed ports of the tests' three servers, which may all be the same one.
fn with_port(text: &str, port: u16) -> String {
    let fixed = ["':11211'", "':11212'", "':11213'"];
    fixed.iter().fold(text.to_string(), |text, fixed| text.replace(fixed, &format!("':{port}'")))
}

/// Reads TAP: `ok 1 NAME` and `not ok 2 NAME`.
fn read(printed: String) -> Outcome {
    let name = |line: &str| Some(line.strip_prefix("not ok ")?.split_once(' ')?.1.to_string());
    let passed = printed.lines().filter(|line| line.starts_with("ok ")).count();
    Outcome { passed, failed: printed.lines().filter_map(name).collect(), printed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_tap_are_read() {
        let outcome = read("1..2\nok 1 a\nnot ok 2 Memcached CAS b\n  Error: ok 3\n".to_string());
        assert_eq!((outcome.passed, outcome.failed), (1, vec!["Memcached CAS b".to_string()]));
    }

    #[test]
    fn every_server_of_the_tests_is_ours() {
        assert_eq!(with_port("a + ':11211', b + ':11213'", 7), "a + ':7', b + ':7'");
    }
}
