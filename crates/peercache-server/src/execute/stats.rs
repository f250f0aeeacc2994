//! `stats`: the names are memcached's, so that what watches a memcached can watch this.

use super::list;
use crate::engine::{Engine, VERSION};
use crate::options::Permission;
use peercache_core::protocol::memcached::response::{line, stat, stat_number};
use peercache_engine::{Now, WhenFull};
use std::sync::atomic::Ordering::Relaxed;

pub(super) fn stats(engine: &Engine, about: &[u8], arguments: &[u8], now: Now, out: &mut Vec<u8>) {
    match about {
        b"" => {
            process(engine, now, out);
            connections(engine, out);
            commands(engine, out);
            line(out, b"END");
        }
        b"settings" => {
            settings(engine, out);
            line(out, b"END");
        }
        b"items" => {
            items(engine, out);
            line(out, b"END");
        }
        b"cachedump" => list::cachedump(engine, arguments, now, out),
        b"reset" => {
            engine.reset_counters();
            line(out, b"RESET");
        }
        _ => line(out, b"ERROR"),
    }
}

fn process(engine: &Engine, now: Now, out: &mut Vec<u8>) {
    stat_number(out, "pid", u64::from(std::process::id()));
    stat_number(out, "uptime", engine.uptime_s());
    stat_number(out, "time", now.unix_s);
    stat(out, "version", VERSION);
    stat_number(out, "pointer_size", u64::from(usize::BITS));
    stat_number(out, "threads", engine.options.threads.get() as u64);
}

fn connections(engine: &Engine, out: &mut Vec<u8>) {
    let gauges = &engine.gauges;
    stat_number(out, "max_connections", engine.options.connections_max.get() as u64);
    stat_number(out, "curr_connections", gauges.connections.load(Relaxed) as u64);
    stat_number(out, "total_connections", gauges.connections_total.load(Relaxed));
    stat_number(out, "rejected_connections", gauges.connections_refused.load(Relaxed));
    stat_number(out, "bytes_read", gauges.read_bytes.load(Relaxed));
    stat_number(out, "bytes_written", gauges.written_bytes.load(Relaxed));
}

fn commands(engine: &Engine, out: &mut Vec<u8>) {
    let counted = engine.store.counters();
    for (name, number) in [
        ("cmd_get", counted.cmd_get),
        ("cmd_set", counted.cmd_set),
        ("cmd_flush", engine.flushes()),
        ("cmd_touch", counted.cmd_touch),
        ("cmd_meta", engine.metas()),
        ("get_hits", counted.get_hits),
        ("get_misses", counted.get_misses),
        ("get_expired", counted.get_expired),
        // What is flushed is gone at once, so nobody ever finds it.
        ("get_flushed", 0),
        ("delete_misses", counted.delete_misses),
        ("delete_hits", counted.delete_hits),
        ("incr_misses", counted.incr_misses),
        ("incr_hits", counted.incr_hits),
        ("decr_misses", counted.decr_misses),
        ("decr_hits", counted.decr_hits),
        ("cas_misses", counted.cas_misses),
        ("cas_hits", counted.cas_hits),
        ("cas_badval", counted.cas_badval),
        ("touch_hits", counted.touch_hits),
        ("touch_misses", counted.touch_misses),
        ("store_too_large", counted.store_too_large),
        ("store_no_memory", counted.store_no_memory),
        ("limit_maxbytes", counted.limit_maxbytes),
        ("bytes", counted.bytes),
        ("curr_items", counted.curr_items),
        ("total_items", counted.total_items),
        ("expired_unfetched", counted.expired_unfetched),
        ("evicted_unfetched", counted.evicted_unfetched),
        ("evictions", counted.evictions),
        ("reclaimed", counted.reclaimed),
    ] {
        stat_number(out, name, number);
    }
}

/// There are no slab classes, so all items are in the first.
fn items(engine: &Engine, out: &mut Vec<u8>) {
    let counted = engine.store.counters();
    if counted.curr_items == 0 {
        return;
    }
    for (name, number) in [
        ("items:1:number", counted.curr_items),
        ("items:1:mem_requested", counted.bytes),
        ("items:1:evicted", counted.evictions),
        ("items:1:outofmemory", counted.store_no_memory),
        ("items:1:reclaimed", counted.reclaimed),
        ("items:1:expired_unfetched", counted.expired_unfetched),
        ("items:1:evicted_unfetched", counted.evicted_unfetched),
    ] {
        stat_number(out, name, number);
    }
}

fn settings(engine: &Engine, out: &mut Vec<u8>) {
    let options = &engine.options;
    stat_number(out, "maxbytes", engine.store.counters().limit_maxbytes);
    stat_number(out, "maxconns", options.connections_max.get() as u64);
    stat_number(out, "tcpport", u64::from(options.port));
    stat_number(out, "udpport", 0);
    let addresses: Vec<String> = options.addresses.iter().map(ToString::to_string).collect();
    stat(out, "inter", &addresses.join(","));
    stat_number(out, "verbosity", u64::from(options.verbosity));
    stat(out, "evictions", if options.when_full == WhenFull::Evict { "on" } else { "off" });
    let path = options.unix_socket.as_ref().map(|socket| socket.path.display().to_string());
    stat(out, "domain_socket", path.as_deref().unwrap_or("NULL"));
    stat_number(out, "num_threads", options.threads.get() as u64);
    stat(out, "cas_enabled", "yes");
    stat(out, "auth_enabled_sasl", "no");
    stat_number(out, "item_size_max", options.item_bytes_max as u64);
    stat(out, "flush_enabled", yes_no(options.flush_all));
    stat(out, "shutdown_command", yes_no(options.shutdown));
}

const fn yes_no(permission: Permission) -> &'static str {
    match permission {
        Permission::Allowed => "yes",
        Permission::Refused => "no",
    }
}
