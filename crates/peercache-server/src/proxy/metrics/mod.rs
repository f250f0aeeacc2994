//! What a proxy shows of itself to whoever measures it from outside.
//!
//! Read from what the workers publish once a turn: whoever looks costs them nothing. Unlike `stats`,
//! nothing here is ever reset.

mod page;

pub use page::{Kind, Label, Page};

use super::counts::{Counts, LATENCY_BUCKETS};
use super::shared::Shared;
use peercache_client::Network;
use peercache_core::health::Phase;
use peercache_core::topology::Topology;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// The metrics of one proxy.
#[derive(Debug, Clone)]
pub struct Metrics {
    network: Arc<Network>,
    shared: Arc<Shared>,
}

impl Metrics {
    pub(super) fn new(network: &Arc<Network>, shared: &Arc<Shared>) -> Self {
        Self { network: Arc::clone(network), shared: Arc::clone(shared) }
    }

    /// Writes every family as it stands.
    pub fn write(&self, page: &mut Page) {
        let topology = self.network.topology();
        let counts = self.shared.totals();
        let network = [("network", topology.name().as_str())];
        self.write_process(page);
        write_counts(page, &counts, &network);
        write_latency(page, &counts, &network);
        write_network(page, &topology, &network);
        write_peers(page, &topology);
    }

    fn write_process(&self, page: &mut Page) {
        let gauges = &self.shared.gauges;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        page.single(("peercache_build_info", Kind::Gauge, "The version, as a label."), &version, 1);
        let uptime = self.shared.started.elapsed().as_secs_f64();
        page.single(("peercache_uptime_seconds", Kind::Gauge, "Time since the proxy began."), &[], uptime);
        let open = gauges.connections.load(Relaxed);
        page.single(("peercache_connections", Kind::Gauge, "Clients that are connected."), &[], open);
        let most = self.shared.connections_max;
        page.single(("peercache_connections_max", Kind::Gauge, "Clients that may be."), &[], most);
        let total = gauges.connections_total.load(Relaxed);
        let family = ("peercache_connections_total", Kind::Counter, "Clients that have come.");
        page.single(family, &[], total);
        let refused = gauges.connections_refused.load(Relaxed);
        let family = ("peercache_connections_refused_total", Kind::Counter, "Clients that found no place.");
        page.single(family, &[], refused);
    }
}

fn write_counts(page: &mut Page, counts: &Counts, network: &[Label<'_>]) {
    for (name, help, value) in [
        ("gets", "Keys that were read.", counts.cmd_get),
        ("get_hits", "Keys that were read and found.", counts.get_hits),
        ("get_misses", "Keys that were read and not found.", counts.get_misses),
        ("sets", "Values that were to be stored.", counts.cmd_set),
        ("touches", "Keys whose time was to be changed.", counts.cmd_touch),
        ("touch_hits", "Keys whose time was changed.", counts.touch_hits),
        ("touch_misses", "Keys whose time was to be changed and that were not found.", counts.touch_misses),
        ("delete_hits", "Keys that were deleted.", counts.delete_hits),
        ("delete_misses", "Keys that were to be deleted and not found.", counts.delete_misses),
        ("incr_hits", "Numbers that were raised.", counts.incr_hits),
        ("incr_misses", "Numbers that were to be raised and not found.", counts.incr_misses),
        ("decr_hits", "Numbers that were lowered.", counts.decr_hits),
        ("decr_misses", "Numbers that were to be lowered and not found.", counts.decr_misses),
        ("cas_hits", "Values that were stored over the version that was given.", counts.cas_hits),
        ("cas_misses", "Versions that were given of keys that were not found.", counts.cas_misses),
        ("cas_badval", "Versions that were given and were not the key's.", counts.cas_badval),
        ("flushes", "Requests to empty the network.", counts.cmd_flush),
        ("meta_commands", "Requests that were meta commands.", counts.cmd_meta),
        ("errors", "Requests that ended in an error, which count as nothing else.", counts.errors),
        ("failovers", "Replicas that were asked because another one could not answer.", counts.failovers),
        ("client_read_bytes", "Bytes that clients sent.", counts.bytes_read),
        ("client_written_bytes", "Bytes that clients were sent.", counts.bytes_written),
    ] {
        page.single((&format!("peercache_{name}_total"), Kind::Counter, help), network, value);
    }
}

fn write_latency(page: &mut Page, counts: &Counts, network: &[Label<'_>]) {
    let name = "peercache_request_duration_seconds";
    let help = "Time from taking a request in to knowing its answer.";
    page.family(name, Kind::Histogram, help);
    let mut sum = 0;
    let bucket = format!("{name}_bucket");
    for (power, count) in counts.latency.buckets.iter().enumerate() {
        sum += count;
        // The last one has no upper bound.
        let bound = match power {
            last if last == LATENCY_BUCKETS - 1 => "+Inf".to_owned(),
            power => ((1_u64 << power) as f64 / 1e6).to_string(),
        };
        let labels: Vec<_> = network.iter().copied().chain([("le", bound.as_str())]).collect();
        page.sample(&bucket, &labels, sum);
    }
    page.sample(&format!("{name}_sum"), network, counts.latency.sum_us as f64 / 1e6);
    page.sample(&format!("{name}_count"), network, sum);
}

fn write_network(page: &mut Page, topology: &Topology, network: &[Label<'_>]) {
    for (name, help, value) in [
        ("epoch", "Changes of the network that the proxy has seen, from 1.", topology.epoch()),
        ("peers", "Peers of the network.", topology.peers().len() as u64),
        ("replication", "Copies of each key.", u64::from(topology.replication().get())),
    ] {
        page.single((&format!("peercache_network_{name}"), Kind::Gauge, help), network, value);
    }
}

fn write_peers(page: &mut Page, topology: &Topology) {
    let phases = [Phase::Up, Phase::Suspect, Phase::Down, Phase::Returning, Phase::Warming];
    let name = topology.name().as_str();
    page.family(
        "peercache_peer_phase",
        Kind::Gauge,
        "1 for the phase that the peer is in, 0 for all others.",
    );
    for peer in topology.peers() {
        let now = peer.cell.state().phase();
        for phase in phases {
            let labels = [("network", name), ("peer", peer.spec.id.as_str()), ("phase", phase.as_str())];
            page.sample("peercache_peer_phase", &labels, u8::from(phase == now));
        }
    }
    page.family("peercache_peer_readable", Kind::Gauge, "Whether the peer may be read: it misses no write.");
    for peer in topology.peers() {
        let address = peer.spec.address.to_string();
        let labels = [("network", name), ("peer", peer.spec.id.as_str()), ("address", &address)];
        page.sample("peercache_peer_readable", &labels, u8::from(peer.cell.state().is_readable()));
    }
}
