//! Replays on real memcached processes: every count is exact, and equals what the daemons count.

mod support;

use peercache_client::{Client, SetOptions};
use peercache_lab::progress::{Progress, Silent, Snapshot};
use peercache_lab::replay::{self, ReplayError, ReplayOptions, Stop};
use peercache_lab::report::{Refused, Report};
use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use support::{TraceFile, client, daemons, until};

/// The policy's limit on values, and memcached's on items, key and head included.
const MIB: u32 = 1024 * 1024;

async fn replay(client: &Client, trace: &TraceFile) -> Report {
    replay_with(client, &ReplayOptions::new(&trace.path)).await
}

async fn replay_with(client: &Client, options: &ReplayOptions) -> Report {
    replay::run(client.clone(), options, &Silent, &Stop::new()).await.expect("a report")
}

/// 6,000 requests for 900 ids, few of them often. The size follows from the id: some are over the policy's
/// limit, some just under it and so over memcached's, some empty.
fn requests() -> Vec<(u64, u32)> {
    let mut state = 42_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let size = |id: u64| match id % 97 {
        0 => MIB + 1 + id as u32,
        1 => MIB - (id as u32 % 8),
        2 => 0,
        3 => 200_000,
        rest => (rest * 37) as u32,
    };
    let id = move |_| (next() % 900) * (next() % 900) / 900;
    (0..6_000).map(id).map(|id| (id, size(id))).collect()
}

/// What a cache without a lack of room makes of these requests.
fn expected(requests: &[(u64, u32)]) -> (u64, u64, u64) {
    let (mut seen, mut hits, mut too_large) = (HashSet::new(), 0, 0);
    for &(id, size) in requests {
        if size > MIB - 100 {
            too_large += 1;
        } else if !seen.insert(id) {
            hits += 1;
        }
    }
    (hits, requests.len() as u64 - hits, too_large)
}

#[tokio::test]
async fn hits_are_those_of_the_trace_and_equal_the_daemons_own() {
    let daemons = daemons(4, &["-m", "256"]);
    let requests = requests();
    let trace = TraceFile::oracle_general(requests.iter().copied());
    let client = client(&daemons, 2);
    let report = replay(&client, &trace).await;

    let (hits, misses, too_large) = expected(&requests);
    assert!(too_large > 50, "the trace has objects that do not fit");
    assert_eq!(
        (report.hits, report.misses, report.errors, report.skipped),
        (hits, misses, 0, 0),
        "{report:?}"
    );
    assert_eq!(report.refused, Refused { too_large, ..Refused::default() });
    assert_eq!((report.requests, report.writes, report.fills), (6_000, 0, misses - too_large));
    assert_eq!((report.daemon_hits, report.daemon_hits_equal), (Some(hits), Some(true)));
    assert_eq!(report.stopped, None);

    let daemon = |of: fn(&peercache_lab::report::DaemonDelta) -> i64| -> i64 {
        report.peers.iter().map(|peer| of(peer.daemon.as_ref().expect("known"))).sum()
    };
    // Whoever opens a connection asks for a key that nobody has.
    assert!(daemon(|daemon| daemon.get_misses) as u64 >= misses);
    assert_eq!(daemon(|daemon| daemon.curr_items) as u64, 2 * report.fills, "two copies of each");
    let ids: HashSet<_> = requests.iter().map(|&(id, _)| id).collect();
    assert_eq!(report.peers.iter().map(|peer| peer.keys).sum::<u64>(), ids.len() as u64);
    assert_eq!(report.peers.iter().map(|peer| peer.requests).sum::<u64>(), 6_000);
    assert_eq!(report.peers.iter().map(|peer| peer.hits).sum::<u64>(), hits);
    for peer in &report.peers {
        assert_eq!(peer.daemon.map(|daemon| daemon.get_hits as u64), Some(peer.hits), "{peer:?}");
    }
    assert_eq!(report.latency.get.map(|get| get.count), Some(6_000));
    let read: u64 = report.latency.set.map_or(0, |set| set.count);
    assert_eq!(report.operations, 6_000 + read);
    assert!(report.seconds > 0.0 && report.ops_per_s > 0.0);
}

#[tokio::test]
async fn a_pipeline_keeps_each_key_in_order() {
    let daemons = daemons(2, &["-m", "256"]);
    let requests = requests();
    let trace = TraceFile::oracle_general(requests.iter().copied());
    let number = |number| NonZeroUsize::new(number).expect("not 0");
    let options =
        ReplayOptions { workers: number(2), pipeline: number(16), ..ReplayOptions::new(&trace.path) };
    let report = replay_with(&client(&daemons, 2), &options).await;
    let (hits, misses, _) = expected(&requests);
    assert_eq!((report.hits, report.misses, report.errors), (hits, misses, 0), "{report:?}");
    assert_eq!(report.daemon_hits_equal, Some(true));
}

