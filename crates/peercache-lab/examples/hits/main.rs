//! How often the embedded engine hits, beside a memcached and an exact LRU of the same memory.
//!
//! Every request is a read, and what is missing is stored: on a trace, with the sizes that it has, and on
//! keys drawn from Zipf distributions. Each daemon is a process of its own with nothing else to do, and is
//! told by `-m` to take a share of what all objects take. memcached takes a page of 1 MiB for each class of
//! sizes, whatever it was told; the others may then take as much. What each process holds at the end is
//! printed.

mod daemon;
mod lru;
mod workload;

use daemon::Daemon;
use std::error::Error;
use std::path::PathBuf;
use workload::{Object, Workload};

const USAGE: &str = "hits TRACE [--memcached PROGRAM] [--peercache PROGRAM]";

/// The shares of the footprint that a cache is given, in percent.
const SHARES: [u64; 3] = [1, 5, 10];

/// How skewed the drawn keys are.
const ALPHAS: [f64; 3] = [0.8, 1.0, 1.2];

struct Arguments {
    trace: PathBuf,
    memcached: PathBuf,
    peercache: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    println!("{:<26} {:>8} {:>9} {:>20} {:>20}", "", "", "LRU", "memcached", "embedded");
    println!(
        "{:<26} {:>8} {:>9} {:>9} {:>10} {:>9} {:>10}",
        "requests", "memory", "hits %", "hits %", "holds MiB", "hits %", "holds MiB"
    );
    compare(&arguments, &Workload::trace(&arguments.trace)?)?;
    for alpha in ALPHAS {
        compare(&arguments, &Workload::zipf(alpha))?;
    }
    Ok(())
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (mut trace, mut memcached) = (None, PathBuf::from("memcached"));
    // Examples are built one folder below the programs.
    let mut peercache = std::env::current_exe()?.with_file_name("../peercache");
    while let Some(word) = words.next() {
        let mut value = || words.next().map(PathBuf::from).ok_or(format!("{word} needs a value: {USAGE}"));
        match word.as_str() {
            "--memcached" => memcached = value()?,
            "--peercache" => peercache = value()?,
            _ if trace.is_none() && !word.starts_with('-') => trace = Some(PathBuf::from(word)),
            _ => return Err(format!("{word:?} is not understood: {USAGE}").into()),
        }
    }
    let trace = trace.ok_or(format!("there is no trace: {USAGE}"))?;
    Ok(Arguments { trace, memcached, peercache })
}

/// A row of the table for each share of the workload's footprint.
fn compare(arguments: &Arguments, workload: &Workload) -> Result<(), Box<dyn Error>> {
    for share in SHARES {
        let memory_mb = (workload.footprint_bytes() * share / 100).div_ceil(1 << 20);
        let mut memcached = Daemon::memcached(&arguments.memcached, memory_mb)?;
        let theirs = replay(&mut memcached, &workload.requests)?;
        let memory_mb = memory_mb.max(memcached.slab_bytes()? >> 20);
        let lru = lru::hits(&workload.requests, memory_mb << 20);
        let mut embedded = Daemon::embedded(&arguments.peercache, memory_mb)?;
        let ours = replay(&mut embedded, &workload.requests)?;
        let percent = |hits: usize| 100.0 * hits as f64 / workload.requests.len() as f64;
        println!(
            "{:<26} {:>4} MiB {:>9.2} {:>9.2} {:>10.1} {:>9.2} {:>10.1}",
            format!("{}, {share} %", workload.name),
            memory_mb,
            percent(lru),
            percent(theirs),
            memcached.resident_mib()?,
            percent(ours),
            embedded.resident_mib()?,
        );
    }
    Ok(())
}

/// Asks for every object in turn and stores what is missing; says how many were there.
fn replay(daemon: &mut Daemon, requests: &[Object]) -> Result<usize, Box<dyn Error>> {
    let mut hits = 0;
    for object in requests {
        if daemon.has(object.id)? {
            hits += 1;
        } else {
            daemon.store(object.id, object.value_bytes as usize)?;
        }
    }
    Ok(hits)
}
