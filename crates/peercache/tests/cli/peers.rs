//! One peer's life: started, shown, killed, restarted, stopped.

use crate::world::{Ran, Stranger, World, free_port, wait_for};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

#[test]
fn a_peer_outlives_its_command_is_shown_and_really_stops() {
    let world = World::new();
    let out = world.good("peer start p0 --engine memcached --memory 32 --weight 3");
    let pid = world.pid("p0");
    assert!(out.starts_with("started p0: memcached 1.") && out.contains(&format!("(pid {pid})")), "{out}");

    let list = world.json("peer list");
    let peer = &list[0];
    assert_eq!((peer["id"].as_str(), peer["pid"].as_u64()), (Some("p0"), Some(pid.into())));
    assert_eq!((peer["state"].as_str(), peer["weight"].as_u64()), (Some("running"), Some(3)));
    assert_eq!(peer["memory_mb"].as_u64(), Some(32));
    assert!(peer["port"].as_u64().unwrap() >= 12_000, "{peer}");
    assert_eq!(world.json("peer show p0")["id"], "p0");
    let stats = world.json("peer stats p0");
    assert_eq!((stats["pid"].as_u64(), stats["limit_maxbytes"].as_u64()), (Some(pid.into()), Some(32 << 20)));

    assert_eq!(world.good("peer stop p0"), format!("stopped p0 (was pid {pid})\n"));
    assert_eq!(world.daemons(), []);
    assert_eq!(world.json("peer list")[0]["state"], "stopped");
    assert_eq!(world.good("peer stop p0"), "p0 was not running\n");
    world.bad("peer stats p0", &["peer p0 is stopped"]);
}

#[test]
fn a_stopped_peer_comes_back_as_it_was() {
    let world = World::new();
    world.good("peer start p0 --engine memcached --memory 32 --weight 3");
    let before = world.record("p0");
    world.good("peer stop p0");
    world.good("peer start p0");
    let after = world.record("p0");
    for field in ["engine", "memory_mb", "weight"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    assert_ne!(before["pid"], after["pid"]);
}

#[test]
fn the_embedded_engine_is_a_peer_like_any_other() {
    let world = World::new();
    world.good("peer start p0 --engine embedded");
    let stats = world.json("peer stats p0");
    assert_eq!(stats["pid"].as_u64(), Some(world.pid("p0").into()));
    world.good("peer restart p0");
    world.good("peer stop p0");
    assert_eq!(world.daemons(), []);
}

#[test]
fn a_peer_that_runs_says_what_it_can_and_how_it_does_and_one_that_does_not_says_nothing() {
    let world = World::new();
    let stranger = Stranger::start();
    world.good("peer start p0 --engine memcached --memory 32");
    world.good("peer start p1 --engine embedded --memory 32");
    world.good(&format!("peer attach far {}", stranger.address));
    for peer in ["p0", "p1", "far"] {
        let shown = world.json(&format!("peer show {peer}"));
        let can = shown["can"].as_array().unwrap();
        assert!(can.contains(&"logins".into()) && can.contains(&"ttl_read".into()), "{shown}");
        for name in ["items", "bytes", "bytes_max", "evictions", "hits", "misses", "connections"] {
            assert!(shown["statistics"][name].is_number(), "{peer}: {name}: {shown}");
        }
    }
    let shown = world.good("peer show p1");
    assert!(shown.contains("\ncan\tlogins, leases, TTL read, key listing, versions, counters\n"), "{shown}");
    assert!(shown.contains(&format!("\nbytes_max\t{}\n", 32 << 20)), "{shown}");

    world.good("peer stop p0");
    let shown = world.json("peer show p0");
    assert!(shown["can"].is_null() && shown["version"].is_null(), "{shown}");
    assert!(world.good("peer show p0").contains("\ncan\t-\n"));
}

#[test]
fn a_killed_peer_is_dead_and_restart_brings_it_back() {
    let world = World::new();
    world.good("peer start p0 --engine memcached");
    let pid = world.kill("p0");
    assert_eq!(world.json("peer list")[0]["state"], format!("dead (was pid {pid})"));
    world.good("peer restart p0");
    assert_ne!(world.pid("p0"), pid);
    assert_eq!(world.json("peer list")[0]["state"], "running");
}

#[test]
fn a_second_start_names_the_first() {
    let world = World::new();
    world.good("peer start p0 --engine memcached");
    let (pid, port) = (world.pid("p0"), world.record("p0")["port"].clone());
    let words = format!("peer p0 is already running (pid {pid} on 127.0.0.1:{port})");
    world.bad("peer start p0", &[&words]);
    assert_eq!(world.pid("p0"), pid);
}

#[test]
fn of_several_peers_those_that_can_start_do() {
    let world = World::new();
    world.good("peer start p1 --engine memcached");
    let ran = world.bad("peer start p0 p1 p2 --engine memcached", &["peer p1 was not started"]);
    assert!(ran.err.contains("p0, p2 started, p1 did not"), "{ran:?}");
    assert_eq!(world.daemons().len(), 3);
    world.bad("peer stop p0 p9", &["there is no peer p9"]);
    assert_eq!(world.daemons().len(), 2);
}

#[test]
fn p70_a_port_in_use_is_said_and_nothing_is_left() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let words = format!("port {port} is taken by another program");
    world.bad(&format!("peer start p0 --engine memcached --port {port}"), &[&words]);
    assert_eq!(world.daemons(), []);
    assert_eq!(world.json("peer list").as_array().unwrap().len(), 0);
}

