//! `gat` with many keys, each of which is a request of its own.

use super::stage::{Stage, hits, value};

/// A `gat` of so many keys, and what it answers where all are there.
fn gat(count: usize, value_bytes: usize) -> (String, String) {
    let keys: Vec<_> = (0..count).map(|number| format!("k{number}")).collect();
    let mut answer = keys.iter().map(|key| value(key, value_bytes)).collect::<String>();
    answer.push_str("END\r\n");
    (format!("gat 0 {}\r\n", keys.join(" ")), answer)
}

fn lines(asked: &str) -> usize {
    asked.matches('\n').count()
}

#[test]
fn an_empty_network_is_told_once_however_many_keys_are_asked_for() {
    let mut stage = Stage::of(0, 1);
    let client = stage.client();
    stage.says(client, "gat 0 a b c\r\nmn\r\n");
    assert_eq!(stage.told(client), "SERVER_ERROR No peers available.\r\nMN\r\n");
}

#[test]
fn a_gat_of_thousands_of_keys_has_no_more_in_flight_than_as_many_gets() {
    let mut stage = Stage::of(1, 1);
    let client = stage.client();
    let (request, answer) = gat(5000, 10);
    stage.says(client, &format!("{request}mn\r\n"));
    let mut most = 0;
    loop {
        let asked = stage.sent(0);
        if asked.is_empty() {
            break;
        }
        assert!(most > 0 || lines(&asked) <= 16, "{} while nothing is known", lines(&asked));
        most = most.max(lines(&asked));
        stage.answers(0, &hits(&asked, 10));
    }
    assert!((512..=1024).contains(&most), "{most} at once");
    assert!(stage.told(client) == answer + "MN\r\n");
}

#[test]
fn behind_an_answer_that_ends_the_connection_nothing_is_told_and_nobody_is_kept_waiting() {
    let mut stage = Stage::of(2, 2);
    let (first, cut, last) = (stage.client(), stage.client(), stage.client());
    let (key, own) = (stage.keys_of(0, 1).remove(0), stage.keys_of(1, 2));
    let append = format!("append {key} 0 0 1\r\nx\r\n");
    stage.says(first, &append);
    stage.takes(cut, 0);
    let gat = format!("gat 0 {} {}\r\nget {1} {0}\r\nget {1}\r\n{append}", own[0], own[1]);
    stage.says(cut, &gat);
    stage.says(last, &append);
    assert_eq!(stage.sent(0), append);
    stage.sent(1);
    // An error in the middle of a `gat` cannot be understood by whoever waits for the rest.
    stage.answers(1, "SERVER_ERROR out of memory\r\n");
    stage.answers(1, "END\r\nEND\r\nEND\r\n");
    // The next that would have its turn is the one that was cut.
    stage.answers(0, "STORED\r\n");
    assert_eq!(stage.sent(1), format!("delete {key}\r\n"));
    stage.answers(1, "DELETED\r\n");
    assert_eq!(stage.sent(0), append, "and that passes it on");
    stage.answers(0, "STORED\r\n");
    stage.sent(1);
    stage.answers(1, "DELETED\r\n");
    assert_eq!(stage.told(last), "STORED\r\n");
    stage.takes_all(cut);
    assert_eq!(stage.told(cut), "SERVER_ERROR out of memory storing object\r\n");
    assert!(stage.hub.session(cut).is_none());
}

#[test]
fn a_gat_of_large_values_waits_for_its_client() {
    let mut stage = Stage::of(2, 2);
    let client = stage.client();
    let (request, answer) = gat(300, 100_000);
    stage.takes(client, 0);
    stage.says(client, &request);
    stage.serve(100_000);
    let held = stage.hub.session(client).unwrap().held_bytes();
    assert!(held < 4 << 20, "{held} bytes");
    stage.takes_all(client);
    stage.serve(100_000);
    assert!(stage.told(client) == answer);
}

/// Two peers with copies of a key whose leader is the first, and a client that has asked for it.
fn led_by_the_first(asked: &str) -> (Stage, u32, String) {
    let mut stage = Stage::of(2, 2);
    let (client, key) = (stage.client(), stage.keys_of(0, 1).remove(0));
    stage.says(client, &format!("{asked} {key}\r\n"));
    assert_eq!(stage.sent(0), format!("{asked} {key}\r\n"));
    (stage, client, key)
}

#[test]
fn p15_a_gat_whose_leader_is_lost_is_answered_by_the_next() {
    let (mut stage, client, key) = led_by_the_first("gat 9");
    stage.lose(0);
    assert_eq!(stage.sent(1), format!("gat 9 {key}\r\n"));
    let answer = value(&key, 10) + "END\r\n";
    stage.answers(1, &answer);
    assert_eq!(stage.told(client), answer);
    assert!(!stage.cell(0).state().is_readable(), "nobody knows whether it has touched the item");
}

#[test]
fn p20_of_half_an_answer_nothing_is_told_when_the_next_has_nothing() {
    for asked in ["gat 9", "get"] {
        let (mut stage, client, key) = led_by_the_first(asked);
        stage.answers(0, &value(&key, 10));
        stage.lose(0);
        stage.answers(1, "END\r\n");
        assert_eq!(stage.told(client), "END\r\n", "{asked}");
    }
}
