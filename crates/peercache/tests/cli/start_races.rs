//! Many starts at once, and starts that die half way: one daemon for each id, and nothing left over.

use crate::world::{Beside, Ran, World, copy_program, free_port, wait_for};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::{fs, thread};

#[test]
fn p70_thirty_starts_at_once_ten_for_one_id_make_one_daemon_an_id() {
    let world = World::new();
    let ids: Vec<String> =
        (0..30).map(|number| if number < 10 { "same".into() } else { format!("p{number}") }).collect();
    let ran: Vec<(&String, Ran)> = thread::scope(|scope| {
        let start = |id: &String| {
            Ran::of(world.command(&format!("peer start {id} --engine memcached")).output().unwrap())
        };
        let runs: Vec<_> = ids.iter().map(|id| (id, scope.spawn(move || start(id)))).collect();
        runs.into_iter().map(|(id, run)| (id, run.join().unwrap())).collect()
    });
    for (id, ran) in ran.iter().filter(|(id, _)| *id != "same") {
        assert_eq!(ran.code, 0, "{id}: {ran:?}");
    }
    let same: Vec<&Ran> = ran.iter().filter(|(id, _)| *id == "same").map(|(_, ran)| ran).collect();
    assert_eq!(same.iter().filter(|ran| ran.code == 0).count(), 1, "{same:?}");
    for refused in same.iter().filter(|ran| ran.code != 0) {
        assert!(
            refused.err.contains("already running") || refused.err.contains("is being started"),
            "{refused:?}"
        );
    }
    let wanted: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let daemons = world.daemons();
    let found: BTreeSet<&str> = daemons.iter().map(|daemon| daemon.peer.as_str()).collect();
    assert_eq!((daemons.len(), &found), (21, &wanted));

    let registry: serde_json::Value = serde_json::from_str(&world.read("peer/registry.json")).unwrap();
    let listed: BTreeSet<&str> =
        registry["peers"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(listed, wanted);
    let list = world.json("peer list");
    let ports: BTreeSet<u64> =
        list.as_array().unwrap().iter().map(|peer| peer["port"].as_u64().unwrap()).collect();
    assert_eq!(ports.len(), 21, "{list}");
    for peer in list.as_array().unwrap() {
        assert_eq!(peer["state"], "running");
        assert_eq!(peer["pid"].as_u64(), Some(world.pid(peer["id"].as_str().unwrap()).into()));
    }
    let files = fs::read_dir(world.state().join("peer")).unwrap().count();
    assert_eq!(files, 22, "21 records and the registry, no temporary files");
}

#[test]
fn what_a_dead_starter_left_is_stopped_by_the_next_start() {
    let world = World::new();
    let mut command = world.command(&slow_start());
    command.env("MEMCACHED_PATH", world.slow_memcached());
    let mut starter = Beside::start(&world, command);
    wait_for("the daemon to be there", || world.daemons().len() == 1);
    let left = world.pid("p0");
    let state = || world.json("peer list")[0]["state"].clone();
    assert_eq!(state(), "starting");
    world.bad("peer start p0 --engine memcached", &["peer p0 is being started by another command"]);
    world.bad("peer stop p0", &["peer p0 is being started by another command"]);
    starter.signal(Signal::KILL);
    starter.end();
    assert_eq!(world.pid("p0"), left, "a daemon outlives its starter");
    assert_eq!(state(), "unfinished start");

    world.good("peer start p0 --engine memcached");
    assert_ne!(world.pid("p0"), left);
    assert_eq!(state(), "running");
}

#[test]
fn ctrl_c_during_a_start_leaves_nothing() {
    let world = World::new();
    let mut command = world.command("peer start p0 p1");
    command.env("MEMCACHED_PATH", world.slow_memcached());
    let mut starter = Beside::start(&world, command);
    wait_for("both daemons to be there", || world.daemons().len() == 2);
    starter.signal(Signal::INT);
    starter.end().assert_failed(&["interrupted"]);
    assert_eq!(world.daemons(), []);
    assert_eq!(world.json("peer list").as_array().unwrap().len(), 0);
}

#[test]
fn p70_a_peer_that_is_being_started_enters_no_network_and_leaves_no_hole_in_one() {
    let world = World::new();
    world.good("network create main");
    world.good("network create other");
    let mut command = world.command(&slow_start());
    command.env("MEMCACHED_PATH", world.slow_memcached());
    let mut starter = Beside::start(&world, command);
    wait_for("the daemon to be there", || world.daemons().len() == 1);
    let ran = world.bad("network add main p0", &["peer p0 is being started by another command (pid "]);
    assert!(ran.err.contains("hint: wait for it"), "{ran:?}");
    // As a version of peercache does that lets it pass.
    let listed = world.read("network/main.json").replace("\"peers\": []", "\"peers\": [\"p0\"]");
    fs::write(world.state().join("network/main.json"), listed).unwrap();
    starter.signal(Signal::INT);
    starter.end().assert_failed(&["interrupted"]);
    assert_eq!(world.daemons(), []);
    assert_eq!(world.json("peer show p0")["state"], "stopped", "its network needs the record");
    world.good("network show main");
    world.good("peer start p0 --engine memcached");
    world.good("network set main k v");
    world.bad("network add other p0", &["peer p0 is in network main already"]);
}

#[test]
fn p70_what_others_write_of_a_peer_while_it_starts_stays() {
    let world = World::new();
    world.good("peer start p0 p1 --engine memcached");
    world.good("network create main --replication 2");
    world.good("network add main p0 p1");
    for interrupted in [false, true] {
        world.good("peer stop p1");
        let mut command = world.command("peer start p1");
        command.env("MEMCACHED_PATH", world.slow_memcached());
        let mut starter = Beside::start(&world, command);
        wait_for("the pid to be written down", || world.record("p1")["pid"].is_u64());
        assert_eq!(world.record("p1")["warming"], true);
        world.good("network remove main p1");
        if interrupted {
            starter.signal(Signal::INT);
            starter.end().assert_failed(&["interrupted"]);
        } else {
            let _gate = world.release_all();
            assert_eq!(starter.end().code, 0);
        }
        assert_eq!(world.record("p1")["warming"], false, "interrupted: {interrupted}");
        world.good("network add main p1");
        fs::remove_file(world.path("gate")).unwrap();
    }
    assert_eq!(world.record("p1")["state"], "stopped");
}

#[test]
fn p70_a_start_that_cannot_be_written_down_is_undone() {
    let world = World::new();
    let mut command = as_nobody(&world, &slow_start());
    command.env("MEMCACHED_PATH", world.slow_memcached());
    let mut starter = Beside::start(&world, command);
    wait_for("the pid to be written down", || {
        world.daemons().len() == 1 && world.record("p0")["pid"].is_u64()
    });
    let peers = world.state().join("peer");
    fs::set_permissions(&peers, fs::Permissions::from_mode(0o500)).unwrap();
    world.release();
    starter.end().assert_failed(&["peer p0 was not started", "cannot be changed"]);
    assert_eq!(world.daemons(), [], "a daemon that nobody knows of must not run");
    fs::set_permissions(&peers, fs::Permissions::from_mode(0o700)).unwrap();
    let ran = Ran::of(as_nobody(&world, "peer start p0 --engine memcached").output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn p70_a_folder_that_cannot_be_written_is_said_before_anything_starts() {
    let world = World::new();
    let mut command = as_nobody(&world, "peer start p0 --engine memcached");
    fs::set_permissions(world.state(), fs::Permissions::from_mode(0o500)).unwrap();
    Ran::of(command.output().unwrap()).assert_failed(&["the state directory cannot be changed"]);
    assert_eq!(world.daemons(), []);
    let list = Ran::of(as_nobody_again(&world, "peer list").output().unwrap());
    assert_eq!(list.code, 0, "what is read-only can be read: {list:?}");
}

/// A start on a port that no other test takes while this one's daemon does not listen yet.
fn slow_start() -> String {
    format!("peer start p0 --port {}", free_port())
}

/// A command of a user whom permissions stop, and a state directory of that user's: root may write anywhere.
fn as_nobody(world: &World, args: &str) -> std::process::Command {
    fs::create_dir_all(world.state()).unwrap();
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    as_nobody_again(world, args)
}

fn as_nobody_again(world: &World, args: &str) -> std::process::Command {
    const NOBODY: u32 = 65_534;
    let mut command = world.command(args);
    if rustix::process::geteuid().is_root() {
        // The build's own folder may be closed to other users.
        let copy = world.path("peercache");
        if !copy.exists() {
            copy_program(Path::new(env!("CARGO_BIN_EXE_peercache")), &copy);
        }
        let with_args = command;
        command = std::process::Command::new(&copy);
        command
            .args(with_args.get_args())
            .env("PEERCACHE_STATE_DIR", world.state())
            .current_dir(world.path(""));
        command.uid(NOBODY).gid(NOBODY);
        command.stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        chown(world.state(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    command
}
