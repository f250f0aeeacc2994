//! What each task does, as data: to change what "done" means, change the tables of this file and nothing
//! else.
//!
//! Steps run in order and the first that fails ends the task, so cheap steps come first. No step may be
//! skipped and none judges by the clock.

use crate::{bench, clients, fuzz, instructions, suites, tidy, tools};
use std::path::Path;

/// A verb of `cargo xtask`.
#[derive(Debug)]
pub(crate) struct Task {
    /// The word that is typed.
    pub(crate) name: &'static str,
    /// One line for the help.
    pub(crate) about: &'static str,
    /// Its steps, group by group.
    pub(crate) groups: &'static [&'static [Step]],
    /// What `--all` adds; a task with none does not know the flag.
    pub(crate) longer: &'static [Step],
}

/// One step of a task; its time is printed at the end.
#[derive(Debug)]
pub(crate) struct Step {
    /// Its name in the output.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) work: Work,
}

/// A verb that takes arguments of its own.
#[derive(Debug)]
pub(crate) struct Verb {
    /// The words that are typed.
    pub(crate) words: &'static [&'static str],
    /// What may follow them.
    pub(crate) usage: &'static str,
    /// One line for the help.
    pub(crate) about: &'static str,
    /// What it does with the repository's folder and what followed.
    pub(crate) work: fn(&Path, &[String]) -> Result<(), String>,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Work {
    /// Runs cargo in the repository, with some variables set.
    Cargo {
        /// The arguments of cargo.
        args: &'static [&'static str],
        /// Names and values added to the environment.
        env: &'static [(&'static str, &'static str)],
    },
    /// Calls a function of this program with the repository's folder.
    Own(fn(&Path) -> Result<(), String>),
}

const fn cargo(name: &'static str, args: &'static [&'static str]) -> Step {
    Step { name, work: Work::Cargo { args, env: &[] } }
}

const fn own(name: &'static str, work: fn(&Path) -> Result<(), String>) -> Step {
    Step { name, work: Work::Own(work) }
}

/// Every task, in the order it is listed to people.
pub(crate) const TASKS: &[Task] = &[
    Task {
        name: "check",
        about: "format, style, lints, documentation, dependencies: all that needs no run of the product",
        groups: &[CHECK],
        longer: &[],
    },
    Task {
        name: "test",
        about: "check, then every test on real daemons; --all adds the longer runs",
        groups: &[DAEMONS, CHECK, TESTS],
        longer: LONGER,
    },
    Task { name: "bench", about: "the benchmarks", groups: &[BENCHES], longer: &[] },
    Task {
        name: "tidy",
        about: "only the style rules of our own, in a second",
        groups: &[TIDY],
        longer: &[],
    },
];

/// Every verb with arguments, in the order it is listed to people.
pub(crate) const VERBS: &[Verb] = &[
    Verb {
        words: &["suites"],
        usage: "[memcached|embedded|proxy:PEERS:COPIES|HOST:PORT]...",
        about: "only other people's test suites, after a `cargo build`; they empty what they are given",
        work: suites::command,
    },
    Verb {
        words: &["clients"],
        usage: "[memcached|embedded|proxy:PEERS:COPIES|HOST:PORT]...",
        about: "only the lines of docs/clients.md, after a `cargo build`",
        work: clients::command,
    },
    Verb {
        words: &["bench", "compare"],
        usage: bench::USAGE,
        about: "the same load on proxies of ours and of others, and on memcached itself",
        work: bench::compare,
    },
    Verb {
        words: &["bench", "instructions"],
        usage: bench::COUNTING_USAGE,
        about: "the instructions that the proxy executes for a request, by callgrind",
        work: bench::instructions,
    },
    Verb {
        words: &["bench", "storm"],
        usage: bench::STORM_USAGE,
        about: "the embedded engine under more of all sizes than it has memory for",
        work: bench::storm,
    },
    Verb {
        words: &["load"],
        usage: "ADDRESS WORK CONNECTIONS KEYS SECONDS|fill CPU|any SEED",
        about: "one run of the load generator of `bench compare`, which starts it",
        work: bench::load::command,
    },
    Verb {
        words: &["fuzz"],
        usage: "[--minutes N] [request|reply|store|memcached]...",
        about: "the fuzzers of the folder fuzz, for two minutes in all or for N",
        work: fuzz::command,
    },
];

const TIDY: &[Step] = &[own("tidy", tidy::run)];

const CHECK: &[Step] = &[
    cargo("format", &["fmt", "--all", "--check"]),
    own("tidy", tidy::run),
    cargo("clippy", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    Step {
        name: "docs",
        work: Work::Cargo {
            args: &["doc", "--workspace", "--no-deps"],
            env: &[("RUSTDOCFLAGS", "-D warnings")],
        },
    },
    cargo(
        "clippy, schedules",
        &["clippy", "--workspace", "--features", SHUTTLE, "--test", "schedules", "--", "-D", "warnings"],
    ),
    own("deny", tools::deny),
];

/// What gives the engine locks whose order a test chooses.
const SHUTTLE: &str = "peercache-engine/shuttle";

/// First of all, because a missing program should be known before the long builds.
const DAEMONS: &[Step] = &[
    own("memcached", tools::memcached),
    own("twemproxy", tools::twemproxy),
    own("suites' tools", tools::fetch),
];

/// Benchmarks are left out of the tests: they are compiled by clippy and run by `bench`. The programs are
/// built first because tests start them.
const TESTS: &[Step] = &[
    cargo("build programs", &["build", "--workspace", "--bins"]),
    cargo("build tests", &["test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--no-run"]),
    cargo("tests", &["test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--no-fail-fast"]),
    cargo("schedules", &["test", "--workspace", "--features", SHUTTLE, "--test", "schedules"]),
    cargo("doc tests", &["test", "--workspace", "--doc"]),
    own("suites", suites::run),
    own("clients", clients::run),
];

/// The same tests on the code that users run: other timing, overflow wraps, debug assertions are gone. Tests
/// that have a long form take it: ten thousand clients, minutes of misbehaviour, requests cut at every place.
const LONGER: &[Step] = &[Step {
    name: "tests, release, long forms",
    work: Work::Cargo {
        args: &[
            "test",
            "--workspace",
            "--release",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
            "--no-fail-fast",
        ],
        env: &[("PEERCACHE_LONG", "1")],
    },
}];

/// Time by criterion, and instructions by callgrind, which no other load on the machine disturbs.
const BENCHES: &[Step] =
    &[cargo("benchmarks", &["bench", "--workspace"]), own("instructions", instructions::run)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_steps_are_distinct_within_a_task() {
        for task in TASKS {
            let steps = task.groups.iter().copied().flatten().chain(task.longer);
            let mut names: Vec<_> = steps.map(|step| step.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{}", task.name);
        }
    }

    #[test]
    fn cargo_never_runs_on_the_default_members_alone() {
        let steps = TASKS.iter().flat_map(|task| task.groups.iter().copied().flatten().chain(task.longer));
        for step in steps {
            if let Work::Cargo { args, .. } = step.work {
                assert!(args.contains(&"--workspace") || args.contains(&"--all"), "{}", step.name);
            }
        }
    }
}
