//! `gat` with many keys, each of which is a request of its own.

use super::stage::{Stage, value};

/// A `gat` of so many keys, and what it answers where all are there.
fn gat(count: usize, value_bytes: usize) -> (String, Vec<u8>) {
    let keys: Vec<_> = (0..count).map(|number| format!("k{number}")).collect();
    let mut answer = keys.iter().map(|key| value(key, value_bytes)).collect::<Vec<_>>().concat();
    answer.extend_from_slice(b"END\r\n");
    (format!("gat 0 {}\r\n", keys.join(" ")), answer)
}

fn lines(asked: &[u8]) -> usize {
    asked.iter().filter(|&&byte| byte == b'\n').count()
}

#[test]
fn an_empty_network_is_told_once_however_many_keys_are_asked_for() {
    let mut stage = Stage::of(0, 1);
    let client = stage.client();
    stage.send(client, b"gat 0 a b c\r\nmn\r\n");
    assert_eq!(stage.heard(client), b"SERVER_ERROR No peers available.\r\nMN\r\n");
}

#[test]
fn a_gat_of_thousands_of_keys_has_no_more_in_flight_than_as_many_gets() {
    let mut stage = Stage::of(1, 1);
    let client = stage.client();
    let (request, answer) = gat(5000, 10);
    stage.send(client, format!("{request}mn\r\n").as_bytes());
    let mut most = 0;
    loop {
        let asked = stage.asked(0);
        if asked.is_empty() {
            break;
        }
        assert!(most > 0 || lines(&asked) <= 16, "{} while nothing is known", lines(&asked));
        most = most.max(lines(&asked));
        stage.answer(0, &super::stage::answers(&asked, 10));
    }
    assert!((512..=1024).contains(&most), "{most} at once");
    assert!(stage.heard(client) == [&answer[..], b"MN\r\n"].concat());
}

#[test]
fn behind_an_answer_that_ends_the_connection_nothing_is_told_and_nobody_is_kept_waiting() {
    let mut stage = Stage::of(2, 2);
    let (first, cut, last) = (stage.client(), stage.client(), stage.client());
    let (key, own) = (stage.keys_of(0, 1).remove(0), stage.keys_of(1, 2));
    let append = format!("append {key} 0 0 1\r\nx\r\n");
    stage.send(first, append.as_bytes());
    stage.takes(cut, 0);
    let gat = format!("gat 0 {} {}\r\nget {1} {0}\r\nget {1}\r\n{append}", own[0], own[1]);
    stage.send(cut, gat.as_bytes());
    stage.send(last, append.as_bytes());
    assert_eq!(stage.asked(0), append.as_bytes());
    stage.asked(1);
    // An error in the middle of a `gat` cannot be understood by whoever waits for the rest.
    stage.answer(1, b"SERVER_ERROR out of memory\r\n");
    stage.answer(1, b"END\r\nEND\r\nEND\r\n");
    // The next that would have its turn is the one that was cut.
    stage.answer(0, b"STORED\r\n");
    assert_eq!(stage.asked(1), format!("delete {key}\r\n").as_bytes());
    stage.answer(1, b"DELETED\r\n");
    assert_eq!(stage.asked(0), append.as_bytes(), "and that passes it on");
    stage.answer(0, b"STORED\r\n");
    stage.asked(1);
    stage.answer(1, b"DELETED\r\n");
    assert_eq!(stage.heard(last), b"STORED\r\n");
    stage.takes_all(cut);
    assert_eq!(stage.heard(cut), b"SERVER_ERROR out of memory storing object\r\n");
    assert!(stage.hub.session(cut).is_none());
}

#[test]
fn a_gat_of_large_values_waits_for_its_client() {
    let mut stage = Stage::of(2, 2);
    let client = stage.client();
    let (request, answer) = gat(300, 100_000);
    stage.takes(client, 0);
    stage.send(client, request.as_bytes());
    stage.serve(100_000);
    let held = stage.hub.session(client).unwrap().held_bytes();
    assert!(held < 4 << 20, "{held} bytes");
    stage.takes_all(client);
    stage.serve(100_000);
    assert!(stage.heard(client) == answer);
}
