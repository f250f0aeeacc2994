//! The integration tests that pymemcache ships: five kinds of client, two kinds of sockets.

use super::SUITE_MAX;
use super::judge::Outcome;
use crate::daemons::run_within;
use crate::tools::Tools;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

pub(super) fn run(tools: &Tools, address: SocketAddr, folder: &Path) -> Result<Outcome, String> {
    let mut pytest = Command::new(&tools.python);
    pytest.args(["-m", "pytest", "-q", "-rfE", "--tb=short", "-p", "no:cacheprovider", "-W", "ignore"]);
    // Given as a folder: pytest then reads the options that the tests add before it reads ours.
    pytest.arg(folder_of_tests(&tools.python)?).args(["-m", "integration"]);
    pytest.arg("--server").arg(address.ip().to_string()).arg("--port").arg(address.port().to_string());
    let (_, printed) = run_within(SUITE_MAX, &mut pytest, folder)?;
    Ok(read(printed))
}

fn folder_of_tests(python: &Path) -> Result<String, String> {
    let script = "import pymemcache.test as tests; print(tests.__path__[0])";
    let output = Command::new(python).args(["-c", script]).output();
    let output = output.map_err(|error| format!("cannot start {}: {error}", python.display()))?;
    let path = String::from_utf8_lossy(&output.stdout).trim().to_string();
    if path.is_empty() { Err("pymemcache is installed without its tests".to_string()) } else { Ok(path) }
}

/// Reads the lines `FAILED FILE::NAME - WHY` and the last one, `12 failed, 188 passed, 6 skipped in 5.61s`.
fn read(printed: String) -> Outcome {
    let last = printed.lines().rfind(|line| line.contains(" passed") && line.contains(" in ")).unwrap_or("");
    let count = |part: &str| part.trim().strip_suffix(" passed")?.parse().ok();
    let passed = last.split(',').map(|part| part.split(" in ").next().unwrap_or(part)).find_map(count);
    let name = |line: &str| {
        let test = line.strip_prefix("FAILED ").or_else(|| line.strip_prefix("ERROR "))?;
        Some(test.split(" - ").next().unwrap_or(test).to_string())
    };
    let failed = printed.lines().filter_map(name).collect();
    Outcome { passed: passed.unwrap_or(0), failed, printed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_and_failed_tests_are_read() {
        let outcome = read(
            "..F.\nFAILED a.py::test_misc[socket-x] - Error: 1 passed, no\nERROR a.py::b\n\
             1 failed, 188 passed, 6 skipped, 1 error in 5.61s\n"
                .to_string(),
        );
        assert_eq!(outcome.passed, 188);
        assert_eq!(outcome.failed, ["a.py::test_misc[socket-x]", "a.py::b"]);
        assert_eq!(read("200 passed in 3.1s\n".to_string()).passed, 200);
        assert_eq!(read("no tests ran in 0.1s\n".to_string()).passed, 0);
    }
}