#[tokio::test]
async fn a_second_replay_finds_what_the_first_one_left() {
    let daemons = daemons(1, &["-m", "64"]);
    let trace = TraceFile::oracle_general((0..500).map(|id| (id, 100)));
    let client = client(&daemons, 1);
    assert_eq!(replay(&client, &trace).await.misses, 500);
    let second = replay(&client, &trace).await;
    assert_eq!((second.hits, second.hit_ratio, second.daemon_hits), (500, Some(1.0), Some(500)));
    assert_eq!(second.value_bytes_received, 50_000);
}

#[tokio::test]
async fn a_twitter_trace_writes_and_deletes_and_what_is_not_sent_is_counted_by_reason() {
    let long = "k".repeat(251);
    let lines = [
        "0,a,1,10,1,get,0",       // miss
        "1,a,1,10,1,gets,0",      // hit
        "2,a,1,30,1,set,0",       // write, of another size
        "3,a,1,30,1,get,0",       // hit
        "4,a,1,0,1,delete,0",     // write
        "5,a,1,30,1,get,0",       // miss
        "6,b,1,5,1,add,86400",    // write
        "7,b,1,5,1,cas,0",        // write
        "8,b,1,5,1,get,0",        // hit
        "9,c,1,0,1,delete,0",     // write of what is not there
        "10,c,1,2000000,1,set,0", // write, refused
        "11,n,1,1,1,incr,0",
        "12,n,1,1,1,decr,0",
        "13,n,1,1,1,incr,0",
        "14,,0,1,1,get,0",
        "15,x y,3,1,1,get,0",
        "16,x\0y,3,1,1,set,0",
        "17,x\ry,3,1,1,set,0",
    ];
    let text = format!("{}\n18,{long},251,1,1,get,0\n", lines.join("\n"));
    let trace = TraceFile::new("cluster52.csv", text.as_bytes());
    let daemons = daemons(2, &["-m", "64"]);
    let report = replay(&client(&daemons, 2), &trace).await;

    assert_eq!((report.requests, report.hits, report.misses), (19, 3, 2), "{report:?}");
    assert_eq!((report.writes, report.errors, report.refused.too_large), (6, 0, 1));
    let skipped: BTreeMap<_, _> =
        report.skipped_by_reason.iter().map(|(reason, &count)| (reason.as_str(), count)).collect();
    let reasons = [
        ("key_empty", 1),
        ("key_too_long", 1),
        ("key_with_space_or_control_byte", 3),
        ("operation_decr", 1),
        ("operation_incr", 2),
    ];
    assert_eq!(skipped, BTreeMap::from(reasons));
    assert_eq!((report.skipped, report.daemon_hits_equal), (8, Some(true)));
    assert_eq!(report.latency.delete.map(|delete| delete.count), Some(2));
}

#[tokio::test]
async fn a_line_that_is_bad_half_way_ends_the_replay_with_its_place_and_what_was_done() {
    let good: String = (0..1_000).map(|number| format!("{number},k{number},5,10,1,get,0\n")).collect();
    let trace = TraceFile::new("t.csv", format!("{good}1000,k,1,ten,1,get,0\n{good}").as_bytes());
    let daemons = daemons(1, &[]);
    let report = replay(&client(&daemons, 1), &trace).await;
    assert_eq!((report.requests, report.misses, report.errors), (1_000, 1_000, 0));
    let stopped = report.stopped.expect("a reason");
    assert!(stopped.contains("t.csv:1001: the value size is \"ten\""), "{stopped}");
}

#[tokio::test]
async fn a_bad_trace_or_an_empty_network_is_refused_before_anything_is_sent() {
    let daemon = daemons(1, &[]);
    let client = client(&daemon, 1);
    let torn = TraceFile::new("t.oracleGeneral.bin", &[0; 49]);
    let run = async |client: &Client, trace: &TraceFile| {
        let options = ReplayOptions::new(&trace.path);
        replay::run(client.clone(), &options, &Silent, &Stop::new()).await
    };
    let error = run(&client, &torn).await.expect_err("torn");
    assert!(error.to_string().contains("after 2 whole records of 24 bytes, 1 bytes remain"), "{error}");
    let whole = TraceFile::oracle_general([(1, 1)]);
    let error = run(&support::client(&[], 1), &whole).await.expect_err("no peers");
    assert!(matches!(error, ReplayError::NoPeers { .. }) && error.to_string().contains("n1"), "{error}");
    let stats = client.stats(&"p0".parse().expect("an id")).await.expect("stats");
    let get = |name: &str| stats.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    assert_eq!((get("get_hits"), get("cmd_set")), (Some("0"), Some("0")));
}

