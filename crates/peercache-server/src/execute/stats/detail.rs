//! `stats detail`: what is asked of keys that begin alike.

use crate::engine::Engine;
use crate::options::{Detail, Permission};
use peercache_core::protocol::memcached::response::line;

pub(super) fn detail(engine: &Engine, arguments: &[u8], out: &mut Vec<u8>) {
    if engine.options.dumps == Permission::Refused {
        return line(out, b"CLIENT_ERROR stats detail not allowed");
    }
    match arguments.trim_ascii().split(|&byte| byte == b' ').next() {
        Some(b"on") => engine.prefixes.switch(Detail::On),
        Some(b"off") => engine.prefixes.switch(Detail::Off),
        Some(b"dump") => {
            engine.prefixes.push(out);
            return line(out, b"END");
        }
        _ => return line(out, b"CLIENT_ERROR usage: stats detail on|off|dump"),
    }
    line(out, b"OK");
}
