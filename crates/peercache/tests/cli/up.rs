//! `up` and `down`.

use crate::client::Client;
use crate::world::{Beside, Ran, World, signal, wait_for};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::fs;
use std::net::TcpStream;

#[test]
fn detached_it_serves_other_shells_until_down() {
    let world = World::new();
    let out = world.good("up --detach --peers 3");
    assert!(out.contains("engine: memcached 1.") && out.contains(" at /"), "{out}");
    assert!(out.contains("network set main greeting hello") && out.contains("--state-dir"), "{out}");
    let out = world.good("network set main k v");
    assert!(out.starts_with("SET k replicated to ['") && out.matches('\'').count() == 4, "two copies: {out}");
    assert_eq!(world.good("network get main k"), "v\n");
    world.good("network explain main k");
    world.bad("up", &["network main is up already: p0, p1, p2 run"]);
    let list = world.json("network show main");
    let listen = list["proxies"][0]["listen"][0].as_str().unwrap();
    // Its own proxy is no other program.
    world.bad(&format!("up --listen {listen}"), &["network main is up already"]);
    let out = world.good("down");
    assert_eq!(out.lines().count(), 4, "{out}");
    assert_eq!(world.daemons(), []);
    assert_eq!(world.good("down"), "nothing that `up` started is running\n");
}

#[test]
fn it_comes_up_again_on_the_state_that_it_left_with_other_settings() {
    let world = World::new();
    world.good("up --detach --peers 3");
    world.good("down");
    let up = world.json("up --detach --peers 2 --replication 1 --engine embedded --memory 32");
    assert_eq!((up["engine"].as_str(), up["peers"].as_array().map(Vec::len)), (Some("embedded"), Some(2)));
    let show = world.json("network show main");
    assert_eq!(
        (&show["replication"], &show["peers"]),
        (&serde_json::json!(1), &serde_json::json!(["p0", "p1"]))
    );
    assert_eq!(world.json("peer show p0")["warming"], false, "all of them began empty");
    world.good("down");
}

#[test]
fn without_memcached_it_takes_the_embedded_engine_and_says_why() {
    let world = World::new();
    let mut command = world.command("up --detach --peers 1");
    let out = command.env("PATH", world.path("")).output().unwrap();
    let out = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.contains("engine: the embedded engine") && out.contains("no memcached on PATH"), "{out}");
    assert_eq!(world.daemons().len(), 1);
    world.good("down");
}

#[test]
fn ctrl_c_stops_all_peers_and_removes_nothing() {
    let world = World::new();
    let mut up = Beside::start(&world, world.command("up"));
    wait_for("up to be ready", || up.out().contains("Ctrl-C stops everything"));
    assert_eq!(world.daemons().len(), 4);
    world.bad("up", &["`up` runs already on this state directory"]);
    up.signal(Signal::INT);
    let ran = up.end();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(world.daemons(), []);
    assert_eq!(world.json("network show main")["peers"].as_array().unwrap().len(), 4);
}

#[test]
fn ctrl_c_while_it_starts_leaves_nothing_running_and_nothing_written() {
    for seen in 0..=4 {
        let world = World::new();
        let mut command = world.command("up");
        command.env("MEMCACHED_PATH", world.slow_memcached());
        let mut up = Beside::start(&world, command);
        wait_for("its daemons to be there", || world.daemons().len() >= seen);
        up.signal(if seen % 2 == 0 { Signal::INT } else { Signal::TERM });
        let ran = up.end();
        assert_ne!(ran.code, 0, "{seen}: {ran:?}");
        assert_eq!(world.daemons(), [], "{seen}: {ran:?}");
        assert_eq!(world.json("peer list").as_array().unwrap().len(), 0, "{seen}");
        assert_eq!(world.json("network list").as_array().unwrap().len(), 0, "{seen}");
    }
}

#[test]
fn ctrl_c_when_some_run_already_stops_those_too() {
    let world = World::new();
    let mut up = up_with_one_ready(&world);
    wait_for("one peer to run", || {
        let list = world.json("peer list");
        list.as_array().unwrap().iter().any(|peer| peer["state"] == "running")
    });
    up.signal(Signal::INT);
    let ran = up.end();
    ran.assert_failed(&["interrupted while it started"]);
    assert_eq!(world.daemons(), []);
}

