//! `stats` alone: the process, its connections, and what was asked of it.

use super::usage::usage;
use crate::connection::READ_BYTES_MAX;
use crate::engine::{Engine, VERSION};
use peercache_core::protocol::memcached::response::{stat, stat_number};
use peercache_engine::{CounterValues, Now};
use std::sync::atomic::Ordering::Relaxed;

pub(super) fn push(engine: &Engine, now: Now, out: &mut Vec<u8>) {
    let counted = engine.store.counters();
    process(engine, now, out);
    connections(engine, out);
    commands(engine, &counted, out);
    traffic(engine, &counted, out);
    table(engine, out);
    crawler(engine, out);
    what_cannot_happen(out);
    items(&counted, out);
}

fn push_all(out: &mut Vec<u8>, numbers: &[(&str, u64)]) {
    for &(name, number) in numbers {
        stat_number(out, name, number);
    }
}

fn process(engine: &Engine, now: Now, out: &mut Vec<u8>) {
    stat_number(out, "pid", u64::from(std::process::id()));
    stat_number(out, "uptime", engine.uptime_s());
    stat_number(out, "time", now.unix_s);
    stat(out, "version", VERSION);
    stat_number(out, "pointer_size", u64::from(usize::BITS));
    if let Some(usage) = usage() {
        let seconds = |us: u64| format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
        stat(out, "rusage_user", &seconds(usage.user_us));
        stat(out, "rusage_system", &seconds(usage.system_us));
    }
}

fn connections(engine: &Engine, out: &mut Vec<u8>) {
    let gauges = &engine.gauges;
    let connections = gauges.connections.load(Relaxed) as u64;
    let threads = engine.options.threads.get() as u64;
    push_all(
        out,
        &[
            ("max_connections", engine.options.connections_max.get() as u64),
            ("curr_connections", connections),
            ("total_connections", gauges.connections_total.load(Relaxed)),
            ("rejected_connections", gauges.connections_refused.load(Relaxed)),
            // A connection's structures go with it.
            ("connection_structures", connections),
            // Answers are written one behind the other, so there are no objects of them.
            ("response_obj_oom", 0),
            ("response_obj_count", 0),
            ("response_obj_bytes", 0),
            // All clients of a worker are read into one buffer.
            ("read_buf_count", threads),
            ("read_buf_bytes", threads * READ_BYTES_MAX as u64),
            ("read_buf_oom", 0),
        ],
    );
}

fn commands(engine: &Engine, counted: &CounterValues, out: &mut Vec<u8>) {
    push_all(
        out,
        &[
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
            ("auth_cmds", engine.gauges.logins.load(Relaxed)),
            ("auth_errors", engine.gauges.logins_refused.load(Relaxed)),
        ],
    );
}

fn traffic(engine: &Engine, counted: &CounterValues, out: &mut Vec<u8>) {
    let gauges = &engine.gauges;
    if engine.options.idle_timeout.is_some() {
        stat_number(out, "idle_kicks", gauges.idle_kicks.load(Relaxed));
    }
    push_all(
        out,
        &[
            ("bytes_read", gauges.read_bytes.load(Relaxed)),
            ("bytes_written", gauges.written_bytes.load(Relaxed)),
            ("limit_maxbytes", counted.limit_maxbytes),
            // Whoever comes is taken or refused at once: nobody is left waiting.
            ("accepting_conns", 1),
            ("listen_disabled_num", 0),
            ("time_in_listen_disabled_us", 0),
            ("threads", engine.options.threads.get() as u64),
            ("conn_yields", gauges.yields.load(Relaxed)),
        ],
    );
}

fn table(engine: &Engine, out: &mut Vec<u8>) {
    let table = engine.store.table_size();
    stat_number(out, "hash_power_level", u64::from(table.buckets.max(1).ilog2()));
    stat_number(out, "hash_bytes", table.bytes);
    // It grows by one bucket, within the write that needs it.
    stat_number(out, "hash_is_expanding", 0);
}

fn crawler(engine: &Engine, out: &mut Vec<u8>) {
    if engine.crawler.is_on() {
        stat_number(out, "lru_crawler_running", u64::from(engine.crawler.is_running()));
        stat_number(out, "lru_crawler_starts", engine.crawler.starts());
    }
}

fn what_cannot_happen(out: &mut Vec<u8>) {
    for name in [
        // No memory belongs to a class, so none is moved from one to another.
        "slab_reassign_rescues",
        "slab_reassign_chunk_rescues",
        "slab_reassign_inline_reclaim",
        "slab_reassign_busy_items",
        "slab_reassign_busy_deletes",
        "slab_reassign_busy_nomem",
        "slab_reassign_running",
        "slabs_moved",
        // Items have room before they are written, and without memory for anything else the process ends.
        "malloc_fails",
        // There is nothing to watch.
        "log_worker_dropped",
        "log_worker_written",
        "log_watcher_skipped",
        "log_watcher_sent",
        "log_watchers",
        // Threads are not chosen by network queues.
        "unexpected_napi_ids",
        "round_robin_fallback",
        // Nobody holds an item while others work.
        "lrutail_reflocked",
    ] {
        stat_number(out, name, 0);
    }
}

fn items(counted: &CounterValues, out: &mut Vec<u8>) {
    push_all(
        out,
        &[
            ("bytes", counted.bytes),
            ("curr_items", counted.curr_items),
            ("total_items", counted.total_items),
            ("expired_unfetched", counted.expired_unfetched),
            ("evicted_unfetched", counted.evicted_unfetched),
            ("evictions", counted.evictions),
            ("reclaimed", counted.reclaimed),
            ("crawler_reclaimed", counted.crawler_reclaimed),
        ],
    );
}
