//! Runs the fuzzers of the folder `fuzz`.
//!
//! They run with coverage and without a sanitizer, so the stable compiler will do: the code they try has no
//! `unsafe`. They begin with the corpus that is committed; what else they find goes below `target`, and what
//! makes one fail into `fuzz/artifacts`. To keep such a find, mend what it shows and copy it into the corpus,
//! which every run of the tests replays.

use crate::daemons::{self, Daemon};
use crate::run::status;
use crate::tools;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A fuzzer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Target {
    /// As `fuzz/Cargo.toml` names it.
    name: &'static str,
    /// The corpora that it begins with; its own is the first.
    corpora: &'static [&'static str],
    input: Input,
}

/// What a fuzzer makes of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// What clients and peers send, which has words.
    Words,
    /// Operations, a line each.
    Operations,
    /// The same, which a memcached is asked too.
    OperationsWithMemcached,
}

/// Every fuzzer.
const TARGETS: [Target; 4] = [
    Target { name: "request", corpora: &["request"], input: Input::Words },
    Target { name: "reply", corpora: &["reply"], input: Input::Words },
    Target { name: "store", corpora: &["store", "memcached"], input: Input::Operations },
    Target { name: "memcached", corpora: &["memcached", "store"], input: Input::OperationsWithMemcached },
];

/// How long they run where nothing else is said: half a minute each.
const MINUTES: u64 = 2;

/// The longest input that is tried, in bytes: longer ones are slow and say nothing new.
const INPUT_BYTES_MAX: usize = 2048;

/// Where the fuzzer `memcached` finds one.
const MEMCACHED_ADDRESS: &str = "PEERCACHE_FUZZ_MEMCACHED";

/// Runs every fuzzer that is named, or all, for its share of the minutes; an input that makes one fail is an
/// error.
pub(crate) fn command(root: &Path, rest: &[String]) -> Result<(), String> {
    let (minutes, targets) = read(rest)?;
    let seconds = minutes * 60 / targets.len() as u64;
    tools::cplusplus()?;
    targets.iter().try_for_each(|target| run(target, seconds, root))
}

/// Reads `[--minutes N] [NAME]...`.
fn read(rest: &[String]) -> Result<(u64, Vec<Target>), String> {
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    let (minutes, names) = match words[..] {
        ["--minutes", number, ref names @ ..] => (number.parse().unwrap_or(0), names),
        ref names => (MINUTES, names),
    };
    let find = |name: &&str| TARGETS.into_iter().find(|target| target.name == *name);
    let targets: Option<Vec<Target>> = names.iter().map(find).collect();
    match targets {
        Some(targets) if (1..10_000).contains(&minutes) => {
            Ok((minutes, if targets.is_empty() { TARGETS.to_vec() } else { targets }))
        }
        _ => Err(format!(
            "`fuzz` takes `--minutes` and a number from 1 up, and names of {}; it was given {:?}",
            TARGETS.map(|target| target.name).join(", "),
            rest.join(" ")
        )),
    }
}

fn run(target: &Target, seconds: u64, root: &Path) -> Result<(), String> {
    println!("\n== fuzz {}, {seconds} s", target.name);
    let found = root.join("target/fuzz-corpus").join(target.name);
    fs::create_dir_all(&found).map_err(|error| tools::cannot("create", &found, &error))?;
    let mut command = Command::new(tools::cargo_fuzz()?);
    command.args(["run", "--sanitizer", "none", "--target-dir"]).arg(root.join("target/fuzz"));
    command.arg(target.name).arg(&found);
    command.args(target.corpora.iter().map(|corpus| root.join("fuzz/corpus").join(corpus))).arg("--");
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={INPUT_BYTES_MAX}"));
    command.args(["-print_final_stats=1", "-verbosity=0"]);
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let mut memcached: Option<Daemon> = None;
    match target.input {
        Input::Words => drop(command.arg("-dict=fuzz/memcached.dict")),
        Input::Operations => {}
        Input::OperationsWithMemcached => {
            let daemon = memcached.insert(daemons::memcached_with(folder.path(), MEMCACHED_OPTIONS)?);
            command.env(MEMCACHED_ADDRESS, daemon.address.to_string());
        }
    }
    status(command.current_dir(root))
}

/// The item limit that the fuzzer expects; and nobody works on items beside those who are asked for them,
/// because memcached counts in a new item where somebody does.
const MEMCACHED_OPTIONS: &[&str] = &["-I", "512k", "-o", "no_lru_maintainer,no_lru_crawler"];

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn minutes_and_names_can_be_chosen() {
        let names = |line: &str| {
            read(&words(line)).map(|(minutes, targets)| {
                (minutes, targets.iter().map(|target| target.name).collect::<Vec<_>>())
            })
        };
        let all = vec!["request", "reply", "store", "memcached"];
        assert_eq!(names(""), Ok((2, all.clone())));
        assert_eq!(names("--minutes 30"), Ok((30, all)));
        assert_eq!(names("--minutes 30 store reply"), Ok((30, vec!["store", "reply"])));
        assert_eq!(names("store"), Ok((2, vec!["store"])));
        for line in ["--minutes", "--minutes 0", "--minutes x", "--minutes 1 2", "--all", "30"] {
            assert!(read(&words(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn every_target_is_run() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        for Target { name, corpora, .. } in TARGETS {
            assert_eq!(corpora[0], name);
            assert!(manifest.contains(&format!("name = \"{name}\"")));
            assert!(corpora.iter().all(|corpus| root.join("fuzz/corpus").join(corpus).is_dir()));
        }
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    }
}