#[test]
fn p70_a_peer_that_is_added_while_it_starts_stays_in_the_network() {
    for interrupted in [false, true] {
        let world = World::new();
        world.good("peer start p9 --engine memcached");
        let mut command = world.command("up --peers 2");
        command.env("MEMCACHED_PATH", world.slow_memcached());
        let mut up = Beside::start(&world, command);
        wait_for("its daemons to be there", || world.daemons().len() == 3);
        world.good("network add main p9");
        world.good("network set main k v");
        if interrupted {
            up.signal(Signal::INT);
            up.end().assert_failed(&["interrupted"]);
            assert_eq!(world.json("network show main")["peers"], serde_json::json!(["p9"]));
            assert_eq!(world.json("peer list").as_array().unwrap().len(), 1);
        } else {
            let _gate = world.release_all();
            wait_for("up to be ready", || up.out().contains("Ctrl-C stops everything"));
            assert_eq!(world.json("network show main")["peers"], serde_json::json!(["p0", "p1", "p9"]));
            let warming = ["p0", "p1", "p9"].map(|id| world.record(id)["warming"].clone());
            assert_eq!(warming, [true, true, false], "only p9 holds what was written until now");
        }
        assert_eq!(world.good("network get main k"), "v\n");
    }
}

#[test]
fn p40_a_peer_that_it_brings_up_enters_no_other_network() {
    let world = World::new();
    world.good("network create other");
    let mut up = up_with_one_ready(&world);
    let running = || {
        let list = world.json("peer list");
        let mut peers = list.as_array().unwrap().iter();
        Some(peers.find(|peer| peer["state"] == "running")?["id"].as_str().unwrap().to_owned())
    };
    wait_for("one peer to run", || running().is_some());
    let id = running().unwrap();
    let words = format!("peer {id} is being brought up for network main");
    world.bad(&format!("network add other {id}"), &[&words]);
    up.signal(Signal::INT);
    up.end().assert_failed(&["interrupted while it started"]);
    world.good(&format!("network add other {id}"));
}

/// An `up` of which one daemon serves and the others wait for ever.
fn up_with_one_ready(world: &World) -> Beside {
    // The first peer whose daemon makes the folder serves, also where it has to begin again on another port.
    let (first, gate) = (world.path("first"), world.gate());
    let script = world.script(&format!(
        "[ \"$1\" = -V ] && exec memcached -V\n\
         mkdir '{0}' 2>/dev/null && echo \"$PEERCACHE_PEER\" >'{0}/peer'\n\
         [ \"$(cat '{0}/peer' 2>/dev/null)\" = \"$PEERCACHE_PEER\" ] && exec memcached \"$@\"\n\
         read go < '{gate}'",
        first.display()
    ));
    let mut command = world.command("up");
    command.env("MEMCACHED_PATH", script);
    Beside::start(world, command)
}

#[test]
fn p70_what_a_killed_up_left_behind_is_stopped_by_down() {
    let world = World::new();
    let mut up = up_with_one_ready(&world);
    wait_for("one peer to run and all to be there", || {
        let list = world.json("peer list");
        let runs = list.as_array().unwrap().iter().any(|peer| peer["state"] == "running");
        runs && world.daemons().len() == 4
    });
    up.signal(Signal::KILL);
    up.end();
    world.bad("up", &["network main is up already: p0 run"]);
    world.good("down");
    assert_eq!(world.daemons(), []);
    world.good("up --detach --peers 2");
    world.good("down");
}

#[test]
fn where_its_proxy_was_killed_it_says_how_to_get_another() {
    let world = World::new();
    world.good("up --detach --peers 1");
    world.proxies().into_iter().for_each(|proxy| signal(proxy, Signal::KILL));
    let hint = || world.bad("up", &["network main is up already: p0 run"]).err;
    wait_for("the proxy to be gone", || hint().contains("no proxy serves it"));
    assert!(hint().contains("proxy main"), "{}", hint());
    world.good("down");
}

#[test]
fn a_daemon_that_dies_is_told_and_down_ends_it() {
    let world = World::new();
    let mut up = Beside::start(&world, world.command("up --peers 2"));
    wait_for("up to be ready", || up.out().contains("Ctrl-C stops everything"));
    let pid = world.kill("p1");
    wait_for("the death to be told", || up.err().contains(&format!("peer p1 (pid {pid})")));
    assert!(up.err().contains("peer restart p1"), "{}", up.err());
    world.good("peer restart p1");
    wait_for("the return to be told", || up.err().contains("peer p1 runs again"));
    world.good("down");
    let ran = up.end();
    assert_eq!(ran.code, 0, "stopped on purpose: {ran:?}");
    assert_eq!(world.daemons(), []);
}

