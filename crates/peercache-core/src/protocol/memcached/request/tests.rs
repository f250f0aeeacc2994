//! What is decoded, what is refused, and that packets do not matter.

use super::*;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};

const LIMITS: Limits = Limits { value_bytes_max: 100, edition: Edition::Common };

/// What a server would do with a stream of bytes, in words.
fn run(stream: &[u8], cuts: &[usize]) -> Vec<String> {
    let (mut log, mut held, mut swallow) = (Vec::new(), Vec::new(), 0u64);
    let ends = cuts.iter().copied().chain([stream.len()]);
    let mut start = 0;
    for end in ends {
        held.extend_from_slice(&stream[start..end]);
        start = end;
        if !advance(&mut held, &mut swallow, &mut log) {
            return log;
        }
    }
    log.push(format!("{} bytes left, {swallow} to swallow", held.len()));
    log
}

fn advance(held: &mut Vec<u8>, swallow: &mut u64, log: &mut Vec<String>) -> bool {
    loop {
        let gone = usize::try_from(*swallow).unwrap().min(held.len());
        held.drain(..gone);
        *swallow -= gone as u64;
        if held.is_empty() {
            return true;
        }
        let taken = match decode(held, &LIMITS) {
            Decoded::Incomplete { bytes_needed } => {
                assert!(bytes_needed > held.len());
                return true;
            }
            Decoded::Announced { bytes, value_bytes, .. } => {
                assert!(bytes + value_bytes + VALUE_END.len() > held.len());
                return true;
            }
            Decoded::Request { request, bytes } => {
                log.push(format!("{request:?}"));
                bytes
            }
            Decoded::Refused(refused) => {
                log.push(format!("{:?}, forgets {:?}", refused.answer, refused.forget));
                *swallow = refused.swallow;
                refused.bytes
            }
            Decoded::Close { answer, reason } => {
                log.push(format!("closed: {answer:?} {reason:?}"));
                return false;
            }
        };
        assert!(taken > 0 && taken <= held.len());
        held.drain(..taken);
    }
}

fn whole(stream: &[u8]) -> Vec<String> {
    run(stream, &[])
}

fn request(line: &[u8]) -> Request<'_> {
    match decode(line, &LIMITS) {
        Decoded::Request { request, bytes } if bytes == line.len() => request,
        other => panic!("{}: {other:?}", line.escape_ascii()),
    }
}

fn key(bytes: &[u8]) -> Key<'_> {
    Key::new(bytes).unwrap()
}

#[test]
fn a_set_borrows_its_parts() {
    let expected = Request::Store {
        verb: StoreVerb::Set,
        key: key(b"k"),
        flags: 7,
        exptime: -1,
        value: b"a\r\nb",
        answer: Answer::Wanted,
    };
    assert_eq!(request(b"set k 7 -1 4\r\na\r\nb\r\n"), expected);
    assert_eq!(request(b" set  k 7  -1 4 \na\r\nb\r\n"), expected, "spaces and a bare LF change nothing");
}

#[test]
fn the_keys_of_a_multiget_stay_in_order() {
    let Request::Get { keys, versions } = request(b"gets b a  b\r\n") else { panic!("no get") };
    assert_eq!(versions, Versions::Shown);
    assert_eq!(keys.iter().collect::<Vec<_>>(), [key(b"b"), key(b"a"), key(b"b")]);
    let Request::GetAndTouch { keys, exptime, .. } = request(b"gat 100 a b\r\n") else { panic!("no gat") };
    assert_eq!((exptime, keys.iter().count()), (100, 2));
}

