//! Runs the fuzzers of the folder `fuzz`.
//!
//! They run with coverage and without a sanitizer, so the stable compiler will do: the code they try has no
//! `unsafe`. They begin with the corpus that is committed; what else they find goes below `target`, and what
//! makes one fail into `fuzz/artifacts`. To keep such a find, mend what it shows and copy it into the corpus,
//! which every run of the tests replays.

use crate::run::status;
use crate::tools;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Every fuzzer, as `fuzz/Cargo.toml` names them.
const TARGETS: [&str; 2] = ["request", "reply"];

/// The longest input that is tried, in bytes: longer ones are slow and say nothing new.
const INPUT_BYTES_MAX: usize = 2048;

/// Runs every fuzzer for its share of the minutes; an input that makes one fail is an error.
pub(crate) fn command(root: &Path, rest: &[String]) -> Result<(), String> {
    let seconds = minutes(rest)? * 60 / TARGETS.len() as u64;
    tools::cplusplus()?;
    TARGETS.iter().try_for_each(|target| run(target, seconds, root))
}

/// Reads `[--minutes N]`.
fn minutes(rest: &[String]) -> Result<u64, String> {
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    match words[..] {
        [] => Some(1),
        ["--minutes", number] => number.parse().ok().filter(|&minutes| 0 < minutes && minutes < 10_000),
        _ => None,
    }
    .ok_or_else(|| {
        format!("`fuzz` takes `--minutes` and a number from 1 up, and was given {:?}", rest.join(" "))
    })
}

fn run(target: &str, seconds: u64, root: &Path) -> Result<(), String> {
    println!("\n== fuzz {target}, {seconds} s");
    let found = root.join("target/fuzz-corpus").join(target);
    fs::create_dir_all(&found).map_err(|error| tools::cannot("create", &found, &error))?;
    let mut command = Command::new(tools::cargo_fuzz()?);
    command.args(["run", "--sanitizer", "none", "--target-dir"]).arg(root.join("target/fuzz"));
    command.arg(target).arg(&found).arg(root.join("fuzz/corpus").join(target)).arg("--");
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={INPUT_BYTES_MAX}"));
    command.args(["-dict=fuzz/memcached.dict", "-print_final_stats=1", "-verbosity=0"]);
    status(command.current_dir(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn a_minute_is_the_default_and_more_can_be_asked_for() {
        assert_eq!(minutes(&[]), Ok(1));
        assert_eq!(minutes(&words("--minutes 30")), Ok(30));
        for line in ["--minutes", "--minutes 0", "--minutes x", "--minutes 1 2", "--all", "30"] {
            assert!(minutes(&words(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn every_target_is_run() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        for target in TARGETS {
            assert!(
                manifest.contains(&format!("name = \"{target}\""))
                    && root.join("fuzz/corpus").join(target).is_dir()
            );
        }
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    }
}
