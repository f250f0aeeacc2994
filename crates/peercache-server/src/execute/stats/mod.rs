//! `stats`: the names are memcached's, so that what watches a memcached can watch this. What it has and the
//! engine has not is told as 0 where it cannot happen here, and left out where a 0 would be no answer.

use super::list;
use crate::engine::Engine;
use crate::options::Permission;
use peercache_core::protocol::memcached::response::line;
use peercache_engine::Now;

mod classes;
mod detail;
mod general;
mod settings;
mod usage;

pub(super) fn stats(engine: &Engine, about: &[u8], arguments: &[u8], now: Now, out: &mut Vec<u8>) {
    match about {
        b"" => general::push(engine, now, out),
        b"settings" => settings::push(engine, out),
        b"items" => classes::items(engine, out),
        b"slabs" => classes::slabs(engine, out),
        b"conns" => conns(engine, now, out),
        // As memcached answers that was not told to count them (`-o track_sizes`).
        b"sizes" => out.extend_from_slice(b"STAT sizes_status disabled\r\n"),
        b"cachedump" => return list::cachedump(engine, arguments, now, out),
        b"detail" => return detail::detail(engine, arguments, out),
        b"reset" => {
            engine.reset_counters();
            return line(out, b"RESET");
        }
        _ => return line(out, b"ERROR"),
    }
    line(out, b"END");
}

fn conns(engine: &Engine, now: Now, out: &mut Vec<u8>) {
    engine.connections.tell(now, |fd, name, value| {
        out.extend_from_slice(format!("STAT {fd}:{name} {value}\r\n").as_bytes());
    });
}

const fn yes_no(permission: Permission) -> &'static str {
    match permission {
        Permission::Allowed => "yes",
        Permission::Refused => "no",
    }
}
