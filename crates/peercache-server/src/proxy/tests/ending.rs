//! The end of a proxy: what was begun is answered whole, and what was not is not begun any more.

use super::stage::{Stage, hits, value};

/// More than is begun at once while the size of answers is not known: 16.
const ASKED: usize = 40;

#[test]
fn what_was_begun_is_answered_whole_and_what_was_not_is_not_begun() {
    let mut stage = Stage::of(1, 1);
    let client = stage.client();
    stage.says(client, &"get k\r\n".repeat(ASKED));
    let asked = stage.sent(0);
    stage.hub.end_all();
    stage.hub.begin_no_more();
    stage.answers(0, &hits(&asked, 10));
    assert_eq!(stage.sent(0), "");
    let begun = asked.matches("get").count();
    assert!((1..ASKED).contains(&begun), "{begun}");
    assert_eq!(stage.told(client), (value("k", 10) + "END\r\n").repeat(begun));
    assert!(stage.hub.session(client).is_none());
}

#[test]
fn a_gat_that_is_half_begun_is_answered_whole() {
    let mut stage = Stage::of(1, 1);
    let client = stage.client();
    let keys: Vec<_> = (0..ASKED).map(|number| format!("k{number}")).collect();
    stage.says(client, &format!("gat 0 {}\r\nget behind\r\n", keys.join(" ")));
    stage.hub.end_all();
    stage.hub.begin_no_more();
    stage.serve(10);
    let values: String = keys.iter().map(|key| value(key, 10)).collect();
    assert_eq!(stage.told(client), values + "END\r\n");
    assert!(stage.hub.session(client).is_none());
}

#[test]
fn whoever_waits_for_a_link_is_not_waited_for() {
    let mut stage = Stage::of(1, 1);
    let client = stage.client();
    stage.fill(0);
    stage.says(client, "get k\r\n");
    stage.hub.end_all();
    stage.hub.begin_no_more();
    stage.flush();
    assert!(stage.hub.session(client).is_none());
}
