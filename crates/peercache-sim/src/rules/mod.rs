//! The promises, as rules that a history keeps or breaks: one file each.
//!
//! A rule is written from the promise, not from the code that keeps it, and holds what clients were told
//! against what the peers really executed.

mod acknowledged;
mod ambiguous;
mod barrier;
mod clean;
mod contents;
mod facts;
mod flush;
mod incarnation;
mod leader;
mod ledger;
mod order;
mod phases;
mod placement;
mod probes;
mod readable;
mod reads;
mod stale;
mod unavailable;
mod versions;

use crate::history::History;
use facts::Facts;
use std::fmt;
use std::time::Duration;

/// A promise and how to see that it was broken.
#[derive(Debug)]
pub struct Rule {
    /// The promise.
    pub promise: &'static str,
    /// What the rule asks for, in a few words.
    pub asks_for: &'static str,
    check: fn(&Facts<'_>) -> Vec<Found>,
}

/// Where and how a history breaks a rule.
#[derive(Debug)]
struct Found {
    at: Duration,
    key: Option<usize>,
    what: String,
}

/// A broken promise.
#[derive(Debug)]
pub struct Violation {
    /// Which.
    pub promise: &'static str,
    /// What happened.
    pub what: String,
    /// What happened to the key until then.
    pub excerpt: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is broken: {}\n{}", self.promise, self.what, self.excerpt)
    }
}

/// Every rule, in the order of the promises.
pub const RULES: &[Rule] = &[
    Rule {
        promise: "P-01",
        asks_for: "the same replicas of a key in every process",
        check: placement::check,
    },
    Rule {
        promise: "P-10",
        asks_for: "reads only from peers on which no acknowledged write is missing",
        check: readable::check,
    },
    Rule {
        promise: "P-11",
        asks_for: "every outage recorded before the write that it concerns is acknowledged",
        check: ledger::check,
    },
    Rule {
        promise: "P-12",
        asks_for: "no value that nobody wrote, or that an acknowledged write had replaced",
        check: stale::check,
    },
    Rule {
        promise: "P-13",
        asks_for: "no trace of a write that was told as not executed",
        check: ambiguous::check,
    },
    Rule {
        promise: "P-14",
        asks_for: "an acknowledged write on every replica that stays readable, and on one at least",
        check: acknowledged::check,
    },
    Rule {
        promise: "P-15",
        asks_for: "the leader's result or nothing on every replica that stays readable",
        check: leader::check,
    },
    Rule {
        promise: "P-16",
        asks_for: "replicas that agree whenever their process writes nothing",
        check: order::check,
    },
    Rule {
        promise: "P-17",
        asks_for: "a cas done only where its client's version was, and tried only once",
        check: versions::check,
    },
    Rule {
        promise: "P-18",
        asks_for: "nothing read that was written before a flush that is done",
        check: flush::check,
    },
    Rule {
        promise: "P-20",
        asks_for: "readable replicas asked in order, as many as needed, and none in vain",
        check: reads::check,
    },
    Rule {
        promise: "P-21",
        asks_for: "an error that names every replica where none could decide",
        check: unavailable::check,
    },
    Rule {
        promise: "P-25",
        asks_for: "no request to a peer that is down, and every request over in time",
        check: phases::check,
    },
    Rule {
        promise: "P-26",
        asks_for: "every peer back, some time after the last trouble",
        check: probes::check,
    },
    Rule {
        promise: "P-31",
        asks_for: "no write of an ended operation executed after the cleaning that should have caught it",
        check: barrier::check,
    },
    Rule {
        promise: "P-32",
        asks_for: "a peer that may miss writes emptied before it is read",
        check: clean::check,
    },
    Rule {
        promise: "P-33",
        asks_for: "no read served from the memory of an earlier run",
        check: incarnation::check,
    },
];

/// Holds a history against every rule.
#[must_use]
pub fn check(history: &History) -> Vec<Violation> {
    let facts = Facts::of(history);
    let judge = |rule: &Rule| {
        let promise = rule.promise;
        let violation = |found: Found| {
            let excerpt = found.key.map(|key| history.excerpt(key, found.at)).unwrap_or_default();
            Violation { promise, what: found.what, excerpt }
        };
        // The first shows the mistake; the others follow from it more often than not.
        let first = (rule.check)(&facts).into_iter().min_by_key(|found| found.at);
        first.map(violation)
    };
    RULES.iter().filter_map(judge).collect()
}
