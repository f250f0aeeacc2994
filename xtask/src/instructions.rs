//! Counts the instructions of one operation under callgrind: the same number on every run, however busy the
//! machine is.
//!
//! A program that repeats the operation as often as its argument says runs twice, with two counts; the
//! difference leaves out everything that happens once.

use crate::daemons::target_dir;
use crate::run::{cargo, status};
use std::path::Path;
use std::process::Command;

/// The repetitions of the shorter run, and how many more the longer one makes.
const FEW: u64 = 1_000;
const MORE: u64 = 100_000;

/// What is counted: an example of a crate, and what one repetition is.
struct Counted {
    package: &'static str,
    example: &'static str,
    operation: &'static str,
}

const COUNTED: &[Counted] = &[Counted {
    package: "peercache-core",
    example: "lookups",
    operation: "two replicas of a 20-byte key, 64 peers x 100 vnodes, its loop included",
}];

/// Counts and prints every row of the table.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    require_valgrind()?;
    for counted in COUNTED {
        let Counted { package, example, operation } = counted;
        let build = ["build", "--release", "--package", package, "--example", example];
        status(cargo().args(build).current_dir(root))?;
        let program = target_dir(root).join("release/examples").join(example);
        let difference = count(&program, FEW + MORE)? - count(&program, FEW)?;
        println!("{:>8.1} instructions: {operation}", difference / MORE as f64);
    }
    Ok(())
}

/// Nothing else counts instructions.
pub(crate) fn require_valgrind() -> Result<(), String> {
    match Command::new("valgrind").arg("--version").output() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "instructions are counted by valgrind, which does not run ({error}): apt-get install valgrind"
        )),
    }
}

/// The instructions of a whole run.
fn count(program: &Path, repetitions: u64) -> Result<f64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = valgrind.arg(program).arg(repetitions.to_string()).output();
    let output = output.map_err(|error| format!("cannot run valgrind: {error}"))?;
    let words = String::from_utf8_lossy(&output.stderr);
    collected(&words).ok_or_else(|| format!("valgrind did not count {}: {words}", program.display()))
}

/// Reads callgrind's line `==123== Collected : 4547410`.
fn collected(words: &str) -> Option<f64> {
    words.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_among_other_lines() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 4547410\n"), Some(4_547_410.0));
        assert_eq!(collected("nothing"), None);
    }
}
