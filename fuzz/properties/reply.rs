//! What holds for whatever a peer answers, in every shape: packets do not matter, nothing panics, and an
//! answer that is no answer is noticed in every packet alike.

use crate::stream::{Step, every_cut_is_no_cut};
use peercache_core::protocol::memcached::reply::{Decoded, Reply, Shape, decode, flag, number, refusal};

/// Small, so that values that are too large are not rare.
const VALUE_BYTES_MAX: usize = 200;

/// Holds all of it against `stream`.
pub(crate) fn hold(stream: &[u8]) {
    for shape in [Shape::Values, Shape::Line, Shape::Meta, Shape::Stats] {
        every_cut_is_no_cut(stream, |(): &mut (), held, log| match decode(shape, held, VALUE_BYTES_MAX) {
            Decoded::Incomplete(bytes_needed) => Step::Wants(bytes_needed),
            Decoded::Reply(reply, bytes) => {
                check(shape, &reply);
                log.push(format!("{reply:?} {}", reply.is_last()));
                Step::Took(bytes)
            }
            Decoded::Malformed => Step::Over,
        });
    }
}

fn check(shape: Shape, reply: &Reply<'_>) {
    match *reply {
        Reply::Value { key, data, .. } => {
            assert!(shape == Shape::Values && !key.is_empty() && data.len() <= VALUE_BYTES_MAX);
        }
        Reply::MetaValue { flags, data } => {
            assert!(shape == Shape::Meta && data.len() <= VALUE_BYTES_MAX && !flags.contains(&b'\n'));
            assert!(flag(flags, b'k').is_none_or(|key| !key.contains(&b' ')));
        }
        Reply::Stat { name, value } => {
            assert!(shape == Shape::Stats && !name.contains(&b' '));
            let _ = number(value);
        }
        Reply::End => assert!(matches!(shape, Shape::Values | Shape::Stats)),
        Reply::Line(line) => {
            assert!(matches!(shape, Shape::Line | Shape::Meta) && !line.contains(&b'\n'));
            let _ = flag(line, b'c');
        }
        Reply::Refused(line) => assert!(!refusal(line).to_string().is_empty()),
    }
}
