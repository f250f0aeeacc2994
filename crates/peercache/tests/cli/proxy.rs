//! `proxy`: what its clients see while the network beneath it changes, and what is kept of it.

use crate::client::Client;
use crate::world::{Beside, Stranger, World, is_there, signal, wait_for};
use rustix::process::Signal;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// A proxy beside the test.
pub(crate) struct Running {
    command: Beside,
    pub(crate) address: String,
}

impl Running {
    pub(crate) fn of(world: &World, args: &str) -> Self {
        let command = Beside::start(world, world.command(&format!("-o json proxy main {args}")));
        wait_for("the proxy to listen", || {
            command.out().ends_with("}\n") || command.err().contains("error: ")
        });
        let document: serde_json::Value = serde_json::from_str(&command.out()).unwrap();
        let address = document["listen"][0].as_str().unwrap().to_owned();
        Self { command, address }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.address)
    }
}

fn network_of(world: &World, peers: &str, replication: u8) {
    world.good(&format!("peer start {peers} --engine memcached"));
    world.good(&format!("network create main --replication {replication}"));
    world.good(&format!("network add main {peers}"));
}

#[test]
fn p17_a_version_of_an_embedded_peer_is_taken_back() {
    let world = World::new();
    world.good("peer start p0 p1 --engine embedded --memory 32");
    world.good("network create main --replication 2");
    world.good("network add main p0 p1");
    let proxy = Running::of(&world, "");
    let mut client = proxy.client();
    for key in ["a", "b", "c", "d"] {
        assert_eq!(client.set(key, "v").unwrap(), "STORED");
        let version = client.version(key).unwrap();
        assert!(version.parse::<u64>().unwrap() < 1 << 53, "{version}");
        let cas = format!("cas {key} 0 0 1 {version}\r\nw");
        assert_eq!(client.ask(&cas).unwrap(), "STORED");
        assert_eq!(client.ask(&cas).unwrap(), "EXISTS");
        assert_eq!(client.get(key).unwrap(), "w");
    }
}

fn wait_for_epoch(client: &mut Client, epoch: u64) {
    wait_for("the proxy to follow", || client.stat("network", "epoch").parse() == Ok(epoch));
}

/// What a client did: what was wrong of it, if anything.
fn load(address: &str, name: usize, is_over: &AtomicBool, done: &AtomicUsize) -> Result<(), String> {
    let mut client = Client::connect(address);
    let broken = |error: std::io::Error| format!("client {name}: {error}");
    for number in 0.. {
        if is_over.load(Relaxed) {
            break;
        }
        let (key, value) = (format!("k-{name}-{}", number % 50), format!("v-{name}-{number}"));
        let stored = client.set(&key, &value).map_err(broken)?;
        let read = client.get(&key).map_err(broken)?;
        // A peer that was too slow on a busy machine is emptied, and a miss is right then; an old value
        // never is.
        if stored != "STORED" || read != value && read != "END" {
            return Err(format!("client {name} was told {stored:?} and then {read:?} of {value}"));
        }
        done.fetch_add(1, Relaxed);
    }
    Ok(())
}

#[test]
fn peers_come_and_go_and_no_client_notices() {
    let world = World::new();
    network_of(&world, "p0 p1 p2", 2);
    world.good("peer start p3 p4 --engine memcached");
    let proxy = Running::of(&world, "--workers 2");
    let (is_over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let start = |name| {
            let (address, is_over, done) = (&proxy.address, &is_over, &done);
            scope.spawn(move || load(address, name, is_over, done))
        };
        let clients: Vec<_> = (0..8).map(start).collect();
        let mut asking = proxy.client();
        let changes =
            ["add main p3", "remove main p0", "add main p4", "remove main p2", "add main p0 --flush"];
        for (epoch, change) in (2..).zip(changes) {
            let before = done.load(Relaxed);
            wait_for("some load", || {
                done.load(Relaxed) > before + 200
                    || clients.iter().any(std::thread::ScopedJoinHandle::is_finished)
            });
            world.good(&format!("network {change}"));
            wait_for_epoch(&mut asking, epoch);
        }
        let before = done.load(Relaxed);
        wait_for("more load", || {
            done.load(Relaxed) > before + 200
                || clients.iter().any(std::thread::ScopedJoinHandle::is_finished)
        });
        is_over.store(true, Relaxed);
        for client in clients {
            assert_eq!(client.join().unwrap(), Ok(()));
        }
        let ids: Vec<_> = asking.stats("peers").into_iter().map(|(name, _)| name).collect();
        assert!(
            ids.iter().any(|name| name.starts_with("p4:")) && !ids.iter().any(|name| name.starts_with("p2:"))
        );
    });
}

