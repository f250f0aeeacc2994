//! What peers are asked for a request, and what the client is told of their answers.

use super::Stage;

#[test]
fn s2_an_item_whose_new_value_is_refused_goes_also_where_its_key_is_in_base64() {
    let mut stage = Stage::of(1, 1);
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
    let mut stage = Stage::of(2, 2);
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
