//! What `bench storm` is told.

use super::LINES;
use std::ops::Range;

/// What may follow `bench storm`, for the help.
pub(crate) const USAGE: &str = "[--secs N] [--connections N] [--memory MIB] [--threads N] [--reads PERCENT] \
     [--sizes FROM:TO] [--ttl SECS]";

/// What a value begins with: its key and its length, in decimal, with what is between and behind them.
pub(super) const HEAD_BYTES: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) secs: u32,
    pub(super) connections: u64,
    pub(super) memory_mib: u64,
    pub(super) threads: u64,
    pub(super) reads_percent: u64,
    pub(super) value_bytes: Range<u64>,
    /// The longest that a value lives; none lives for ever.
    pub(super) ttl_s: Option<u64>,
}

impl Options {
    pub(super) fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self {
            secs: 60,
            connections: 20,
            memory_mib: 256,
            threads: 1,
            reads_percent: 0,
            value_bytes: 64..1_000_000,
            ttl_s: None,
        };
        for pair in words.chunks(2) {
            let [flag, value] = pair else { return Err(format!("{} needs a value: {USAGE}", pair[0])) };
            let number = || value.parse::<u64>().map_err(|_| format!("{flag} takes a number, not {value:?}"));
            match flag.as_str() {
                "--secs" => options.secs = u32::try_from(number()?.max(u64::from(LINES))).unwrap_or(u32::MAX),
                "--connections" => options.connections = number()?.clamp(1, 1_000),
                "--memory" => options.memory_mib = number()?.max(1),
                "--threads" => options.threads = number()?.max(1),
                "--reads" => options.reads_percent = number()?.min(100),
                "--ttl" => options.ttl_s = Some(number()?.clamp(1, 1_000_000)),
                "--sizes" => options.value_bytes = sizes(value)?,
                other => return Err(format!("bench storm does not know {other:?}: {USAGE}")),
            }
        }
        Ok(options)
    }

    /// So many that all of them together take about four times the memory.
    pub(super) fn keys(&self) -> u64 {
        let Range { start, end } = self.value_bytes;
        // The mean of lengths whose logarithms are even.
        let mean = (end - start) as f64 / (end as f64 / start as f64).ln();
        (4.0 * (self.memory_mib << 20) as f64 / mean) as u64
    }
}

fn sizes(word: &str) -> Result<Range<u64>, String> {
    let parts = word.split_once(':').and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parts
        .filter(|range: &Range<u64>| HEAD_BYTES as u64 <= range.start && range.start < range.end)
        .ok_or_else(|| format!("--sizes takes FROM:TO in bytes, from {HEAD_BYTES} on, not {word:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_given_is_taken_and_what_cannot_be_is_refused() {
        let options = parse("--memory 64 --sizes 100:200 --reads 90 --ttl 5").unwrap();
        let Options { memory_mib, reads_percent, ttl_s, ref value_bytes, .. } = options;
        assert_eq!((memory_mib, value_bytes, reads_percent, ttl_s), (64, &(100..200), 90, Some(5)));
        assert!((1_800_000..1_900_000).contains(&options.keys()), "four times 64 MiB of 144 bytes");
        for (line, says) in [
            ("--memory", "needs a value"),
            ("--memory x", "takes a number"),
            ("--sizes 5:100", "from 32 on"),
            ("--sizes 200:100", "FROM:TO"),
            ("--fast 1", "does not know"),
        ] {
            assert!(parse(line).unwrap_err().contains(says), "{line}");
        }
    }
}