#[test]
fn what_was_read_before_peers_were_added_is_read_after() {
    let world = World::new();
    network_of(&world, "p0 p1", 2);
    world.good("peer start p2 p3 --engine memcached");
    let proxy = Running::of(&world, "");
    let mut client = proxy.client();
    for number in 0..100 {
        assert_eq!(client.set(&format!("k{number}"), "v").unwrap(), "STORED");
    }
    world.good("network add main p2");
    wait_for_epoch(&mut client, 2);
    for number in 0..100 {
        assert_eq!(client.get(&format!("k{number}")).unwrap(), "v", "one of its replicas was one before");
    }
}

#[test]
fn a_client_that_is_in_the_middle_of_a_request_goes_on_behind_the_change() {
    let world = World::new();
    network_of(&world, "p0 p1", 1);
    world.good("peer start p2 --engine memcached");
    let proxy = Running::of(&world, "");
    let (mut client, mut asking) = (proxy.client(), proxy.client());
    client.say(b"set k 0 0 5\r\nab").unwrap();
    world.good("network add main p2");
    wait_for_epoch(&mut asking, 2);
    assert_eq!(client.ask("cde").unwrap(), "STORED");
    assert_eq!(client.get("k").unwrap(), "abcde");
}

#[test]
fn a_definition_that_cannot_be_read_changes_nothing_and_is_told_once() {
    let world = World::new();
    network_of(&world, "p0 p1", 2);
    let proxy = Running::of(&world, "");
    let mut client = proxy.client();
    assert_eq!(client.set("k", "v").unwrap(), "STORED");
    let path = world.state().join("network/main.json");
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, "{ torn").unwrap();
    // A plain write is no rename: the look that comes once a second finds it.
    wait_for("a warning", || proxy.command.err().contains("it stays as it is"));
    assert_eq!(client.get("k").unwrap(), "v");
    fs::write(&path, good.replace("\"replication\": 2", "\"replication\": 1")).unwrap();
    wait_for_epoch(&mut client, 2);
    assert_eq!(client.stat("network", "replication"), "1");
    assert_eq!(proxy.command.err().matches("it stays as it is").count(), 1);
}

#[test]
fn p18_a_delayed_flush_waits_in_the_state_and_an_immediate_one_cancels_it() {
    let world = World::new();
    network_of(&world, "p0 p1", 2);
    let proxy = Running::of(&world, "");
    let mut client = proxy.client();
    let pending = || is_there(world.state().join("flush/main.json"));
    assert_eq!(client.set("k", "v").unwrap(), "STORED");
    assert_eq!(client.ask("flush_all 1000").unwrap(), "OK");
    assert!(pending());
    assert_eq!(client.get("k").unwrap(), "v", "it is not due");
    assert_eq!(client.ask("flush_all").unwrap(), "OK");
    assert!(!pending());
    assert_eq!(client.get("k").unwrap(), "END");
    assert_eq!(client.set("k", "v").unwrap(), "STORED");
    assert_eq!(client.ask("flush_all 1").unwrap(), "OK");
    wait_for("the flush", || client.get("k").unwrap() == "END");
    wait_for("it to be done", || !pending());
}

#[test]
fn up_serves_any_memcached_client_until_it_ends() {
    let world = World::new();
    let mut up = Beside::start(&world, world.command("up --peers 2"));
    wait_for("up to be ready", || up.out().contains("Ctrl-C stops everything"));
    let out = up.out();
    let address = out.lines().find_map(|line| line.strip_prefix("memcached clients connect to ")).unwrap();
    let mut client = Client::connect(address);
    assert_eq!(client.set("k", "v").unwrap(), "STORED");
    assert_eq!(world.good("network get main k"), "v\n");
    assert!(world.good("network show main").contains(&format!("served on {address}")));
    up.signal(Signal::INT);
    assert_eq!(up.end().code, 0);
    assert!(client.get("k").is_err());
    assert_eq!(world.json("network show main")["proxies"], serde_json::json!([]));
}

