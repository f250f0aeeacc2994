//! State folders that cannot be used: a full disk, a file in their place.

use crate::world::{Ran, Stranger, World, is_there};
use std::fs;
use std::process::Command;

/// A shell in which no file can grow: to the program it is a full disk, with another number.
fn with_full_disk(world: &World, args: &str) -> Ran {
    with_room_for(0, world, args)
}

/// A shell in which no file can grow beyond `blocks` of 512 bytes.
fn with_room_for(blocks: u8, world: &World, args: &str) -> Ran {
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_peercache")).args(args.split(' '));
    command.env("PEERCACHE_STATE_DIR", world.state()).current_dir(world.path(""));
    Ran::of(command.output().unwrap())
}

#[test]
fn p70_on_a_full_disk_nothing_is_lost_and_nothing_left_running() {
    let world = World::new();
    world.good("peer start p0 --engine memcached");
    world.good("network create main");
    let before = (world.read("peer/p0.json"), world.read("network/main.json"), world.daemons());
    for command in
        ["peer start p1 --engine memcached", "network add main p0", "network create two", "up --detach"]
    {
        with_full_disk(&world, command).assert_failed(&[]);
        let after = (world.read("peer/p0.json"), world.read("network/main.json"), world.daemons());
        assert_eq!(before, after, "{command}");
    }
    with_full_disk(&world, "network create two").assert_failed(&["the state directory cannot be changed"]);
    for folder in ["", "peer", "network"] {
        for entry in fs::read_dir(world.state().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let is_left = name.starts_with(".new-") || name.starts_with(".old-");
            assert!(!is_left, "{name} was left in {folder:?}");
        }
    }
    world.good("peer start p1 --engine memcached");
}

#[test]
fn p70_on_a_full_disk_what_is_removed_is_removed_and_no_more() {
    let world = World::new();
    world.good("peer start p0 p1 --engine memcached");
    world.good("network create one");
    world.good("network create two --replication 2");
    world.good("network add two p0");
    world.good("network add two p1");
    assert_eq!(world.record("p1")["warming"], true);
    // p1 ends to warm up with its network, which there is no room to write down.
    for command in ["network delete two", "network remove two p1"] {
        with_full_disk(&world, command).assert_failed(&["cannot be changed", "as it was before"]);
        let show = world.json("network show two");
        assert_eq!(show["peers"], serde_json::json!(["p0", "p1"]), "{command}");
        assert_eq!(world.record("p1")["warming"], true, "{command}");
    }
    let ran = with_full_disk(&world, "network delete one");
    assert_eq!((ran.code, ran.out.starts_with("deleted network one")), (0, true), "{ran:?}");
    assert!(ran.err.contains("warning: ") && ran.err.contains("network.json is as it was"), "{ran:?}");
    assert_eq!(world.json("network list").as_array().unwrap().len(), 1);

    world.good("network delete two");
    world.good("peer stop p1");
    let ran = with_full_disk(&world, "peer detach p1");
    assert_eq!((ran.code, ran.out.as_str()), (0, "detached p1\n"), "{ran:?}");
    world.bad("peer show p1", &["there is no peer p1"]);
    world.good("peer start p2 --engine memcached");
    let registry: serde_json::Value = serde_json::from_str(&world.read("peer/registry.json")).unwrap();
    assert_eq!(registry["peers"], serde_json::json!(["p0", "p2"]), "the next change has mended it");
}

#[test]
fn p70_of_several_records_that_do_not_all_find_room_none_is_written() {
    let world = World::new();
    let long = "x".repeat(250);
    let (first, second) = (Stranger::start(), Stranger::start());
    let servers = format!("   - {}:1 short\n   - {}:1 {long}\n", first.address, second.address);
    let text = format!("alpha:\n  listen: 127.0.0.1:1\n  distribution: ketama\n  servers:\n{servers}");
    fs::write(world.path("nutcracker.yml"), text).unwrap();
    world.good("network create other");
    let ran = with_room_for(1, &world, "network import nutcracker.yml");
    ran.assert_failed(&["cannot be changed", &"x".repeat(60), "as it was before"]);
    assert_eq!(world.json("peer list"), serde_json::json!([]));
    assert_eq!(world.json("network list").as_array().unwrap().len(), 1);
    world.good("network import nutcracker.yml");
}

#[test]
fn a_file_in_place_of_the_folder_is_said() {
    let world = World::new();
    fs::write(world.state(), "mine").unwrap();
    for command in ["peer list", "peer start p0", "up --detach", "network create main"] {
        world.bad(command, &["is no folder"]);
    }
    assert_eq!(fs::read_to_string(world.state()).unwrap(), "mine");
}

#[test]
fn looking_creates_nothing() {
    let world = World::new();
    world.good("peer list");
    world.good("network list");
    world.good("down");
    world.bad("peer stop p0", &["there is no peer p0"]);
    assert!(!is_there(world.state()));
}
