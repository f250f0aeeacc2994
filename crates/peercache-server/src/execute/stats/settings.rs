//! `stats settings`: how the engine is set up. What tunes parts of memcached that are not here is left out.

use super::yes_no;
use crate::engine::Engine;
use crate::options::Protocol;
use peercache_core::protocol::memcached::response::{stat, stat_number};
use peercache_engine::{Versions, WhenFull};

pub(super) fn push(engine: &Engine, out: &mut Vec<u8>) {
    listening(engine, out);
    limits(engine, out);
    permissions(engine, out);
}

fn listening(engine: &Engine, out: &mut Vec<u8>) {
    let options = &engine.options;
    stat_number(out, "tcpport", u64::from(options.port));
    stat_number(out, "udpport", 0);
    let addresses: Vec<String> = options.addresses.iter().map(ToString::to_string).collect();
    stat(out, "inter", if addresses.is_empty() { "NULL".to_owned() } else { addresses.join(",") }.as_str());
    let socket = options.unix_socket.as_ref();
    let path = socket.map(|socket| socket.path.display().to_string());
    stat(out, "domain_socket", path.as_deref().unwrap_or("NULL"));
    if let Some(socket) = socket {
        stat(out, "umask", &format!("{:o}", socket.mode));
    }
    stat_number(out, "tcp_backlog", u64::from(options.backlog.get()));
    // The binary protocol is not spoken, whatever was asked for.
    let protocol = if options.protocol == Protocol::Auto { "auto-negotiate" } else { "ascii" };
    stat(out, "binding_protocol", protocol);
}

fn limits(engine: &Engine, out: &mut Vec<u8>) {
    let options = &engine.options;
    stat_number(out, "maxbytes", engine.store.counters().limit_maxbytes);
    stat_number(out, "maxconns", options.connections_max.get() as u64);
    // Who finds no place is told so, and never left waiting.
    stat(out, "maxconns_fast", "yes");
    stat(out, "evictions", if options.when_full == WhenFull::Evict { "on" } else { "off" });
    stat_number(out, "item_size_max", options.item_bytes_max as u64);
    stat_number(out, "num_threads", options.threads.get() as u64);
    stat_number(out, "verbosity", u64::from(options.verbosity));
    if let Some(requests) = options.requests_per_turn {
        stat_number(out, "reqs_per_event", u64::from(requests.get()));
    }
    stat_number(out, "idle_timeout", options.idle_timeout.map_or(0, |timeout| timeout.as_secs()));
    stat_number(out, "client_flags_size", u64::from(u32::BITS / u8::BITS));
    stat(out, "hash_algorithm", "xxh3");
}

fn permissions(engine: &Engine, out: &mut Vec<u8>) {
    let options = &engine.options;
    stat(out, "cas_enabled", if options.versions == Versions::Kept { "yes" } else { "no" });
    stat(out, "auth_enabled_sasl", "no");
    let auth_file = options.auth_file.as_ref().map(|path| path.display().to_string());
    stat(out, "auth_enabled_ascii", auth_file.as_deref().unwrap_or("no"));
    stat(out, "flush_enabled", yes_no(options.flush_all));
    stat(out, "dump_enabled", yes_no(options.dumps));
    stat(out, "shutdown_command", yes_no(options.shutdown));
    stat(out, "stat_key_prefix", &char::from(options.prefix_delimiter).to_string());
    stat(out, "detail_enabled", if engine.prefixes.is_on() { "yes" } else { "no" });
    stat(out, "lru_crawler", if engine.crawler.is_on() { "yes" } else { "no" });
    stat_number(out, "lru_crawler_sleep", u64::from(engine.crawler.rest_us()));
    stat(out, "track_sizes", "no");
}
