//! What a client can ask about the proxy itself, and what only daemons are asked.

use super::hub::Hub;
use super::shared::Shared;
use peercache_core::protocol::memcached::request::AdminVerb;
use peercache_core::protocol::memcached::response::{self, stat, stat_number};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

/// What `stats` says of the version. Clients read the first three numbers as memcached's and decide by them
/// what they may ask, so they name the memcached that the proxy answers like; the rest says what it is.
pub(super) const VERSION: &str = "1.6.18-peercache";

/// What `version` answers.
pub(super) const VERSION_LINE: &str = "VERSION 1.6.18-peercache";

/// Expiries up to here are relative seconds, larger ones are dates (memcached's 30 days).
const RELATIVE_MAX_S: i64 = 60 * 60 * 24 * 30;

/// The answer to a word for whoever runs a daemon.
pub(super) fn answer(verb: AdminVerb, shared: &Shared) -> &'static str {
    match verb {
        AdminVerb::CacheMemlimit if shared.admin_commands => "OK",
        _ => "CLIENT_ERROR this is for a daemon, not for a proxy: ask a peer directly",
    }
}

/// When a `flush_all` with this expiry takes effect, in seconds since 1970; none is now.
pub(super) fn flush_at(exptime: i64) -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let at = if exptime > RELATIVE_MAX_S { exptime } else { now.saturating_add(exptime) };
    u64::try_from(at).ok().filter(|_| at > now)
}

/// `stats`, and what can be asked behind it.
pub(super) fn stats(out: &mut Vec<u8>, about: &[u8], hub: &Hub) {
    match about {
        b"" => general(out, &hub.shared),
        b"settings" => settings(out, hub),
        b"peers" => peers(out, hub),
        b"network" => network(out, hub),
        // What these list of a daemon's items, a proxy has none of.
        b"items" | b"slabs" | b"sizes" | b"cachedump" => {}
        b"reset" => {
            hub.shared.reset();
            return response::line(out, b"RESET");
        }
        _ => return response::line(out, b"CLIENT_ERROR this is for a daemon, not for a proxy: ask a peer"),
    }
    response::line(out, b"END");
}

fn general(out: &mut Vec<u8>, shared: &Shared) {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (counts, gauges) = (shared.counts(), &shared.gauges);
    stat_number(out, "pid", u64::from(std::process::id()));
    stat_number(out, "uptime", shared.started.elapsed().as_secs());
    stat_number(out, "time", since_1970);
    stat(out, "version", VERSION);
    stat(out, "peercache_version", env!("CARGO_PKG_VERSION"));
    stat_number(out, "pointer_size", u64::from(usize::BITS));
    stat_number(out, "max_connections", shared.connections_max as u64);
    stat_number(out, "curr_connections", gauges.connections.load(Relaxed) as u64);
    stat_number(out, "total_connections", gauges.connections_total.load(Relaxed));
    stat_number(out, "rejected_connections", gauges.connections_refused.load(Relaxed));
    for (name, number) in [
        ("cmd_get", counts.cmd_get),
        ("cmd_set", counts.cmd_set),
        ("cmd_flush", counts.cmd_flush),
        ("cmd_touch", counts.cmd_touch),
        ("cmd_meta", counts.cmd_meta),
        ("get_hits", counts.get_hits),
        ("get_misses", counts.get_misses),
        ("delete_misses", counts.delete_misses),
        ("delete_hits", counts.delete_hits),
        ("incr_misses", counts.incr_misses),
        ("incr_hits", counts.incr_hits),
        ("decr_misses", counts.decr_misses),
        ("decr_hits", counts.decr_hits),
        ("cas_misses", counts.cas_misses),
        ("cas_hits", counts.cas_hits),
        ("cas_badval", counts.cas_badval),
        ("touch_hits", counts.touch_hits),
        ("touch_misses", counts.touch_misses),
        ("errors", counts.errors),
        ("failovers", counts.failovers),
        ("bytes_read", counts.bytes_read),
        ("bytes_written", counts.bytes_written),
        ("threads", shared.published.len() as u64),
    ] {
        stat_number(out, name, number);
    }
}

fn settings(out: &mut Vec<u8>, hub: &Hub) {
    let policy = hub.core.known.topology.policy();
    stat(out, "listen", &hub.shared.listen.join(" "));
    stat_number(out, "maxconns", hub.shared.connections_max as u64);
    stat_number(out, "idle_timeout", hub.shared.idle_timeout.map_or(0, |time| time.as_secs()));
    stat_number(out, "num_threads", hub.shared.published.len() as u64);
    stat_number(out, "item_size_max", policy.value_bytes_max as u64);
    stat(out, "cas_enabled", "yes");
    stat(out, "flush_enabled", if hub.shared.flush_all { "yes" } else { "no" });
    stat(out, "admin_commands", if hub.shared.admin_commands { "yes" } else { "no" });
    stat(out, "on_down", policy.on_down.as_str());
    for (name, time) in [
        ("attempt_ms", policy.attempt),
        ("connect_ms", policy.connect),
        ("request_ms", policy.request),
        ("silence_ms", policy.silence),
    ] {
        stat_number(out, name, time.as_millis() as u64);
    }
}

fn peers(out: &mut Vec<u8>, hub: &Hub) {
    for peer in hub.core.known.topology.peers() {
        let (id, state) = (&peer.spec.id, peer.cell.state());
        stat(out, &format!("{id}:address"), &peer.spec.address.to_string());
        stat(out, &format!("{id}:phase"), state.phase().as_str());
        stat(out, &format!("{id}:readable"), if state.is_readable() { "yes" } else { "no" });
        stat(out, &format!("{id}:forgot"), if state.has_forgotten() { "yes" } else { "no" });
        stat(out, &format!("{id}:engine"), peer.spec.engine.as_str());
        stat_number(out, &format!("{id}:weight"), u64::from(peer.spec.weight.get()));
    }
}

fn network(out: &mut Vec<u8>, hub: &Hub) {
    let topology = &hub.core.known.topology;
    stat(out, "name", topology.name().as_str());
    stat_number(out, "epoch", topology.epoch());
    stat_number(out, "peers", topology.peers().len() as u64);
    stat_number(out, "replication", u64::from(topology.replication().get()));
    let states = topology.peers().iter().map(|peer| peer.cell.state());
    let (live, readable) = (states.clone().filter(|state| state.is_live()), states);
    stat_number(out, "live_peers", live.count() as u64);
    stat_number(out, "readable_peers", readable.filter(|state| state.is_readable()).count() as u64);
    stat(out, "on_down", topology.policy().on_down.as_str());
}
