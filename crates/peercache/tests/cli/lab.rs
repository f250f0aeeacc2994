//! `lab replay` from the command line: shape, never speed.

use crate::world::World;
use std::fs;

/// An oracleGeneral trace: `requests` reads of `objects` objects, round and round.
fn trace(world: &World, requests: u64, objects: u64) {
    let mut bytes = Vec::new();
    for number in 0..requests {
        let time_s = u32::try_from(number / 100).unwrap();
        bytes.extend(time_s.to_le_bytes());
        bytes.extend((number % objects).to_le_bytes());
        bytes.extend(100u32.to_le_bytes());
        bytes.extend((-1i64).to_le_bytes());
    }
    fs::write(world.path("t.oracleGeneral.bin"), bytes).unwrap();
}

#[test]
fn a_replay_counts_what_the_daemons_count_and_keeps_its_report() {
    let world = World::new();
    trace(&world, 1_000, 200);
    world.good("up --detach --peers 2");
    let report = world.json("lab replay t.oracleGeneral.bin --network main --workers 2");
    let count = |key: &str| report[key].as_u64().unwrap();
    assert_eq!((count("requests"), count("hits"), count("misses"), count("errors")), (1_000, 800, 200, 0));
    let hits = |peer: &str| world.json(&format!("peer stats {peer}"))["get_hits"].as_u64().unwrap();
    assert_eq!(hits("p0") + hits("p1"), 800);
    let kept = fs::read_dir(world.state().join("stats")).unwrap().count();
    assert_eq!(kept, 1);
    let text = world.good("lab replay t.oracleGeneral.bin --network main");
    assert!(text.contains("hits"), "{text}");
    world.good("down");
}

#[test]
fn a_trace_or_network_that_is_none_is_said() {
    let world = World::new();
    world.bad("lab replay none.bin --network main", &["there is no network main"]);
    world.good("network create main");
    world.bad("lab replay none.bin --network main", &["none.bin"]);
    fs::write(world.path("torn.oracleGeneral.bin"), [0; 30]).unwrap();
    world.bad("lab replay torn.oracleGeneral.bin --network main", &["torn.oracleGeneral.bin"]);
    trace(&world, 10, 10);
    world.bad("lab replay t.oracleGeneral.bin --network main", &["main"]);
}
