//! Which meta commands are decoded, what of them, and which are refused in which words.

use crate::key::Key;
use crate::protocol::memcached::request::{
    CountVerb, Decoded, Edition, Limits, MetaKey, MetaRequest, MetaVerb, Reason, Refused, Request, StoreVerb,
    decode,
};
use alloc::format;
use alloc::vec::Vec;

const LIMITS: Limits = Limits { value_bytes_max: 100, edition: Edition::Common };

fn meta(line: &[u8]) -> MetaRequest<'_> {
    match decode(line, &LIMITS) {
        Decoded::Request { request: Request::Meta(meta), bytes } if bytes == line.len() => meta,
        other => panic!("{}: {other:?}", line.escape_ascii()),
    }
}

fn refused(line: &[u8]) -> Refused<'_> {
    match decode(line, &LIMITS) {
        Decoded::Refused(refused) => refused,
        other => panic!("{}: {other:?}", line.escape_ascii()),
    }
}

#[test]
fn a_meta_get_keeps_its_flags_in_order() {
    let request = meta(b"mg foo v  t Oq1 N30 R-1 T60 q\r\n");
    assert_eq!((request.verb, request.key), (MetaVerb::Get, MetaKey::plain(Key::new(b"foo").unwrap())));
    let flags: Vec<_> = request.flags.iter().collect();
    let expected: [(u8, &[u8]); 7] =
        [(b'v', b""), (b't', b""), (b'O', b"q1"), (b'N', b"30"), (b'R', b"-1"), (b'T', b"60"), (b'q', b"")];
    assert_eq!(flags, expected);
    assert!(request.flags.is_quiet() && request.flags.has(b't') && !request.flags.has(b'k'));
    assert_eq!(request.flags.opaque(), Some(&b"q1"[..]));
    assert_eq!(request.flags.autoviv_exptime(), Some(30));
    assert_eq!(request.flags.recache_exptime(), Some(-1));
    assert_eq!(request.flags.exptime(), Some(60));
    assert_eq!(request.flags.cas_compare(), None);
    assert_eq!(meta(b"mg foo\n").flags.iter().count(), 0);
}

#[test]
fn a_meta_set_borrows_its_value_and_says_how_to_store_it() {
    let request = meta(b"ms foo 4 F7 T-1 c\r\na\r\nb\r\n");
    assert_eq!((request.value, request.store_verb()), (&b"a\r\nb"[..], StoreVerb::Set));
    assert_eq!((request.flags.client_flags(), request.flags.exptime()), (Some(7), Some(-1)));
    let verb = |flags: &str| meta(format!("ms foo 0 {flags}\r\n\r\n").as_bytes()).store_verb();
    assert_eq!(verb("MS"), StoreVerb::Set);
    assert_eq!(verb("ME C5"), StoreVerb::Add);
    assert_eq!(verb("MA C5"), StoreVerb::Append);
    assert_eq!(verb("MP"), StoreVerb::Prepend);
    assert_eq!(verb("MR"), StoreVerb::Replace);
    assert_eq!(verb("MR C5"), StoreVerb::Cas(5));
    assert_eq!(verb("C18446744073709551615"), StoreVerb::Cas(u64::MAX));
}

#[test]
fn meta_arithmetic_tells_its_numbers() {
    let request = meta(b"ma n N0 J13 D7 M- T5 C3\r\n");
    assert_eq!(request.count_verb(), CountVerb::Decr);
    assert_eq!((request.flags.delta(), request.flags.initial()), (Some(7), Some(13)));
    assert_eq!((request.flags.autoviv_exptime(), request.flags.cas_compare()), (Some(0), Some(3)));
    for (mode, verb) in
        [("MI", CountVerb::Incr), ("M+", CountVerb::Incr), ("MD", CountVerb::Decr), ("q", CountVerb::Incr)]
    {
        assert_eq!(meta(format!("ma n {mode}\r\n").as_bytes()).count_verb(), verb, "{mode}");
    }
}

#[test]
fn every_flag_goes_with_every_command() {
    let flags = "b c f h k l q s t u v C1 D1 F1 I Lx";
    for line in [format!("mg Zm9v {flags}"), format!("md Zm9v {flags}"), format!("ma Zm9v {flags}")] {
        assert!(meta(format!("{line}\r\n").as_bytes()).key.is_base64());
    }
    let set = format!("ms Zm9v 0 {}\r\n\r\n", &flags[2..]);
    assert!(!meta(set.as_bytes()).key.is_base64());
    assert_eq!(meta(b"md foo q I T30 vwords\r\n").flags.iter().count(), 4, "words behind a letter are free");
}

