//! The arguments of `bench compare`.

use super::work::Work;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What may follow `bench compare`, for the help.
pub(crate) const USAGE: &str = "[--against nutcracker|memcached]... [--ours COPIES|none]... [--hash HASH] \
     [--target HOST:PORT=NAME]... [--work COMMAND:VALUE_BYTES:DEPTH]... [--runs N] [--secs S] [--keys N] \
     [--connections N] [--pin yes|no] [--json FILE]";

/// Something that others made, started for the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rival {
    /// A proxy over the same peers.
    Nutcracker,
    /// One memcached, asked directly: what nothing in front of it costs.
    Memcached,
}

/// Where everything runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pin {
    /// The generator on one processor, all else on another.
    Apart,
    /// Anything anywhere: for targets with several threads.
    Nobody,
}

/// Everything that can be chosen.
#[derive(Debug)]
pub(super) struct Options {
    /// The first is the reference of all ratios.
    pub(super) against: Vec<Rival>,
    /// A proxy of ours for each, with so many copies.
    pub(super) ours: Vec<usize>,
    /// How ours places keys; none for its default.
    pub(super) hash: Option<String>,
    /// What already runs elsewhere on this machine, with its name in the table. It is kept on the targets'
    /// processor as all others are; what stands behind it is not.
    pub(super) targets: Vec<(SocketAddr, String)>,
    pub(super) works: Vec<Work>,
    pub(super) runs: usize,
    pub(super) secs: u64,
    pub(super) keys: u32,
    pub(super) connections: usize,
    /// Whether the generator and everything else get a processor each; if not, all may use all.
    pub(super) pin: Pin,
    pub(super) json: Option<PathBuf>,
}

/// Values small and of 1 KiB, alone and pipelined.
const WORKS: &[&str] =
    &["get:32:1", "get:32:16", "get:1024:1", "set:32:1", "set:32:16", "set:1024:1", "mget:32:1:10"];

/// What the keys of a run may take in one peer of 64 MiB, with room for what a slab wastes.
const STORED_BYTES_MAX: u64 = 40 << 20;

/// What memcached keeps beside a value: its header, the key, the line end.
const ITEM_OVERHEAD_BYTES: u64 = 80;

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            against: Vec::new(),
            ours: Vec::new(),
            hash: None,
            targets: Vec::new(),
            works: Vec::new(),
            runs: 5,
            secs: 2,
            keys: 20_000,
            connections: 50,
            pin: Pin::Apart,
            json: None,
        };
        let mut ours_given = false;
        let mut words = arguments.iter();
        while let Some(flag) = words.next() {
            let value = words.next().ok_or_else(|| format!("{flag} needs a value; usage: {USAGE}"))?;
            match flag.as_str() {
                "--against" => options.against.push(rival(value)?),
                "--ours" => {
                    ours_given = true;
                    if value != "none" {
                        options.ours.push(number(flag, value, 1..=8)?);
                    }
                }
                "--hash" => options.hash = Some(value.clone()),
                "--target" => options.targets.push(target(value)?),
                "--work" => options.works.push(value.parse()?),
                "--runs" => options.runs = number(flag, value, 1..=1000)?,
                "--secs" => options.secs = number(flag, value, 1..=3600)?,
                "--keys" => options.keys = number(flag, value, 1..=10_000_000)?,
                "--connections" => options.connections = number(flag, value, 1..=10_000)?,
                "--pin" => options.pin = pin(value)?,
                "--json" => options.json = Some(PathBuf::from(value)),
                other => return Err(format!("bench compare does not know {other:?}; usage: {USAGE}")),
            }
        }
        if options.against.is_empty() {
            options.against = vec![Rival::Nutcracker];
        }
        if !ours_given {
            options.ours = vec![1, 2];
        }
        if options.works.is_empty() {
            options.works = WORKS.iter().map(|work| work.parse()).collect::<Result<_, _>>()?;
        }
        options.check_size()
    }

    /// A cache that forgets makes misses, and a comparison of misses says nothing.
    fn check_size(self) -> Result<Self, String> {
        for work in &self.works {
            if u64::from(self.keys) * (work.value_bytes as u64 + ITEM_OVERHEAD_BYTES) > STORED_BYTES_MAX {
                return Err(format!("{} keys of {work} do not fit into one peer: lower --keys", self.keys));
            }
        }
        Ok(self)
    }
}

fn rival(word: &str) -> Result<Rival, String> {
    match word {
        "nutcracker" => Ok(Rival::Nutcracker),
        "memcached" => Ok(Rival::Memcached),
        other => Err(format!("{other:?} is nothing to compare with: nutcracker or memcached")),
    }
}

fn pin(word: &str) -> Result<Pin, String> {
    match word {
        "yes" => Ok(Pin::Apart),
        "no" => Ok(Pin::Nobody),
        other => Err(format!("--pin takes yes or no, not {other:?}")),
    }
}

/// Reads `HOST:PORT=NAME`.
fn target(word: &str) -> Result<(SocketAddr, String), String> {
    let parts =
        word.split_once('=').and_then(|(address, name)| Some((address.parse().ok()?, name.to_string())));
    let is_near = |(address, _): &(SocketAddr, String)| address.ip().is_loopback();
    parts.filter(is_near).ok_or_else(|| format!("{word:?} is no target: write 127.0.0.1:PORT=NAME"))
}

fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    flag: &str,
    word: &str,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, String> {
    let number = word.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        format!("{flag} takes a number from {} to {}, not {word:?}", range.start(), range.end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn without_arguments_it_is_nutcracker_against_one_and_two_copies() {
        let options = parse("").unwrap();
        assert_eq!((options.against, options.ours), (vec![Rival::Nutcracker], vec![1, 2]));
        assert_eq!(options.works.len(), WORKS.len());
    }

    #[test]
    fn what_is_given_is_taken() {
        let options = parse(
            "--ours none --against memcached --against nutcracker --work get:8:1 --target 127.0.0.1:1=a",
        );
        let options = options.unwrap();
        assert_eq!(options.against, [Rival::Memcached, Rival::Nutcracker]);
        assert!(options.ours.is_empty() && options.works.len() == 1 && options.targets[0].1 == "a");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        for (line, says) in [
            ("--runs", "needs a value"),
            ("--runs 0", "from 1 to 1000"),
            ("--fast 1", "does not know"),
            ("--against redis", "nothing to compare"),
            ("--pin maybe", "yes or no"),
            ("--target 192.0.2.1:1=far", "no target"),
            ("--work get:1024:1 --keys 100000", "lower --keys"),
        ] {
            assert!(parse(line).unwrap_err().contains(says), "{line}");
        }
    }
}