#[test]
fn p70_what_cannot_be_seen_for_a_moment_stops_nothing() {
    let world = World::new();
    let mut up = Beside::start(&world, world.command("-o json up --peers 3"));
    wait_for("up to be ready", || up.out().ends_with("}\n"));
    let document: serde_json::Value = serde_json::from_str(&up.out()).unwrap();
    let mut client = Client::connect(document["proxy"]["listen"][0].as_str().unwrap());
    assert_eq!(client.set("k", "v").unwrap(), "STORED");

    // A record that is torn for a moment.
    let whole = world.read("peer/p1.json");
    let path = world.state().join("peer/p1.json");
    fs::write(&path, "{ torn").unwrap();
    let p1 = world.kill("p1");
    wait_for("the trouble to be told", || up.err().contains("how peer p1 stands cannot be seen"));
    assert!(up.err().contains("peer/p1.json is torn"), "{}", up.err());

    // A process that may open nothing more for a moment.
    let most = descriptors(up.pid(), 0);
    let p2 = world.kill("p2");
    wait_for("the trouble to be told", || up.err().contains("how peer p2 stands cannot be seen"));
    assert!(up.err().contains("Too many open files"), "{}", up.err());
    descriptors(up.pid(), most);
    wait_for("the death to be told", || up.err().contains(&format!("peer p2 (pid {p2})")));

    fs::write(&path, whole).unwrap();
    wait_for("the death to be told", || up.err().contains(&format!("peer p1 (pid {p1})")));
    assert_eq!(up.err().matches("how peer p2 stands cannot be seen").count(), 1, "{}", up.err());
    assert_eq!(world.daemons().len(), 1, "p0 serves on: {}", up.err());
    wait_for("a write to be stored", || client.set("k", "w").unwrap() == "STORED");
    world.good("peer restart p1");
    wait_for("the return to be told", || up.err().contains("peer p1 runs again"));
    up.signal(Signal::INT);
    let ran = up.end();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(world.daemons(), []);
}

/// Changes how many descriptors a process may have; returns how many it might.
fn descriptors(pid: u32, most: u64) -> u64 {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let limits = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let maximum = limits.split_whitespace().nth(1).unwrap().parse().ok();
    let limit = Rlimit { current: Some(most), maximum };
    let before = prlimit(Pid::from_raw(i32::try_from(pid).unwrap()), Resource::Nofile, limit);
    before.unwrap().current.unwrap()
}

#[test]
fn p70_what_it_cannot_announce_it_stops_again() {
    for how in ["up --peers 2", "-o json up --peers 2", "up --peers 2 --detach", "up --peers 2 --no-proxy"] {
        let world = World::new();
        let mut command = world.command(how);
        command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());
        let ran = Ran::of(command.output().unwrap());
        ran.assert_failed(&["standard output cannot be written", "No space left"]);
        assert!(ran.err.contains("what it started is stopped"), "{how}: {ran:?}");
        assert_eq!((world.daemons(), world.proxies()), (vec![], vec![]), "{how}: {ran:?}");
        let files = fs::read_dir(world.state().join("proxy")).unwrap();
        let left: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        assert!(left.is_empty() || left == ["registry.json"], "{how}: {left:?}");
        assert_eq!(world.json("network list"), serde_json::json!([]), "{how}");
    }
}

#[test]
fn what_up_did_not_make_it_does_not_touch() {
    let world = World::new();
    world.good("peer start p1 --engine memcached");
    world.bad("up --detach", &["peer p1 is already running"]);
    assert_eq!(world.daemons().len(), 1);
    world.good("peer stop p1");
    world.good("network create main");
    world.bad("up --detach", &["there is a network main that `up` did not make"]);
    assert_eq!(world.daemons(), []);
}

/// Another command was stopped (Ctrl-Z) inside a change.
#[test]
fn p70_up_can_be_ended_while_somebody_else_has_the_lock() {
    let world = World::new();
    let mut up = Beside::start(&world, world.command("up --peers 2 --engine memcached"));
    wait_for("up to be up", || up.out().contains("Ctrl-C stops everything"));
    let out = up.out();
    let proxy = out.lines().find_map(|line| line.strip_prefix("memcached clients connect to ")).unwrap();
    let lock = fs::File::options().write(true).open(world.state().join(".lock")).unwrap();
    lock.lock().unwrap();
    // What `up` says of it, it reads in the state.
    world.kill("p0");
    wait_for("the lock to be found taken", || up.err().contains("another command has held the lock"));
    up.signal(Signal::INT);
    wait_for("the proxy to be gone", || TcpStream::connect(proxy).is_err());
    drop(lock);
    assert_eq!(up.end().code, 0);
}
