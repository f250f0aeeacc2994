//! `bench storm`: reads and writes of values of all sizes, more than the memory holds, as long as one likes:
//! whether the engine stays within its memory, and whether anybody ever waits for it to make room.
//!
//! Each connection asks one thing at a time, and every answer is checked. It refuses to judge: it prints a
//! line for each tenth of the time, and the most that was ever held.

use super::process;
use crate::daemons::{self, Daemon, target_dir};
use crate::run::{cargo, status};
use hdrhistogram::Histogram;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// What may follow `bench storm`, for the help.
pub(crate) const USAGE: &str = "[--secs N] [--connections N] [--memory MIB] [--threads N] [--reads PERCENT] \
     [--sizes FROM:TO] [--ttl SECS]";

/// How often the memory of the engine is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Lines that are printed.
const LINES: u32 = 10;

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Options {
    secs: u32,
    connections: u64,
    memory_mib: u64,
    threads: u64,
    reads_percent: u64,
    value_bytes: Range<u64>,
    /// The longest that a value lives; none lives for ever.
    ttl_s: Option<u64>,
}

impl Options {
    fn parse(words: &[String]) -> Result<Self, String> {
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
    fn keys(&self) -> u64 {
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

/// Runs the storm and prints what it did.
pub(crate) fn storm(root: &Path, words: &[String]) -> Result<(), String> {
    let options = Options::parse(words)?;
    let mut build = cargo();
    build.args(["build", "--release", "--package", "peercache"]);
    status(build.current_dir(root))?;
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let (memory, threads) = (options.memory_mib.to_string(), options.threads.to_string());
    let flags = ["-m", &memory, "-t", &threads, "-c", "4096"];
    let engine = daemons::embedded(&target_dir(root).join("release/peercache"), &flags, folder.path())?;
    println!("seconds   ops/s  hits %   p50 us   p99 us  p99.9 us   max us  MiB held  over the limit");
    let empty_mib = resident_mib(&engine)?;
    let shared = Shared::default();
    thread::scope(|scope| {
        for number in 0..options.connections {
            let client = Client::new(&options, engine.address, number);
            scope.spawn(|| match client.and_then(|mut client| client.run(&shared)) {
                Ok(()) => {}
                Err(why) => shared.fail(why),
            });
        }
        let seen = watch(&options, &engine, empty_mib, &shared);
        shared.is_over.store(true, Relaxed);
        seen
    })?;
    match shared.failure.into_inner() {
        Ok(None) => Ok(()),
        Ok(Some(why)) => Err(why),
        Err(_) => Err("a client panicked".to_string()),
    }
}

/// Prints a line for each tenth of the time.
fn watch(options: &Options, engine: &Daemon, empty_mib: f64, shared: &Shared) -> Result<(), String> {
    let limit_mib = options.memory_mib as f64;
    let over = |held: f64| (held / limit_mib - 1.0) * 100.0;
    let line_lasts = Duration::from_secs(u64::from(options.secs)) / LINES;
    let (started, mut most_mib) = (Instant::now(), 0.0_f64);
    for line in 1..=LINES {
        let mut held = 0.0_f64;
        while started.elapsed() < line_lasts * line && !shared.is_over.load(Relaxed) {
            held = held.max(resident_mib(engine)?);
            thread::sleep(LOOK);
        }
        most_mib = most_mib.max(held);
        let Tally { latencies, reads, hits } = shared.take();
        let micros = |quantile| latencies.value_at_quantile(quantile) as f64 / 1000.0;
        println!(
            "{:>7} {:>7.0} {:>7.1} {:>8.0} {:>8.0} {:>9.0} {:>8.0} {held:>9.1} {:>13.1} %",
            started.elapsed().as_secs(),
            latencies.len() as f64 / line_lasts.as_secs_f64(),
            hits as f64 * 100.0 / reads.max(1) as f64,
            micros(0.5),
            micros(0.99),
            micros(0.999),
            latencies.max() as f64 / 1000.0,
            over(held),
        );
    }
    println!(
        "it held at most {most_mib:.1} MiB, {:.1} % over the limit; without the {empty_mib:.1} MiB that it \
         held empty, {:.1} %",
        over(most_mib),
        over(most_mib - empty_mib),
    );
    Ok(())
}

fn resident_mib(engine: &Daemon) -> Result<f64, String> {
    let kib = process::resident_kib(engine.pid()).map_err(|error| format!("the engine: {error}"))?;
    Ok(kib as f64 / 1024.0)
}

/// What all clients share with whoever watches.
#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    tally: Mutex<Tally>,
    failure: Mutex<Option<String>>,
}

impl Shared {
    fn take(&self) -> Tally {
        self.tally.lock().map(|mut tally| std::mem::take(&mut *tally)).unwrap_or_default()
    }

    fn fail(&self, why: String) {
        if let Ok(mut failure) = self.failure.lock() {
            failure.get_or_insert(why);
        }
        self.is_over.store(true, Relaxed);
    }
}

#[derive(Debug)]
struct Tally {
    latencies: Histogram<u64>,
    reads: u64,
    hits: u64,
}

impl Default for Tally {
    fn default() -> Self {
        let latencies = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order");
        Self { latencies, reads: 0, hits: 0 }
    }
}

/// What a value begins with: its key and its length, in decimal, with what is between and behind them.
const HEAD_BYTES: usize = 32;

/// One connection.
struct Client<'a> {
    options: &'a Options,
    reader: BufReader<TcpStream>,
    /// xorshift.
    random: u64,
    request: Vec<u8>,
    value: Vec<u8>,
}

impl<'a> Client<'a> {
    fn new(options: &'a Options, address: SocketAddr, number: u64) -> Result<Self, String> {
        let open = || {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let stream = open().map_err(|error: std::io::Error| format!("{address}: {error}"))?;
        let random = 0x9e37_79b9_7f4a_7c15 ^ (number + 1).wrapping_mul(0x2545_f491_4f6c_dd1d);
        let reader = BufReader::with_capacity(1 << 16, stream);
        Ok(Self { options, reader, random, request: Vec::new(), value: Vec::new() })
    }

    fn run(&mut self, shared: &Shared) -> Result<(), String> {
        while !shared.is_over.load(Relaxed) {
            let key = self.draw() % self.options.keys();
            let is_read = self.draw() % 100 < self.options.reads_percent;
            let began = Instant::now();
            let hit = if is_read { self.read(key)? } else { self.write(key).map(|()| false)? };
            let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let mut tally = shared.tally.lock().map_err(|_| "another client panicked".to_string())?;
            tally.latencies.saturating_record(nanos);
            tally.reads += u64::from(is_read);
            tally.hits += u64::from(hit);
        }
        Ok(())
    }

    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }

