//! memccapable of libmemcached: raw bytes of the text protocol, with and without `noreply`.

use super::SUITE_MAX;
use super::judge::Outcome;
use crate::daemons::run_within;
use crate::tools::Tools;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Seconds it waits for an answer.
const ANSWER_SECS: &str = "5";

pub(super) fn run(tools: &Tools, address: SocketAddr, folder: &Path) -> Result<Outcome, String> {
    let mut program = Command::new(&tools.memccapable);
    program.args(["-a", "-t", ANSWER_SECS, "-h"]).arg(address.ip().to_string());
    program.arg("-p").arg(address.port().to_string());
    let (_, printed) = run_within(SUITE_MAX, &mut program, folder)?;
    Ok(read(printed))
}

/// Reads lines such as `ascii set    [pass]`; every other word in brackets at the end is a failure.
fn read(printed: String) -> Outcome {
    let mut outcome = Outcome::default();
    for line in printed.lines() {
        let Some((name, verdict)) = line.strip_suffix(']').and_then(|line| line.rsplit_once('[')) else {
            continue;
        };
        match verdict {
            "pass" => outcome.passed += 1,
            _ => outcome.failed.push(name.trim().to_string()),
        }
    }
    Outcome { printed, ..outcome }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_verdict() {
        let outcome = read("ascii set    [pass]\nascii get  [FAIL]\nAll tests passed\n".to_string());
        assert_eq!((outcome.passed, outcome.failed), (1, vec!["ascii get".to_string()]));
    }
}
