//! What peers are asked for a request, and what the client is told of their answers.

use super::stage::Stage;

#[test]
fn s2_an_item_whose_new_value_is_refused_goes_also_where_its_key_is_in_base64() {
    let mut stage = Stage::of_meta(1, 1);
    let client = stage.client();
    // `Zm9v` is `foo`, and an item of another name.
    stage.says(client, "ms Zm9v 2000000 b\r\n");
    assert_eq!(stage.sent(0), "md Zm9v b\r\n");
    stage.answers(0, "HD\r\n");
    assert_eq!(stage.told(client), "SERVER_ERROR object too large for cache\r\n");
    let client = stage.client();
    stage.says(client, "ms Zm9v 2000000\r\n");
    assert_eq!(stage.sent(0), "delete Zm9v\r\n");
}

/// What a client is told of a delete whose replicas answer so, in this order: position and line.
fn deleted(asked: &str, answers: [(usize, &str); 2]) -> String {
    let mut stage = Stage::of_meta(2, 2);
    let (key, client) = (stage.key(&[0, 1]), stage.client());
    stage.says(client, &format!("{}\r\nmn\r\n", asked.replace("KEY", &key)));
    for (peer, line) in answers {
        stage.answers(peer, &format!("{line}\r\n"));
    }
    stage.told(client)
}

#[test]
fn p14_a_delete_that_found_the_key_on_any_replica_says_so() {
    for (asked, found, nothing, told) in [
        ("md KEY O1", "HD O1", "NF O1", "HD O1\r\nMN\r\n"),
        ("md KEY q", "HD", "NF", "MN\r\n"),
        ("delete KEY", "DELETED", "NOT_FOUND", "DELETED\r\nMN\r\n"),
    ] {
        for answers in [
            [(0, nothing), (1, found)],
            [(1, found), (0, nothing)],
            [(1, nothing), (0, found)],
            [(0, found), (1, nothing)],
        ] {
            assert_eq!(deleted(asked, answers), told, "{asked} {answers:?}");
        }
    }
    assert_eq!(deleted("md KEY q", [(0, "NF"), (1, "NF")]), "NF\r\nMN\r\n");
}

/// A worker of two peers with two copies each, whose outages cannot be written down.
fn without_a_disk() -> Stage {
    let stage = Stage::of(2, 2);
    (0..2).for_each(|peer| stage.cell(peer).keep_ledger());
    stage
}

/// The peer is lost, and that cannot be written down.
fn lose(stage: &mut Stage, peer: usize) {
    stage.lose(peer);
    stage.cell(peer).entry_failed();
    stage.hub.look_at_held();
    stage.flush();
}

#[test]
fn p11_whoever_wants_no_answer_is_told_none_where_an_outage_cannot_be_recorded() {
    for (asked, done) in [("set KEY 0 0 1 noreply\r\na", "STORED"), ("flush_all noreply", "OK")] {
        let mut stage = without_a_disk();
        let (key, client) = (stage.key(&[0, 1]), stage.client());
        stage.says(client, &format!("{}\r\nmn\r\n", asked.replace("KEY", &key)));
        stage.answers(0, &format!("{done}\r\n"));
        lose(&mut stage, 1);
        assert_eq!(stage.told(client), "MN\r\n", "{asked}");
    }
}

#[test]
fn p11_nothing_follows_the_error_in_the_middle_of_a_gat() {
    let mut stage = without_a_disk();
    let (key, other) = (stage.key(&[0, 1]), stage.key(&[1, 0]));
    let client = stage.client();
    stage.says(client, &format!("gat 5 {key} {other}\r\n"));
    stage.answers(1, &format!("VALUE {other} 0 1\r\nb\r\nEND\r\n"));
    stage.answers(0, &format!("VALUE {key} 0 1\r\na\r\nEND\r\nTOUCHED\r\n"));
    lose(&mut stage, 1);
    let told = stage.told(client);
    assert!(told.starts_with("SERVER_ERROR cannot record the outage of p1"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn p17_a_version_is_a_peers_own_however_many_zeros_it_begins_with() {
    let mut stage = Stage::of_meta(1, 1);
    let client = stage.client();
    // A foreign version is sent as what no item has, and none as none.
    for (given, sent) in [
        ("5", "18446744073709551615"),
        ("000000000000000000000005", "18446744073709551615"),
        ("000000000000000000000000", "0"),
        ("18446744073709551615", "18446744073709551615"),
    ] {
        stage.says(client, &format!("md k C{given}\r\n"));
        assert_eq!(stage.sent(0), format!("md k C{sent}\r\n"), "{given}");
    }
    stage.says(client, "mg k c\r\n");
    stage.answers(0, &"EX\r\n".repeat(4));
    stage.answers(0, "HD c5\r\n");
    let told = stage.told(client);
    let version = told.lines().last().unwrap().strip_prefix("HD c").unwrap();
    stage.sent(0);
    stage.says(client, &format!("md k C00000000000{version}\r\n"));
    assert_eq!(stage.sent(0), "md k C5\r\n", "{version} is its own");
}

#[test]
fn p18_an_expiry_that_would_be_another_is_refused_with_its_body() {
    let mut stage = Stage::of_meta(1, 1);
    let client = stage.client();
    for (asked, told) in [
        ("set k 0 4294967296 9\r\nflush_all\r\n", "CLIENT_ERROR bad command line format\r\n"),
        ("set k 0 4294967296 9 noreply\r\nflush_all\r\n", ""),
        ("ms k 9 T4294967296\r\nflush_all\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("touch k 4294967296\r\n", "CLIENT_ERROR invalid exptime argument\r\n"),
        ("gat 4294967296 k\r\n", "CLIENT_ERROR invalid exptime argument\r\n"),
        ("mg k T4294967296\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("ma k N4294967296\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n"),
    ] {
        stage.says(client, &format!("{asked}mn\r\n"));
        assert_eq!((stage.sent(0), stage.told(client)), (String::new(), format!("{told}MN\r\n")), "{asked}");
    }
    stage.says(client, "touch k 4294967295\r\n");
    assert_eq!(stage.sent(0), "touch k -1\r\n", "it is over at once");
}