#[test]
fn wrong_flags_are_told_in_memcacheds_words() {
    let long = format!("O{}", "x".repeat(32));
    let many = "v ".repeat(18);
    let table = [
        ("v v", "duplicate flag"),
        ("v \u{fc}", "duplicate flag"),
        ("E5", "invalid flag"),
        ("9", "invalid flag"),
        ("Tx", "bad token in command line format"),
        ("T", "bad token in command line format"),
        ("Nx", "bad token in command line format"),
        ("R1x", "bad token in command line format"),
        ("C-1", "bad token in command line format"),
        ("Fx", "bad command line format"),
        ("Tx Fx", "bad token in command line format"),
        ("Fx Dx", "invalid numeric delta value"),
        ("Dx Jx", "invalid numeric initial value"),
        ("Tx M", "incorrect length for M token"),
        ("MSS", "incorrect length for M token"),
        ("b", "error decoding key"),
        ("O\0 v", "bad command line format"),
        (&long, "opaque token too long"),
        (&many, "options flags are too long"),
    ];
    for (flags, words) in table {
        let line = format!("mg foo {flags}\r\n");
        let answer = format!("CLIENT_ERROR {words}");
        assert_eq!(refused(line.as_bytes()).answer, Some(answer.as_str()), "{flags}");
    }
    for verb in ["md", "ma"] {
        let answer = |flags: &str| {
            let line = format!("{verb} foo q {flags}\r\n");
            refused(line.as_bytes()).answer.unwrap()
        };
        assert_eq!(answer("E"), "CLIENT_ERROR invalid or duplicate flag");
        assert_eq!(answer("Tx"), "CLIENT_ERROR invalid or duplicate flag");
        assert_eq!(answer(&long), "CLIENT_ERROR opaque token too long");
        assert_eq!(answer(&many), "CLIENT_ERROR options flags too long");
    }
    assert_eq!(refused(b"ma n Mx\r\n").answer, Some("CLIENT_ERROR invalid mode for ma M token"));
    assert_eq!(meta(b"md n Mx\r\n").flags.mode(), Some(b'x'), "who has no modes takes any");
}

#[test]
fn a_line_without_a_usable_key_is_refused() {
    let long = format!("mg {} v\r\n", "k".repeat(251));
    for line in [long.as_bytes(), b"mg a\tb v\r\n"] {
        assert_eq!(refused(line).answer, Some("CLIENT_ERROR bad command line format"));
    }
    for line in [&b"mg\r\n"[..], b"ms\r\n", b"md\r\n", b"ma\r\n"] {
        assert_eq!(refused(line).answer, Some("ERROR"));
    }
}

#[test]
fn the_body_of_a_refused_meta_set_is_swallowed_and_its_refusal_told() {
    let many = format!("ms foo 9 {}", "v ".repeat(17));
    let key = format!("ms {} 9 q", "k".repeat(251));
    for (line, words) in [
        ("ms foo 9 q Tx", "CLIENT_ERROR bad token in command line format"),
        ("ms foo 9 q v v", "CLIENT_ERROR duplicate flag"),
        ("ms foo 9 Mx", "CLIENT_ERROR invalid mode for ms M token"),
        ("ms foo 9 Me", "CLIENT_ERROR invalid mode for ms M token"),
        (&many, "CLIENT_ERROR options flags too long"),
        (&key, "CLIENT_ERROR bad command line format"),
    ] {
        let line = format!("{line}\r\nflush_all\r\n");
        let refused = refused(line.as_bytes());
        assert_eq!((refused.answer, refused.swallow, refused.forget), (Some(words), 11, None), "{line}");
    }
    assert_eq!(refused(b"ms foo -1 v\r\n").swallow, 0, "no body is that short");
    let chunk = refused(b"ms foo 2 q\r\nabcd");
    assert_eq!((chunk.answer, chunk.bytes), (Some("CLIENT_ERROR bad data chunk"), 16));
}

#[test]
fn a_meta_set_of_unknown_length_closes_the_connection() {
    for line in [&b"ms foo\r\n"[..], b"ms foo S5\r\n", b"ms foo x v\r\n", b"ms foo 2147483646\r\n"] {
        let closed = Decoded::Close {
            answer: Some("CLIENT_ERROR bad command line format"),
            reason: Reason::BodyLengthUnknown,
        };
        assert_eq!(decode(line, &LIMITS), closed, "{}", line.escape_ascii());
    }
}

#[test]
fn a_meta_set_that_is_too_large_forgets_what_was_there_in_every_mode() {
    let large = refused(b"ms Zm9v 101 b ME q\r\n");
    assert_eq!(large.answer, Some("SERVER_ERROR object too large for cache"));
    assert_eq!((large.swallow, large.forget.unwrap().placement().as_ref()), (103, &b"foo"[..]));
}

#[test]
fn the_key_of_a_meta_debug_may_be_base64() {
    let key = |line: &'static [u8]| match decode(line, &LIMITS) {
        Decoded::Request { request: Request::Inspect(key), .. } => key,
        other => panic!("{other:?}"),
    };
    assert_eq!(key(b"me Zm9v b\r\n").placement().as_ref(), b"foo");
    assert_eq!(key(b"me Zm9v v b\r\n").placement().as_ref(), b"Zm9v");
    assert_eq!(refused(b"me foo b\r\n").answer, Some("CLIENT_ERROR bad command line format"));
}