    /// A length whose logarithm is even.
    fn draw_length(&mut self) -> usize {
        let Range { start, end } = self.options.value_bytes;
        let even = (self.draw() & 0xffff_ffff) as f64 / f64::from(u32::MAX);
        (start as f64 * (end as f64 / start as f64).powf(even)) as usize
    }

    fn write(&mut self, key: u64) -> Result<(), String> {
        let length = self.draw_length();
        let ttl_s = self.options.ttl_s.map_or(0, |longest| 1 + self.draw() % longest);
        self.request.clear();
        append(&mut self.request, format_args!("set k:{key} 0 {ttl_s} {length}\r\n"));
        let start = self.request.len();
        append(&mut self.request, format_args!("{key} {length} "));
        self.request.resize(start + length, b'.');
        self.request.extend_from_slice(b"\r\n");
        match self.ask()?.as_str() {
            "STORED" => Ok(()),
            other => Err(format!("a set of {length} bytes was answered {other:?}")),
        }
    }

    /// Whether it was there; a wrong value is an error.
    fn read(&mut self, key: u64) -> Result<bool, String> {
        self.request.clear();
        append(&mut self.request, format_args!("get k:{key}\r\n"));
        let line = self.ask()?;
        if line == "END" {
            return Ok(false);
        }
        let wrong = || format!("a get of k:{key} was answered {line:?}");
        let length = line.strip_prefix(&format!("VALUE k:{key} 0 ")).and_then(|word| word.parse().ok());
        let length: usize = length.ok_or_else(wrong)?;
        self.value.resize(length + b"\r\nEND\r\n".len(), 0);
        self.reader.read_exact(&mut self.value).map_err(|error| format!("a value was cut off: {error}"))?;
        let mut head = Vec::new();
        append(&mut head, format_args!("{key} {length} "));
        let is_right = self.value.starts_with(&head) && self.value.ends_with(b"\r\nEND\r\n");
        if is_right { Ok(true) } else { Err(format!("{} with another value", wrong())) }
    }

    fn ask(&mut self) -> Result<String, String> {
        let mut answer = String::new();
        let mut exchange = || {
            self.reader.get_mut().write_all(&self.request)?;
            self.reader.read_line(&mut answer)
        };
        exchange().map_err(|error| format!("no answer: {error}"))?;
        answer.truncate(answer.trim_end().len());
        Ok(answer)
    }
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector does not fail.
    let _ = out.write_fmt(text);
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