#[test]
fn detached_its_proxy_serves_until_down() {
    let world = World::new();
    let up = world.json("up --detach --peers 2");
    let address = up["proxy"]["listen"][0].as_str().unwrap().to_owned();
    let mut client = Client::connect(&address);
    assert_eq!(client.set("k", "v").unwrap(), "STORED");
    assert_eq!(world.json("network show main")["proxies"][0]["listen"][0], address.as_str());
    let out = world.good("down");
    assert!(out.starts_with(&format!("stopped the proxy on {address} (was pid ")), "{out}");
    assert!(client.get("k").is_err());
    assert_eq!(world.daemons(), []);
}

#[test]
fn a_port_that_is_taken_is_one_sentence_and_nothing_is_started() {
    let world = World::new();
    let stranger = Stranger::start();
    let address = &stranger.address;
    for how in ["", " --detach"] {
        let ran =
            world.bad(&format!("up --listen {address}{how}"), &[address, "is in use by another program"]);
        assert!(ran.err.contains("--no-proxy"), "{ran:?}");
    }
    assert_eq!(world.daemons(), []);
    let up = world.json("up --detach --peers 1 --no-proxy");
    assert_eq!(up["proxy"], serde_json::Value::Null);
    world.bad(&format!("proxy main --listen {address}"), &[address, "is in use by another program"]);
    world.good("down");
}

#[test]
fn a_proxy_that_was_killed_is_not_listed() {
    let world = World::new();
    network_of(&world, "p0", 1);
    let proxy = Running::of(&world, "");
    let pid = world.json("network show main")["proxies"][0]["pid"].as_u64().unwrap();
    signal(u32::try_from(pid).unwrap(), Signal::KILL);
    wait_for("it to be gone", || world.json("network show main")["proxies"] == serde_json::json!([]));
    drop(proxy);
    let again = Running::of(&world, "");
    assert_eq!(world.json("network show main")["proxies"][0]["listen"][0], again.address.as_str());
    assert!(!is_there(world.state().join(format!("proxy/{pid}.json"))));
}

#[test]
fn a_client_that_says_nothing_for_too_long_is_let_go_and_one_that_talks_stays() {
    let world = World::new();
    network_of(&world, "p0", 1);
    let proxy = Running::of(&world, "--idle-timeout 1");
    let (mut silent, mut talking) = (proxy.client(), proxy.client());
    assert_eq!(silent.set("k", "v").unwrap(), "STORED");
    wait_for("the silent one to be let go", || talking.stat("", "curr_connections") == "1");
    assert!(silent.ask("mn").is_err());
    assert_eq!(talking.get("k").unwrap(), "v");
}

#[test]
fn other_machines_are_not_let_in_by_accident() {
    let world = World::new();
    network_of(&world, "p0", 1);
    for how in ["--listen 0.0.0.0:0", "--metrics 0.0.0.0:0"] {
        let ran = world.bad(&format!("proxy main {how}"), &["0.0.0.0:0", "other machines"]);
        assert!(ran.err.contains("--insecure"), "{ran:?}");
    }
}

#[test]
fn p25_a_peer_that_dies_while_nobody_asks_it_is_told_to_be_down() {
    let world = World::new();
    world.good("peer start p0 p1 --engine memcached");
    world.good("network create main --replication 2");
    world.good("network add main p0 p1");
    let proxy = Running::of(&world, "");
    let mut client = proxy.client();
    assert_eq!(client.stat("peers", "p0:phase"), "up");
    world.kill("p0");
    wait_for("its end to be seen", || client.stat("peers", "p0:phase") == "down");
    assert_eq!(client.stat("network", "live_peers"), "1");
    world.good("peer restart p0");
    wait_for("its return", || client.stat("network", "readable_peers") == "2");
}