#[tokio::test]
async fn somebody_elses_value_is_an_error_and_no_hit() {
    let daemons = daemons(1, &[]);
    let client = client(&daemons, 1);
    client.set(b"7", &[b'x'; 100], SetOptions::default()).await.expect("stored");
    let trace = TraceFile::oracle_general([(7, 100), (8, 100), (8, 100)]);
    let report = replay(&client, &trace).await;
    assert_eq!((report.hits, report.misses, report.errors), (1, 1, 1));
    let wrong = &report.errors_by_kind["wrong_value"];
    assert!(wrong.count == 1 && wrong.first[0].contains("p0") && wrong.first[0].contains('7'), "{wrong:?}");
    assert_eq!((report.daemon_hits, report.daemon_hits_equal), (Some(2), Some(false)));
}

#[tokio::test]
async fn a_dead_peer_is_named_in_errors_and_the_others_keep_working() {
    let mut daemons = daemons(2, &[]);
    let client = client(&daemons, 1);
    daemons[1].kill();
    let trace = TraceFile::oracle_general((0..400).map(|id| (id, 50)));
    let report = replay(&client, &trace).await;
    assert_eq!(report.misses + report.errors, 400, "{report:?}");
    assert!(report.misses > 100 && report.errors > 100, "{report:?}");
    for errors in report.errors_by_kind.values() {
        assert!(errors.first.len() <= 5 && errors.first.iter().all(|text| text.contains("p1")), "{errors:?}");
    }
    assert!(report.peers[0].daemon.is_some() && report.peers[1].daemon.is_none());
    let unknown = report.peers[1].daemon_unknown.as_deref().expect("a reason");
    assert!(unknown.contains("p1"), "{unknown}");
    assert_eq!((report.daemon_hits, report.daemon_hits_equal), (None, None));
}

#[tokio::test]
async fn a_daemon_without_room_refuses_and_that_is_no_error() {
    // -M: no eviction, so a full daemon answers "out of memory storing object".
    let daemons = daemons(1, &["-M", "-m", "2"]);
    let trace = TraceFile::oracle_general((0..300).map(|id| (id, 60_000)));
    let report = replay(&client(&daemons, 1), &trace).await;
    assert_eq!((report.misses, report.errors), (300, 0), "{report:?}");
    assert!(report.refused.out_of_memory > 0 && report.refused.other == 0, "{report:?}");
    assert_eq!(report.fills + report.refused.total(), 300);
}

/// Stops the replay as soon as something is done, and keeps what it was told.
struct StopSoon<'a>(&'a Stop, Mutex<Vec<Snapshot>>);

impl Progress for StopSoon<'_> {
    fn update(&self, at: &Snapshot) {
        if at.requests > 0 {
            self.0.stop();
        }
        self.1.lock().expect("no panic holds it").push(*at);
    }
}

/// Far more requests than are done in a tenth of a second.
fn endless() -> TraceFile {
    TraceFile::oracle_general((0..1_000_000).map(|id| (id, 10)))
}

#[tokio::test]
async fn a_stop_ends_it_with_a_report_of_what_was_done() {
    let daemons = daemons(1, &["-m", "256"]);
    let trace = endless();
    let stop = Stop::new();
    let progress = StopSoon(&stop, Mutex::default());
    let options = ReplayOptions::new(&trace.path);
    let report = replay::run(client(&daemons, 1), &options, &progress, &stop).await.expect("a report");
    assert!(report.stopped.is_some() && report.requests < 1_000_000, "{report:?}");
    assert_eq!((report.requests, report.errors), (report.misses, 0));
    let seen = progress.1.into_inner().expect("no panic holds it");
    assert!(seen.windows(2).all(|pair| pair[0].requests <= pair[1].requests), "{seen:?}");
    let last = seen.last().expect("told at the end");
    assert_eq!((last.requests, last.requests_total), (report.requests, Some(1_000_000)));
}

#[tokio::test]
async fn dropping_the_run_ends_its_threads_and_connections() {
    let daemons = daemons(1, &["-m", "256"]);
    let trace = endless();
    let client = client(&daemons, 1);
    let options = ReplayOptions::new(&trace.path);
    let (busy, stop) = (tokio::sync::Notify::new(), Stop::new());
    struct Bell<'a>(&'a tokio::sync::Notify);
    impl Progress for Bell<'_> {
        fn update(&self, at: &Snapshot) {
            if at.requests > 0 {
                self.0.notify_one();
            }
        }
    }
    let bell = Bell(&busy);
    tokio::select! {
        _ = replay::run(client, &options, &bell, &stop) => panic!("it cannot be done yet"),
        () = busy.notified() => {}
    }
    assert!(!stop.is_stopped());
    until("the connections are closed", || (daemons[0].connections() == 1).then_some(()));
}
