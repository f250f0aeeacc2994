//! `bench storm`: reads and writes of values of all sizes, more than the memory holds, as long as one likes:
//! whether the engine stays within its memory, and whether anybody ever waits for it to make room.
//!
//! Each connection asks one thing at a time, and every answer is checked. It refuses to judge: it prints a
//! line for each tenth of the time, and the most that was ever held.

mod client;
mod options;

pub(crate) use options::USAGE;

use super::process;
use crate::daemons::{self, Daemon, target_dir};
use crate::run::{cargo, status};
use client::Client;
use hdrhistogram::Histogram;
use options::Options;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// How often the memory of the engine is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Lines that are printed.
const LINES: u32 = 10;

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
