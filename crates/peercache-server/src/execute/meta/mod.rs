//! Meta commands: `mg`, `ms`, `md`, `ma`.
//!
//! An answer is two letters and the flags that were asked for, in the client's order. `q` hides the answer
//! that goes without saying: that a read found nothing, or that a write was done.

use crate::engine::Engine;
use peercache_core::protocol::memcached::request::{MetaFlags, MetaRequest, MetaVerb};
use peercache_core::protocol::memcached::response;
use peercache_engine::{Death, Now};

mod arithmetic;
mod delete;
mod get;
mod set;

pub(super) use set::deliver;

/// Does what `request` asks and appends its answer to `out`.
pub(super) fn execute(engine: &Engine, request: &MetaRequest<'_>, now: Now, out: &mut Vec<u8>) {
    match request.verb {
        MetaVerb::Get => get::get(engine, request, now, out),
        MetaVerb::Set => set::set(engine, request, now, out),
        MetaVerb::Delete => delete::delete(engine, request, now, out),
        MetaVerb::Arithmetic => arithmetic::count(engine, request, now, out),
    }
}

/// The expiry of what is created: the last that is named, since memcached goes through the flags in order.
fn vivify_exptime(flags: MetaFlags<'_>) -> Option<i64> {
    let created = flags.autoviv_exptime()?;
    let last = flags.iter().filter(|(letter, _)| matches!(letter, b'N' | b'T')).last();
    Some(last.filter(|(letter, _)| *letter == b'T').and_then(|_| flags.exptime()).unwrap_or(created))
}

/// The flags that every answer repeats: the key and the opaque bytes.
fn push_echo(out: &mut Vec<u8>, request: &MetaRequest<'_>, letter: u8, argument: &[u8]) {
    match letter {
        b'k' => request.key.encode_echo(out),
        b'O' => {
            out.extend_from_slice(b" O");
            out.extend_from_slice(argument);
        }
        _ => {}
    }
}

/// A line of two letters with nothing but what every answer repeats.
fn bare(out: &mut Vec<u8>, request: &MetaRequest<'_>, word: &[u8]) {
    out.extend_from_slice(word);
    request.flags.iter().for_each(|(letter, argument)| push_echo(out, request, letter, argument));
    out.extend_from_slice(b"\r\n");
}

/// The flag `t`: seconds until an item expires, -1 is never.
fn push_ttl(out: &mut Vec<u8>, death: Death, now: Now) {
    match death.comes_in_s(now) {
        Some(seconds) => response::flag_number(out, b't', seconds),
        None => out.extend_from_slice(b" t-1"),
    }
}
