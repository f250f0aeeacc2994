//! `bench instructions`: how many instructions the proxy needs for a request, counted by callgrind while the
//! generator of `bench compare` loads it. What else the machine does changes the count hardly at all: only by
//! how many requests come together in a turn.

use super::load::Load;
use super::sample::{self, Sample};
use super::work::Work;
use crate::daemons::{self, Proxy, target_dir};
use crate::instructions::require_valgrind;
use crate::run::{cargo, status};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What may follow `bench instructions`, for the help.
pub(crate) const USAGE: &str = "[COPIES] [COMMAND:VALUE_BYTES:DEPTH]...";

/// What is counted where nothing is named.
const WORKS: &[&str] = &["get:32:1", "get:32:16", "set:32:1", "set:32:16", "mget:32:1:100"];

const PEERS: usize = 4;
const KEYS: u32 = 10_000;
const CONNECTIONS: usize = 50;

/// How long each is loaded; callgrind makes it about fifty times slower.
const LOADED: Duration = Duration::from_secs(10);

/// Counts, and prints a line for each work.
pub(crate) fn instructions(root: &Path, arguments: &[String]) -> Result<(), String> {
    let (copies, works) = parse(arguments)?;
    require_valgrind()?;
    let packages = ["--package", "peercache", "--package", "xtask"];
    status(cargo().args(["build", "--release", "--bins"]).args(packages).current_dir(root))?;
    let programs = target_dir(root).join("release");
    let (peercache, generator) = (programs.join("peercache"), programs.join("xtask"));
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let peers = (0..PEERS).map(|_| daemons::memcached(folder.path())).collect::<Result<Vec<_>, _>>()?;
    let addresses: Vec<_> = peers.iter().map(|peer| peer.address).collect();
    let under = &["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let proxy = Proxy { under, ..Proxy::over(&addresses, copies) };
    let proxy = daemons::proxy(&peercache, proxy, folder.path())?;
    let take = |work, fill| {
        let (address, pid) = (proxy.address, proxy.pid());
        let (keys, connections, duration) = (KEYS, CONNECTIONS, LOADED);
        let load = Load { address, work, connections, keys, duration, fill, cpu: None, seed: 1 };
        sample::take(&generator, pid, &[pid], load).and_then(faultless)
    };
    println!("instructions a request, {copies} of each key");
    for work in works {
        take(work, true)?;
        let before = executed(proxy.pid())?;
        let sample = take(work, false)?;
        println!("{:>9.0}  {work}", (executed(proxy.pid())? - before) / sample.requests);
    }
    Ok(())
}

/// Reads how many copies there are, one if that is not said, and what is to be counted.
fn parse(arguments: &[String]) -> Result<(usize, Vec<Work>), String> {
    let copies = arguments.first().and_then(|word| word.parse().ok());
    let words = &arguments[usize::from(copies.is_some())..];
    let copies = copies.unwrap_or(1);
    if !(1..=PEERS).contains(&copies) {
        return Err(format!("there can be 1 to {PEERS} copies, not {copies}"));
    }
    let named: Vec<&str> = words.iter().map(String::as_str).collect();
    let works = if named.is_empty() { WORKS } else { &named };
    Ok((copies, works.iter().map(|work| work.parse()).collect::<Result<_, _>>()?))
}

fn faultless(sample: Sample) -> Result<Sample, String> {
    if sample.bad() > 0 { Err(format!("{} answers were missing or wrong", sample.bad())) } else { Ok(sample) }
}

/// How many instructions a process under callgrind has executed so far.
fn executed(pid: u32) -> Result<f64, String> {
    let output = Command::new("callgrind_control").args(["-e", &pid.to_string()]).output();
    let output = output.map_err(|error| format!("cannot run callgrind_control: {error}"))?;
    let words = String::from_utf8_lossy(&output.stdout);
    total(&words).ok_or_else(|| format!("callgrind_control told no count: {words}"))
}

/// Adds up the lines `  Th 1  300,336`, one a thread.
fn total(words: &str) -> Option<f64> {
    let counts = words.lines().filter_map(|line| line.trim().strip_prefix("Th ")?.split_whitespace().nth(1));
    counts.map(|count| count.replace(',', "").parse().ok()).reduce(|sum, count| Some(sum? + count?))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(usize, Vec<String>), String> {
        let words: Vec<_> = line.split_whitespace().map(String::from).collect();
        parse(&words).map(|(copies, works)| (copies, works.iter().map(Work::to_string).collect()))
    }

    #[test]
    fn copies_come_first_and_both_may_be_left_out() {
        assert_eq!(parsed("").unwrap(), (1, WORKS.iter().map(|work| (*work).to_string()).collect()));
        assert_eq!(parsed("2 set:1024:16").unwrap(), (2, vec!["set:1024:16".to_string()]));
        assert_eq!(parsed("get:32:1").unwrap(), (1, vec!["get:32:1".to_string()]));
        assert!(parsed("9").unwrap_err().contains("1 to 4"));
        assert!(parsed("1 nonsense").unwrap_err().contains("nonsense"));
    }

    #[test]
    fn the_counts_of_all_threads_are_added_up() {
        let words = "PID 7: peercache proxy\n\n  Totals:     Ir \n   Th 1  300,336 \n   Th 2  1,000,000 \n";
        assert_eq!(total(words), Some(1_300_336.0));
        assert_eq!(total("Error: no such process\n"), None);
    }
}
