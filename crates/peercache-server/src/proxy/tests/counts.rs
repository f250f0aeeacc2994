//! What `stats` counts.

use super::stage::Stage;
use peercache_core::spec::OnDown;

/// What can be counted of commands.
const COUNTS: [&str; 18] = [
    "cmd_get",
    "cmd_set",
    "cmd_touch",
    "get_hits",
    "get_misses",
    "delete_hits",
    "delete_misses",
    "incr_hits",
    "incr_misses",
    "decr_hits",
    "decr_misses",
    "cas_hits",
    "cas_misses",
    "cas_badval",
    "touch_hits",
    "touch_misses",
    "errors",
    "failovers",
];

/// Checks all that was counted: these, and nothing of the others.
fn assert_counted(stage: &mut Stage, of: &str, expected: &[(&str, u64)]) {
    let counted = COUNTS.map(|name| (name, stage.stat(name)));
    let counted: Vec<_> = counted.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, expected, "{of}");
}

/// Counts what comes of a command for a key of two copies, whose replicas are asked in this order and answer
/// so.
fn count(stage: &mut Stage, asked: &str, answers: &[(usize, &str)], expected: &[(&str, u64)]) {
    let (key, client) = (stage.key(&[0, 1]), stage.client());
    stage.says(client, &format!("{}\r\n", asked.replace("KEY", &key)));
    for (peer, answer) in answers {
        assert!(!stage.sent(*peer).is_empty(), "{asked}: {peer} is not asked");
        stage.answers(*peer, &format!("{}\r\n", answer.replace("KEY", &key)));
    }
    assert!(!stage.told(client).is_empty(), "{asked}");
    assert_counted(stage, asked, expected);
}

const NO: &str = "SERVER_ERROR out of order";

#[test]
fn errors_count_as_errors_and_as_nothing_else() {
    let both = [(0, NO), (1, NO)];
    let failed_over = [("errors", 1), ("failovers", 1)];
    for read in ["get KEY", "gets KEY"] {
        count(&mut Stage::of(2, 2), read, &both, &failed_over);
    }
    count(&mut Stage::of(2, 2), "get KEY KEY", &both, &[("errors", 1), ("failovers", 2)]);
    for led in ["incr KEY 1", "decr KEY 1", "cas KEY 0 0 1 5\r\na", "append KEY 0 0 1\r\na", "gat 5 KEY"] {
        count(&mut Stage::of(2, 2), led, &both[..1], &[("errors", 1)]);
    }
    for command in ["delete KEY", "touch KEY 5", "set KEY 0 0 1\r\na"] {
        let answers = [(0, NO), (1, NO), (0, "NOT_FOUND"), (1, "NOT_FOUND")];
        count(&mut Stage::of(2, 2), command, &answers, &[("errors", 1)]);
    }
    count(&mut Stage::of(2, 2), "flush_all", &both, &[("errors", 1)]);
}

#[test]
fn what_is_told_as_a_miss_counts_as_one() {
    for (read, misses) in [("get KEY", 1), ("get KEY KEY", 2)] {
        let mut stage = Stage::of(2, 2);
        stage.network.policy.on_down = OnDown::Miss;
        stage.hub.begin_change();
        stage.change_copies(2);
        let expected = [("cmd_get", misses), ("get_misses", misses), ("failovers", misses)];
        count(&mut stage, read, &[(0, NO), (1, NO)], &expected);
    }
}

#[test]
fn the_miss_of_a_warming_peer_that_is_passed_on_is_no_failover() {
    for (read, hits, misses) in [("get KEY", 1, 0), ("get KEY KEY", 1, 1)] {
        let mut stage = Stage::of(2, 2);
        stage.cell(0).note_forgotten();
        let answers = [(0, "END"), (1, "VALUE KEY 0 1\r\na\r\nEND")];
        let expected = [("cmd_get", hits + misses), ("get_hits", hits), ("get_misses", misses)];
        let expected: Vec<_> = expected.into_iter().filter(|(_, count)| *count > 0).collect();
        count(&mut stage, read, &answers, &expected);
    }
}

/// As memcached 1.6.18 counts them.
#[test]
fn a_meta_read_that_touches_counts_as_a_touch_where_it_finds_something() {
    let touched = [("cmd_touch", 1), ("touch_hits", 1)];
    count(&mut Stage::of_meta(2, 2), "mg KEY T5", &[(0, "HD"), (1, "HD")], &touched);
    let missed = [("cmd_get", 1), ("get_misses", 1)];
    count(&mut Stage::of_meta(2, 2), "mg KEY T5", &[(0, "EN")], &missed);
    let read = [("cmd_get", 1), ("get_hits", 1)];
    count(&mut Stage::of_meta(2, 2), "mg KEY v", &[(0, "VA 1\r\na")], &read);
}
