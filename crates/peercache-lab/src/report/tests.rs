//! The report's sum, its text, and its way to the disk.

use super::*;
use crate::latency::Latency;
use std::path::Path;
use std::time::Duration;

fn report() -> Report {
    let mut get = Latency::new();
    (1..=1000).for_each(|us| get.record(Duration::from_micros(us)));
    Report {
        schema: SCHEMA,
        kind: "replay".to_owned(),
        peercache: "0.1.0".to_owned(),
        started: "2026-11-23T20:21:00Z".to_owned(),
        stopped: None,
        trace: TraceSummary {
            name: "w1.oracleGeneral.bin".to_owned(),
            format: "oracleGeneral".to_owned(),
            bytes: 24,
        },
        network: NetworkSummary { name: "n1".to_owned(), peers: 1, replication: 1, hash: "xxh3".to_owned() },
        workers: 4,
        pipeline: 1,
        seconds: 2.0,
        requests: 12_345,
        hits: 12_000,
        misses: 340,
        writes: 0,
        skipped: 2,
        errors: 3,
        hit_ratio: Some(0.972_447),
        fills: 330,
        skipped_by_reason: BTreeMap::from([("key_empty".to_owned(), 2)]),
        refused: Refused { too_large: 10, ..Refused::default() },
        errors_by_kind: BTreeMap::from([(
            "timeout".to_owned(),
            ErrorCount { count: 3, first: vec!["p0 did not answer".to_owned()] },
        )]),
        operations: 12_683,
        ops_per_s: 6_341.5,
        latency: Latencies { get: get.percentiles(), set: None, delete: None },
        value_bytes_sent: 1,
        value_bytes_received: 2,
        peers: vec![PeerReport {
            id: "p0".to_owned(),
            requests: 12_343,
            request_share: 1.0,
            keys: 99,
            keys_estimated: true,
            hits: 12_000,
            daemon: Some(DaemonDelta { get_hits: 11_999, curr_items: 99, ..DaemonDelta::default() }),
            daemon_unknown: None,
        }],
        daemon_hits: Some(11_999),
        daemon_hits_equal: Some(false),
    }
}

#[test]
fn every_request_has_one_outcome_and_every_count_its_parts() {
    let whole = report();
    assert!(whole.check_sum());
    let spoiled = [
        Report { hits: 1, ..whole.clone() },
        Report { skipped: 1, misses: 341, ..whole.clone() },
        Report { errors: 4, misses: 339, ..whole.clone() },
        Report { fills: 341, ..whole },
    ];
    assert!(!spoiled.iter().any(Report::check_sum));
}

#[test]
fn the_json_has_the_fixed_spellings_on_top_and_reads_back() {
    let json = report().to_json();
    assert!(json.ends_with("}\n"));
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&value["hits"], &value["misses"], &value["errors"]),
        (&12_000.into(), &340.into(), &3.into())
    );
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report());
}

#[test]
fn the_text_says_it_in_aligned_lines() {
    let text = report().to_text();
    let expected = "\
trace     w1.oracleGeneral.bin (oracleGeneral), 24 bytes
network   n1: 1 peers, replication 1; 4 workers, pipeline 1
requests  12,345 in 2.00 s: 12,683 operations, 6,342 a second
hits      12,000  (97.24 % of the reads)
misses    340  (330 filled)
skipped   2  (key empty 2)
refused   10  (too large 10)
errors    3  (timeout 3)
          - p0 did not answer
latency   µs   count  p50  p95  p99  p99.9    max
          get  1,000  500  950  990    999  1,000
peers         requests    share  keys    hits  get_hits  get_misses  cmd_set  evictions  items
          p0    12,343  100.0 %   ~99  12,000    11,999           0        0          0    +99
daemons   counted 11,999 hits, not 12,000: somebody else reads or resets them, or answers were lost
";
    assert_eq!(text, expected);
}

#[test]
fn a_report_is_written_whole_beside_others_of_the_same_second() {
    let dir = tempfile::tempdir().unwrap();
    let stats = dir.path().join("state/stats");
    let first = report().write_into(&stats).unwrap();
    let second = report().write_into(&stats).unwrap();
    assert_eq!(first, stats.join("replay-w1-20261123T202100Z.json"));
    assert_eq!(second, stats.join("replay-w1-20261123T202100Z-2.json"));
    for path in [first, second] {
        let read: Report = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(read, report());
    }
    assert_eq!(std::fs::read_dir(&stats).unwrap().count(), 2, "no temporary file is left");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stats");
    std::fs::write(&file, "not a folder").unwrap();
    let error = report().write_into(&file).unwrap_err().to_string();
    assert!(error.contains(&file.display().to_string()), "{error}");
}

#[test]
fn a_trace_of_any_name_gives_a_safe_file_name() {
    let long = "x".repeat(300);
    for (name, stem) in
        [("../../etc/passwd", "trace"), ("", "trace"), ("a b/ü", "a_b__"), (&long, &long[..60])]
    {
        let mut report = report();
        name.clone_into(&mut report.trace.name);
        let dir = tempfile::tempdir().unwrap();
        let path = report.write_into(dir.path()).unwrap();
        assert_eq!(path.parent(), Some(Path::new(dir.path())));
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(file, format!("replay-{stem}-20261123T202100Z.json"));
    }
}

#[test]
fn errors_keep_the_first_messages_and_count_all() {
    let mut errors = ErrorCount::default();
    for number in 0..4 {
        errors.note(|| number.to_string());
    }
    let other = errors.clone();
    errors.merge(other);
    assert_eq!((errors.count, errors.first.join(" ")), (8, "0 1 2 3 0".to_owned()));
    errors.note(|| panic!("a text that is not kept is not made"));
}
