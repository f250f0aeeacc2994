//! From what was counted to the report.

use super::ReplayOptions;
use super::daemons::Reading;
use super::tally::Tally;
use crate::report::{self, Latencies, NetworkSummary, PeerReport, Report, TraceSummary};
use crate::trace::Trace;
use peercache_core::topology::Topology;
use std::sync::Arc;

/// What is known of a replay before it begins.
pub(super) struct Frame {
    trace: TraceSummary,
    network: NetworkSummary,
    topology: Arc<Topology>,
    workers: usize,
    pipeline: usize,
    started: String,
}

impl Frame {
    pub(super) fn new(
        options: &ReplayOptions,
        trace: &Trace,
        topology: &Arc<Topology>,
        started: jiff::Timestamp,
    ) -> Self {
        let name = options.trace.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            trace: TraceSummary { name, format: trace.format().to_string(), bytes: trace.bytes_total() },
            network: NetworkSummary {
                name: topology.name().to_string(),
                peers: topology.peers().len(),
                replication: topology.replication().get(),
                hash: topology.ring().map_or(String::new(), |ring| ring.hash().to_string()),
            },
            topology: Arc::clone(topology),
            workers: options.workers.get(),
            pipeline: options.pipeline.get(),
            started: started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }
}

/// Builds the report.
///
/// # Panics
/// If a request has not exactly one outcome, which is a bug of the replay.
pub(super) fn build(frame: Frame, stopped: Option<String>, tally: Tally, daemons: Vec<Reading>) -> Report {
    let known: Option<i64> =
        daemons.iter().map(|daemon| daemon.as_ref().ok().map(|delta| delta.get_hits)).sum();
    let daemon_hits = known.and_then(|hits| u64::try_from(hits).ok());
    let seconds = tally.measured.map_or(0.0, |(from, to)| (to - from).as_secs_f64());
    let latency = Latencies {
        get: tally.get.percentiles(),
        set: tally.set.percentiles(),
        delete: tally.delete.percentiles(),
    };
    let counts = [latency.get, latency.set, latency.delete];
    let operations = counts.into_iter().flatten().map(|read| read.count).sum();
    let reads = tally.hits + tally.misses;
    let report = Report {
        schema: report::SCHEMA,
        kind: "replay".to_owned(),
        peercache: env!("CARGO_PKG_VERSION").to_owned(),
        started: frame.started,
        stopped,
        trace: frame.trace,
        network: frame.network,
        workers: frame.workers,
        pipeline: frame.pipeline,
        seconds,
        requests: tally.requests,
        hits: tally.hits,
        misses: tally.misses,
        writes: tally.writes,
        skipped: tally.skipped.values().sum(),
        errors: tally.errors,
        hit_ratio: (reads > 0).then(|| tally.hits as f64 / reads as f64),
        fills: tally.fills,
        refused: tally.refused,
        operations,
        ops_per_s: if seconds > 0.0 { operations as f64 / seconds } else { 0.0 },
        latency,
        value_bytes_sent: tally.value_bytes_sent,
        value_bytes_received: tally.value_bytes_received,
        peers: peers(&frame.topology, &tally, daemons),
        daemon_hits,
        daemon_hits_equal: daemon_hits.map(|hits| hits == tally.hits),
        skipped_by_reason: owned(tally.skipped),
        errors_by_kind: owned(tally.errors_by_kind),
    };
    assert!(report.check_sum(), "every request has exactly one outcome: {report:?}");
    report
}

fn owned<T>(by_name: std::collections::BTreeMap<&'static str, T>) -> std::collections::BTreeMap<String, T> {
    by_name.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn peers(topology: &Topology, tally: &Tally, daemons: Vec<Reading>) -> Vec<PeerReport> {
    let mut keys = vec![0; tally.peers.len()];
    tally.censuses.iter().for_each(|census| census.add_to(&mut keys));
    let keys_estimated = tally.censuses.iter().any(super::census::Census::is_estimate);
    let sent: u64 = tally.peers.iter().map(|peer| peer.requests).sum();
    let parts = topology.peers().iter().zip(&tally.peers).zip(keys).zip(daemons);
    let mut peers: Vec<_> = parts
        .map(|(((peer, tally), keys), daemon)| {
            let (daemon, daemon_unknown) = match daemon {
                Ok(delta) => (Some(delta), None),
                Err(why) => (None, Some(why)),
            };
            PeerReport {
                id: peer.spec.id.to_string(),
                requests: tally.requests,
                request_share: if sent == 0 { 0.0 } else { tally.requests as f64 / sent as f64 },
                keys,
                keys_estimated,
                hits: tally.hits,
                daemon,
                daemon_unknown,
            }
        })
        .collect();
    peers.sort_by(|one, other| one.id.cmp(&other.id));
    peers
}
