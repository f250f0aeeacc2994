//! What holds for whatever a client sends: packets do not matter, nothing panics, and what is handed on is
//! what it says it is.

use crate::stream::{Step, every_cut_is_no_cut};
use peercache_core::key::{KEY_BYTES_MAX, Key};
use peercache_core::protocol::memcached::request::{
    Decoded, Edition, Limits, MetaKey, MetaRequest, Refused, Request, VALUE_END, decode,
};

/// Small, so that values that are too large are not rare.
const LIMITS: Limits = Limits { value_bytes_max: 200, edition: Edition::Current };

/// Bytes that still belong to a refused request.
#[derive(Default)]
struct Swallow(u64);

/// Holds all of it against `stream`.
pub(crate) fn hold(stream: &[u8]) {
    every_cut_is_no_cut(stream, |swallow: &mut Swallow, held, log| {
        if swallow.0 > 0 {
            let gone = usize::try_from(swallow.0).unwrap_or(usize::MAX).min(held.len());
            swallow.0 -= gone as u64;
            return Step::Took(gone);
        }
        match decode(held, &LIMITS) {
            Decoded::Incomplete { bytes_needed } => Step::Wants(bytes_needed),
            Decoded::Announced { request, bytes, value_bytes } => {
                check(&request, b"\r\n");
                Step::Wants(bytes + value_bytes + VALUE_END.len())
            }
            Decoded::Request { request, bytes } => {
                check(&request, &held[..bytes]);
                log.push(format!("{request:?}"));
                Step::Took(bytes)
            }
            Decoded::Refused(refused) => {
                check_refused(&refused);
                log.push(format!("{:?} {:?} {}", refused.answer, refused.forget, refused.swallow));
                swallow.0 = refused.swallow;
                Step::Took(refused.bytes)
            }
            Decoded::Close { answer, reason } => {
                assert!(!reason.as_str().is_empty());
                log.push(format!("{answer:?} {reason:?}"));
                Step::Over
            }
        }
    });
}

fn check(request: &Request<'_>, bytes: &[u8]) {
    match *request {
        Request::Get { keys, .. } => assert!(keys.iter().count() > 0),
        Request::GetAndTouch { keys, .. } => keys.iter().for_each(|key| check_key(MetaKey::plain(key))),
        Request::Store { key, value, .. } => {
            check_key(MetaKey::plain(key));
            check_value(value, bytes);
        }
        Request::Inspect(key) => check_key(key),
        Request::Meta(meta) => {
            check_meta(&meta);
            if !meta.value.is_empty() {
                check_value(meta.value, bytes);
            }
        }
        _ => {}
    }
}

fn check_value(value: &[u8], bytes: &[u8]) {
    assert!(value.len() <= LIMITS.value_bytes_max);
    assert!(bytes.strip_suffix(b"\r\n").is_some_and(|bytes| bytes.ends_with(value)));
}

fn check_meta(meta: &MetaRequest<'_>) {
    let flags = meta.flags;
    check_key(meta.key);
    assert_eq!(flags.has(b'b'), meta.key.is_base64());
    let mut seen = Vec::new();
    for (letter, argument) in flags.iter() {
        assert!(letter.is_ascii_alphabetic() && !seen.contains(&letter));
        assert_eq!(flags.argument(letter), Some(argument));
        assert!(!argument.iter().any(u8::is_ascii_control));
        seen.push(letter);
    }
    // Whatever letter is there has an argument that can be read.
    for (letter, reads) in [
        (b'C', flags.cas_compare().is_some()),
        (b'D', flags.delta().is_some()),
        (b'F', flags.client_flags().is_some()),
        (b'J', flags.initial().is_some()),
        (b'M', flags.mode().is_some()),
        (b'N', flags.autoviv_exptime().is_some()),
        (b'O', flags.opaque().is_some_and(|opaque| opaque.len() < 32)),
        (b'R', flags.recache_exptime().is_some()),
        (b'T', flags.exptime().is_some()),
        (b'q', flags.is_quiet()),
    ] {
        assert_eq!(flags.has(letter), reads, "{}", letter as char);
    }
    let _ = (meta.store_verb(), meta.count_verb());
}

/// A key names bytes, and what is echoed of it names the same bytes.
fn check_key(key: MetaKey<'_>) {
    let placement = key.placement();
    assert!((1..=KEY_BYTES_MAX).contains(&placement.as_ref().len()));
    let mut echo = Vec::new();
    key.encode_echo(&mut echo);
    let text = echo.strip_prefix(b" k").expect("an echo begins with its letter");
    let back = match key.is_base64() {
        true => text.strip_suffix(b" b").and_then(|text| MetaKey::base64(Key::new(text).ok()?)),
        false => Key::new(text).ok().map(MetaKey::plain),
    };
    let back = back.expect("an echo is a key").placement();
    assert_eq!(back.as_ref(), placement.as_ref());
}

fn check_refused(refused: &Refused<'_>) {
    assert!(refused.answer.is_none_or(|line| !line.is_empty() && !line.contains(['\r', '\n'])));
    assert!(refused.swallow <= i32::MAX as u64, "no client can announce a longer body");
    if let Some(key) = refused.forget {
        check_key(key);
    }
}
