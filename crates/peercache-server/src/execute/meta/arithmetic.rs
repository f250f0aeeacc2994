//! `ma`: counts.

use super::super::count::{NOT_A_NUMBER, OUT_OF_MEMORY};
use super::{bare, push_echo, push_ttl, vivify_exptime};
use crate::engine::Engine;
use peercache_core::protocol::memcached::request::MetaRequest;
use peercache_core::protocol::memcached::response;
use peercache_engine::{Count, Counted, Death, Now};

pub(super) fn count(engine: &Engine, request: &MetaRequest<'_>, now: Now, out: &mut Vec<u8>) {
    let flags = request.flags;
    let count = Count {
        verb: request.count_verb(),
        delta: flags.delta().unwrap_or(1),
        // As in memcached, a version of 0 is none.
        compare: flags.cas_compare().filter(|&cas| cas != 0),
        vivify: vivify_exptime(flags).map(|exptime| (flags.initial().unwrap_or(0), exptime)),
        touch: flags.exptime(),
        version: flags.version(),
        packed_key: request.key.is_base64(),
    };
    let placement = request.key.placement();
    match engine.store.count(placement.as_ref(), &count, now) {
        Counted::Counted { .. } if flags.is_quiet() => {}
        Counted::Counted { number, version, death, created } => {
            push(out, request, &Told { number, version, death, created }, now);
        }
        Counted::NotFound => bare(out, request, b"NF"),
        Counted::Exists => bare(out, request, b"EX"),
        Counted::NotANumber => response::line(out, NOT_A_NUMBER.as_bytes()),
        Counted::OutOfMemory => response::line(out, OUT_OF_MEMORY.as_bytes()),
    }
}

/// What may be told of a counter.
struct Told {
    number: u64,
    version: u64,
    death: Death,
    created: bool,
}

fn push(out: &mut Vec<u8>, request: &MetaRequest<'_>, told: &Told, now: Now) {
    let flags = request.flags;
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(told.number).as_bytes();
    if flags.has(b'v') {
        out.extend_from_slice(b"VA ");
        out.extend_from_slice(itoa::Buffer::new().format(digits.len()).as_bytes());
    } else {
        out.extend_from_slice(b"HD");
    }
    let mut death = told.death;
    for (letter, argument) in flags.iter() {
        match letter {
            b'T' => death = flags.exptime().map_or(death, |exptime| Death::of(exptime, now)),
            b'N' if told.created => {
                death = flags.autoviv_exptime().map_or(death, |exptime| Death::of(exptime, now));
            }
            b'c' => response::flag_number(out, b'c', told.version),
            b't' => push_ttl(out, death, now),
            _ => push_echo(out, request, letter, argument),
        }
    }
    out.extend_from_slice(b"\r\n");
    if flags.has(b'v') {
        response::line(out, digits);
    }
}
