//! `mg`: reads, touches, creates what is missing, and leases what is to be written anew.

use super::{bare, push_echo, push_ttl, vivify_exptime};
use crate::engine::Engine;
use peercache_core::protocol::memcached::request::{MetaFlags, MetaRequest};
use peercache_core::protocol::memcached::response;
use peercache_engine::{Death, Hit, Lease, Now, Read, Recache};

pub(super) fn get(engine: &Engine, request: &MetaRequest<'_>, now: Now, out: &mut Vec<u8>) {
    let flags = request.flags;
    let lease = Lease {
        vivify: vivify_exptime(flags),
        recache: flags.recache_exptime().map(|exptime| recache(flags, exptime)),
        version: flags.version(),
        packed_key: request.key.is_base64(),
    };
    let read = Read { touch: flags.exptime(), peeks: flags.has(b'u'), lease: Some(lease) };
    let placement = request.key.placement();
    let found = engine.store.read(placement.as_ref(), &read, now, |hit| push_hit(out, request, &hit, now));
    if found.is_none() && !flags.is_quiet() {
        bare(out, request, b"EN");
    }
}

/// memcached goes through the flags in order, so what `R` looks at depends on where `T` stands.
fn recache(flags: MetaFlags<'_>, exptime: i64) -> Recache {
    let after_touch = flags.iter().find_map(|(letter, _)| match letter {
        b'T' => Some(true),
        b'R' => Some(false),
        _ => None,
    });
    Recache { exptime, after_touch: after_touch.unwrap_or(false) }
}

fn push_hit(out: &mut Vec<u8>, request: &MetaRequest<'_>, hit: &Hit<'_>, now: Now) {
    let (item, flags) = (&hit.item, request.flags);
    // Whoever has this version already needs no value.
    let is_known = flags.cas_compare() == Some(item.version());
    let with_value = flags.has(b'v') && !is_known;
    if with_value {
        out.reserve(item.value().len() + 64);
        out.extend_from_slice(b"VA ");
        out.extend_from_slice(itoa::Buffer::new().format(item.value().len()).as_bytes());
    } else {
        out.extend_from_slice(b"HD");
    }
    // As in memcached, an item that was created has no expiry before its flag is reached.
    let mut death = if hit.created { Death::NEVER } else { item.death() };
    for (letter, argument) in flags.iter() {
        match letter {
            b'T' => death = flags.exptime().map_or(death, |exptime| Death::of(exptime, now)),
            b'N' if hit.created => {
                death = flags.autoviv_exptime().map_or(death, |exptime| Death::of(exptime, now));
            }
            b's' => response::flag_number(out, b's', item.value().len() as u64),
            b't' => push_ttl(out, death, now),
            b'c' => response::flag_number(out, b'c', item.version()),
            b'f' => response::flag_number(out, b'f', u64::from(item.flags())),
            b'l' => response::flag_number(out, b'l', item.idle_s(now)),
            b'h' => response::flag_number(out, b'h', u64::from(item.was_fetched())),
            b'k' => response::flag_key(out, item.key(), item.has_packed_key()),
            _ => push_echo(out, request, letter, argument),
        }
    }
    // Whether it was leased before: nobody is told both that he won and that another did.
    if item.is_leased() {
        out.extend_from_slice(b" Z");
    }
    if item.is_stale() {
        out.extend_from_slice(b" X");
    }
    if hit.won {
        out.extend_from_slice(b" W");
    }
    out.extend_from_slice(b"\r\n");
    if with_value {
        item.value().append_to(out);
        out.extend_from_slice(b"\r\n");
    }
}