#[test]
fn a_port_of_another_peer_is_refused_even_while_that_is_stopped() {
    let world = World::new();
    let port = free_port();
    world.good(&format!("peer start p0 --engine memcached --port {port}"));
    world.good("peer stop p0");
    world.bad(&format!("peer start p1 --engine memcached --port {port}"), &["is taken by peer p0"]);
}

#[test]
fn p70_a_memcached_path_that_leads_nowhere_or_astray_is_an_error() {
    let world = World::new();
    let start = |path: &str| {
        let mut command = world.command("peer start p0");
        Ran::of(command.env("MEMCACHED_PATH", path).output().unwrap())
    };
    start("/nonexistent/memcached").assert_failed(&["MEMCACHED_PATH", "/nonexistent/memcached"]);
    start("/bin/true").assert_failed(&["/bin/true is not memcached"]);
    assert_eq!(world.json("peer list").as_array().unwrap().len(), 0);
}

#[test]
fn a_daemon_that_fails_has_the_last_word() {
    let world = World::new();
    let script =
        world.script("[ \"$1\" = -V ] && exec memcached -V\necho 'the moon is in the wrong phase'\nexit 71");
    let ran = Ran::of(world.command("peer start p0").env("MEMCACHED_PATH", script).output().unwrap());
    ran.assert_failed(&["peer p0 was not started", "exited with code 71"]);
    assert!(ran.err.contains("the moon is in the wrong phase"), "{ran:?}");
    assert_eq!(world.json("peer list").as_array().unwrap().len(), 0, "a peer that never ran is no peer");
}

#[test]
fn p70_a_recycled_pid_is_never_signalled() {
    let world = World::new();
    world.good("peer start p0 --engine memcached");
    let pid = world.kill("p0");
    let mut bystander = bystander_not_started_at(world.record("p0")["start_ticks"].as_u64().unwrap());
    let text = world.read("peer/p0.json").replace(&pid.to_string(), &bystander.id().to_string());
    std::fs::write(world.state().join("peer/p0.json"), text).unwrap();

    let state = world.json("peer list")[0]["state"].clone();
    world.good("peer stop p0");
    world.good("peer start p0");
    let ended = bystander.try_wait().unwrap();
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    assert_eq!(ended, None, "the bystander was ended");
    assert_eq!(state, format!("dead (was pid {})", bystander.id()));
}

/// A process of the test's own. Identities count in ticks of 10 ms, within which no pid comes round again;
/// the test may be that quick.
fn bystander_not_started_at(ticks: u64) -> Child {
    let mut bystander = None;
    wait_for("a later tick", || {
        let mut child = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        // Field 22, of which the third is the first behind the name.
        let started = stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap();
        if started.parse() == Ok(ticks) {
            child.kill().unwrap();
            child.wait().unwrap();
            return false;
        }
        bystander = Some(child);
        true
    });
    bystander.unwrap()
}

#[test]
fn a_peer_that_starts_beside_running_ones_warms_and_those_that_start_together_do_not() {
    let world = World::new();
    world.good("peer start p0 p1 p2 --engine memcached");
    world.good("network create main --replication 2");
    world.good("network add main p0 p1 p2");
    let warming = || {
        let list = world.json("peer list");
        let warms = |peer: &serde_json::Value| peer["warming"].as_bool().unwrap();
        list.as_array().unwrap().iter().map(warms).collect::<Vec<_>>()
    };
    world.good("peer restart p1");
    assert_eq!(warming(), [false, true, false]);
    world.good("peer stop p0 p1 p2");
    world.good("peer start p0 p1 p2");
    assert_eq!(warming(), [false, false, false]);
}

#[test]
fn logs_show_what_the_daemon_printed() {
    let world = World::new();
    let script =
        world.script("[ \"$1\" = -V ] && exec memcached -V\necho 'one'; echo 'two'\nexec memcached \"$@\"");
    let ran = Ran::of(world.command("peer start p0").env("MEMCACHED_PATH", script).output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(world.good("peer logs p0 --lines 1"), "two\n");
    let lines = world.json("peer logs p0")["lines"].clone();
    // Where it lost its port to another test, it began twice.
    assert!(lines.as_array().unwrap().ends_with(&["one".into(), "two".into()]), "{lines}");
}
