//! `ms`: stores.

use super::super::write::{OUT_OF_MEMORY, TOO_LARGE};
use super::{bare, push_echo};
use crate::engine::Engine;
use peercache_core::protocol::memcached::request::MetaRequest;
use peercache_core::protocol::memcached::response;
use peercache_engine::{Now, Parcel, Put, Stored, Written};

pub(super) fn set(engine: &Engine, request: &MetaRequest<'_>, now: Now, out: &mut Vec<u8>) {
    let stored = engine.store.store(request.key.placement().as_ref(), &put(request), now);
    answer(request, stored, request.value.len(), out);
}

/// The same for a value that came into the store in pieces.
pub(in crate::execute) fn deliver(
    engine: &Engine,
    request: &MetaRequest<'_>,
    parcel: Parcel,
    now: Now,
    out: &mut Vec<u8>,
) {
    let value_bytes = parcel.value_bytes();
    let stored = engine.store.deliver(request.key.placement().as_ref(), &put(request), parcel, now);
    answer(request, stored, value_bytes, out);
}

fn put<'a>(request: &MetaRequest<'a>) -> Put<'a> {
    let flags = request.flags;
    Put {
        verb: request.store_verb(),
        flags: flags.client_flags().unwrap_or(0),
        exptime: flags.exptime().unwrap_or(0),
        value: request.value,
        // As in memcached, a version of 0 is none.
        compare: flags.cas_compare().filter(|&cas| cas != 0),
        vivify: flags.autoviv_exptime(),
        takes_stale: flags.has(b'I'),
        version: flags.version(),
        // As in memcached, whatever the mode.
        forgets: true,
        packed_key: request.key.is_base64(),
    }
}

fn answer(request: &MetaRequest<'_>, stored: Stored, value_bytes: usize, out: &mut Vec<u8>) {
    match stored {
        Stored::Stored(_) if request.flags.is_quiet() => {}
        Stored::Stored(written) => push(out, request, b"HD", written),
        refused @ (Stored::NotStored | Stored::Exists | Stored::NotFound) => {
            // memcached tells a version of 0 where nothing was stored.
            push(out, request, word(refused), Written { version: 0, value_bytes });
        }
        Stored::TooLarge => response::line(out, TOO_LARGE.as_bytes()),
        Stored::OutOfMemory => response::line(out, OUT_OF_MEMORY.as_bytes()),
    }
}

const fn word(refused: Stored) -> &'static [u8] {
    match refused {
        Stored::Exists => b"EX",
        Stored::NotFound => b"NF",
        _ => b"NS",
    }
}

fn push(out: &mut Vec<u8>, request: &MetaRequest<'_>, word: &[u8], written: Written) {
    if !request.flags.has(b'c') && !request.flags.has(b's') {
        return bare(out, request, word);
    }
    out.extend_from_slice(word);
    for (letter, argument) in request.flags.iter() {
        match letter {
            b'c' => response::flag_number(out, b'c', written.version),
            b's' => response::flag_number(out, b's', written.value_bytes as u64),
            _ => push_echo(out, request, letter, argument),
        }
    }
    out.extend_from_slice(b"\r\n");
}
