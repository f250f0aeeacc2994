//! State folders that cannot be used: a full disk, a file in their place.

use crate::world::{Ran, World, is_there};
use std::fs;
use std::process::Command;

/// A shell in which no file can grow: to the program it is a full disk, with another number.
fn with_full_disk(world: &World, args: &str) -> Ran {
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
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
            assert!(!name.starts_with(".new-"), "{name} was left in {folder:?}");
        }
    }
    world.good("peer start p1 --engine memcached");
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