#[test]
fn every_command_is_known() {
    let store = |verb, value| Request::Store {
        verb,
        key: key(b"k"),
        flags: 0,
        exptime: 0,
        value,
        answer: Answer::Unwanted,
    };
    let (k, delta, answer) = (key(b"k"), 5, Answer::Unwanted);
    let table: Vec<(&[u8], Request<'_>)> = vec![
        (b"add k 0 0 1 noreply\r\n1\r\n", store(StoreVerb::Add, b"1")),
        (b"replace k 0 0 1 noreply\r\n1\r\n", store(StoreVerb::Replace, b"1")),
        (b"append k 0 0 1 noreply\r\n1\r\n", store(StoreVerb::Append, b"1")),
        (b"prepend k 0 0 0 noreply\r\n\r\n", store(StoreVerb::Prepend, b"")),
        (b"cas k 0 0 1 9 noreply\r\n1\r\n", store(StoreVerb::Cas(9), b"1")),
        (b"incr k 5 noreply\r\n", Request::Count { verb: CountVerb::Incr, key: k, delta, answer }),
        (b"decr k 5 noreply\r\n", Request::Count { verb: CountVerb::Decr, key: k, delta, answer }),
        (b"touch k 5 noreply\r\n", Request::Touch { key: k, exptime: 5, answer }),
        (b"delete k noreply\r\n", Request::Delete { key: k, answer }),
        (b"delete k 0 noreply\r\n", Request::Delete { key: k, answer }),
        (b"flush_all noreply\r\n", Request::FlushAll { exptime: 0, answer }),
        (b"flush_all 10 noreply\r\n", Request::FlushAll { exptime: 10, answer }),
        (b"flush_all 10\r\n", Request::FlushAll { exptime: 10, answer: Answer::Wanted }),
        (b"verbosity 2 noreply\r\n", Request::Verbosity { level: 2, answer }),
        (b"me k\r\n", Request::Inspect(MetaKey::plain(k))),
        (b"stats items\r\n", Request::Stats { about: b"items", arguments: b"" }),
        (b"mn\r\n", Request::Noop),
        (b"version\r\n", Request::Version),
        (
            b"shutdown graceful\r\n",
            Request::Admin { verb: AdminVerb::Shutdown, arguments: b"graceful", answer: Answer::Wanted },
        ),
        (b"quit\r\n", Request::Quit),
    ];
    for (line, expected) in table {
        assert_eq!(request(line), expected, "{}", line.escape_ascii());
    }
}

#[test]
fn a_body_behind_a_refused_header_is_swallowed() {
    let long = "k".repeat(251);
    for header in [
        format!("set {long} 0 0 9"),
        "set k x 0 9".into(),
        "set k 4294967296 0 9".into(),
        "set k 0 x 9".into(),
        "set k\tx 0 0 9".into(),
        "cas k 0 0 9 x".into(),
        "cas k 0 0 9".into(),
    ] {
        let log = whole(format!("{header}\r\nflush_all\r\nmn\r\n").as_bytes());
        let refused = "Some(\"CLIENT_ERROR bad command line format\"), forgets None";
        assert_eq!(log, [refused, "Noop", "0 bytes left, 0 to swallow"], "{header}");
    }
    let silent = whole(b"set k x 0 9 noreply\r\nflush_all\r\nmn\r\n");
    assert_eq!(silent, ["None, forgets None", "Noop", "0 bytes left, 0 to swallow"]);
}

#[test]
fn a_body_of_unknown_length_closes_the_connection() {
    let headers = [
        "set my key 0 0 9",
        "set  0 0 9",
        "set k 0 0",
        "set k 0 0 x",
        "set k 0 0 4294967296",
        "ms k x",
        "ms k ",
        "cas  0 0 9 1",
    ];
    for header in headers {
        let log = whole(format!("{header}\r\nflush_all\r\n").as_bytes());
        assert_eq!(log.len(), 1, "{header}: {log:?}");
        assert!(log[0].ends_with("BodyLengthUnknown"), "{header}: {log:?}");
    }
}

#[test]
fn a_body_that_cannot_exist_is_not_waited_for() {
    let refused = "Some(\"CLIENT_ERROR bad command line format\"), forgets None";
    assert_eq!(whole(b"set k 0 0 -1\r\nmn\r\n")[..2], [refused, "Noop"]);
    assert_eq!(whole(b"set\r\nmn\r\n")[..2], ["Some(\"ERROR\"), forgets None", "Noop"]);
}

#[test]
fn a_value_that_is_too_large_is_swallowed_and_its_predecessor_forgotten() {
    let body = "x".repeat(101);
    let log = whole(format!("set k 0 0 101\r\n{body}\r\nadd k 0 0 101\r\n{body}\r\nmn\r\n").as_bytes());
    let set = "Some(\"SERVER_ERROR object too large for cache\"), forgets Some(MetaKey(k))";
    let add = "Some(\"SERVER_ERROR object too large for cache\"), forgets None";
    assert_eq!(log, [set, add, "Noop", "0 bytes left, 0 to swallow"]);
}

#[test]
fn a_body_with_a_wrong_end_is_a_bad_chunk() {
    let log = whole(b"set k 0 0 2\r\nabcdef\r\nmn\r\n");
    let chunk = "Some(\"CLIENT_ERROR bad data chunk\"), forgets None";
    assert_eq!(log[..3], [chunk, "Some(\"ERROR\"), forgets None", "Noop"]);
}

