//! Test suites of other people, run against what memcached clients may meet: memcached itself, which guards
//! the counts, and what we serve.
//!
//! A suite is one file, and so is the table of what is tested. Every pair of the two is a job with daemons of
//! its own, because the suites empty what they are given. A suite that runs fewer tests than it has is an
//! error, as one that fails is.

mod judge;
mod memccapable;
mod node;
mod pymemcache;

use crate::daemons::target_dir;
use crate::subjects::Subject;
use crate::tools::Tools;
use judge::{Outcome, judge};
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a suite may take; the slowest needs ten seconds on a machine that is not busy.
const SUITE_MAX: Duration = Duration::from_secs(300);

/// Somebody's tests.
struct Suite {
    name: &'static str,
    /// How many there are, skipped ones apart.
    tests: usize,
    /// Runs them against an address, which they empty, with a folder for what they write.
    run: fn(&Tools, SocketAddr, &Path) -> Result<Outcome, String>,
}

/// All of them, the slowest first.
const SUITES: &[Suite] = &[
    Suite { name: "pymemcache", tests: 200, run: pymemcache::run },
    Suite { name: "memccapable", tests: 27, run: memccapable::run },
    Suite { name: "node memcached", tests: 36, run: node::run },
];

/// What every job needs.
struct Bench {
    tools: Tools,
    peercache: PathBuf,
}

/// The step of `cargo xtask test`: every suite against everything in the table of subjects.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    command(root, &[])
}

/// `cargo xtask suites [SUBJECT]…`: the same for subjects that the arguments name, or for all.
pub(crate) fn command(root: &Path, arguments: &[String]) -> Result<(), String> {
    let subjects = Subject::all_or(arguments)?;
    let bench = Bench { tools: Tools::find(root)?, peercache: target_dir(root).join("debug/peercache") };
    let jobs: Vec<(&Suite, &Subject)> =
        SUITES.iter().flat_map(|suite| subjects.iter().map(move |subject| (suite, subject))).collect();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((suite, subject)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let started = Instant::now();
            let verdict = perform(&bench, suite, subject);
            let (name, seconds) =
                (format!("{} on {}", suite.name, subject.name), started.elapsed().as_secs_f64());
            match verdict {
                Ok(counts) => println!("{name:<48} {seconds:>6.1} s  {counts}"),
                Err(why) => {
                    println!("{name:<48} {seconds:>6.1} s  FAILED: {why}");
                    failed.lock().expect("no holder of this lock panics").push(name);
                }
            }
        }
    };
    // Suites wait more than they compute, and an address of the user's own is emptied by one suite at a time.
    let is_shared = subjects.iter().any(Subject::is_shared);
    let threads = if is_shared { 1 } else { thread::available_parallelism().map_or(1, NonZero::get) };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().expect("no holder of this lock panics");
    if failed.is_empty() { Ok(()) } else { Err(format!("suites failed: {}", failed.join(", "))) }
}

fn perform(bench: &Bench, suite: &Suite, subject: &Subject) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let running = subject.start(&bench.peercache, folder.path())?;
    let outcome = (suite.run)(&bench.tools, running.address(), folder.path())?;
    judge(suite.tests, &outcome)
}