#[test]
fn other_protocols_are_shown_the_door() {
    let closed = |stream: &[u8], words: &str| {
        let log = whole(stream);
        assert!(log.len() == 1 && log[0].ends_with(words), "{log:?}");
    };
    closed(b"\x80\x0b", "BinaryProtocol");
    closed(b"POST / HTTP/1.1\r\nflush_all\r\n", "Http");
    closed(b"\x16\x03\x01\x02\0\x01\r\nflush_all\r\n", "Tls");
    closed(b"*1\r\n$9\r\nflush_all\r\n", "Redis");
    let unknown = whole(b"*\r\n*1x\r\n* 1\r\n");
    assert_eq!(unknown[..3], ["Some(\"ERROR\"), forgets None"; 3], "what is no request of Redis");
}

#[test]
fn lines_have_a_limit_and_multigets_a_wider_one() {
    let too_long = |stream: &[u8]| whole(stream).concat().ends_with("LineTooLong");
    let line = |word: &str, bytes: usize| format!("{word} {}", "k ".repeat(bytes / 2)).into_bytes();
    assert!(!too_long(&line("delete", 2_000)));
    assert!(too_long(&line("delete", 2_100)));
    assert!(too_long(&[line("delete", 2_100), b"\r\n".into()].concat()), "with or without its end");
    assert!(!too_long(&line("gets", 262_000)));
    assert!(too_long(&line("gets", 263_000)));
    assert!(too_long(&[line("gat", 263_000), b"\r\n".into()].concat()));
}

#[test]
fn an_incomplete_body_tells_how_long_it_will_be() {
    let Decoded::Announced { request, bytes, value_bytes } = decode(b"set k 0 0 50\r\nabc", &LIMITS) else {
        panic!("it is not whole, and its line is");
    };
    assert!(matches!(request, Request::Store { verb: StoreVerb::Set, value: b"", .. }));
    assert_eq!((bytes, value_bytes), (14, 50));
}

/// One request of a pipeline, valid or not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        4 => (0u64..120).prop_map(|n| format!("{n}")),
        1 => any::<i64>().prop_map(|n| format!("{n}")),
        1 => Just("x".into()),
        1 => Just(String::new()),
    ];
    let word =
        prop_oneof![Just(String::from("k")), Just("k".repeat(251)), Just("a b".into()), "[a-z\t]{1,9}"];
    let verb = prop::sample::select(vec!["set", "add", "cas", "append", "ms", "SET"]);
    let tail = prop::sample::select(vec!["", " noreply", " 7", " 7 noreply", " junk", " T0 q"]);
    let body = prop::collection::vec(any::<u8>(), 0..110);
    let store = (verb, word, number.clone(), number.clone(), tail, body.clone(), any::<bool>()).prop_map(
        |(verb, word, flags, exptime, tail, body, honest)| {
            let bytes = if honest { body.len() } else { body.len() / 2 };
            let line = match verb {
                "ms" => format!("ms {word} {bytes} F{flags} T{exptime}{tail}\r\n"),
                _ => format!("{verb} {word} {flags} {exptime} {bytes}{tail}\r\n"),
            };
            [line.as_bytes(), &body, b"\r\n"].concat()
        },
    );
    let lines = vec![
        "mg a v t Ox q",
        "mg Zm9v b k",
        "mg a v v",
        "md a q I T30",
        "ma n N0 J13 D7 M-",
        "ma n Mx",
        "watch",
        "get",
        "get a b",
        "gets a",
        "gat 5 a",
        "gat x a",
        "incr a 1",
        "incr a x noreply",
        "delete a 0 noreply",
        "touch a 0",
        "flush_all 3",
        "verbosity 1",
        "stats",
        "mn",
        "me a",
        "version",
        "",
        "POST / HTTP/1.1",
    ];
    let line = (prop::sample::select(lines), prop::sample::select(vec!["\r\n", "\n", " \r\n", "\r\r\n"]))
        .prop_map(|(line, end)| format!("{line}{end}").into_bytes());
    prop_oneof![4 => store, 4 => line, 1 => body]
}

proptest! {
    #[test]
    fn packets_do_not_matter(
        pieces in prop::collection::vec(piece(), 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let stream = pieces.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        let expected = whole(&stream);
        prop_assert_eq!(run(&stream, &cuts), expected.clone());
        let bytewise: Vec<usize> = (1..stream.len()).collect();
        prop_assert_eq!(run(&stream, &bytewise), expected);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = whole(&bytes);
    }
}
