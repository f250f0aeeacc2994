//! A daemon of ours is gone and another cache has got its port: that one is somebody else's, and is neither
//! read nor written nor emptied (P-33).

use crate::client::Client;
use crate::proxy::Running;
use crate::world::{World, free_port, wait_for};
use peercache::spec::{EngineKind, HashKind, NetworkSpec, PeerSpec, Policy, Replication, Vnodes, Weight};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// Ports below those that the system gives to clients, and away from where daemons look by themselves.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// A network `main` of one peer, `p0`, on a port that nobody else looks for; tells the port.
fn network_apart(world: &World) -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let mut port = 0;
    wait_for("a port of its own", || {
        let next = std::process::id().wrapping_mul(17) as u16;
        port = PORTS.start + next.wrapping_add(TAKEN.fetch_add(1, Relaxed)) % (PORTS.end - PORTS.start);
        TcpListener::bind(("127.0.0.1", port)).is_ok() && start_at(world, port)
    });
    make_network(world);
    port
}

fn start_at(world: &World, port: u16) -> bool {
    world.run(&format!("peer start p0 --engine memcached --port {port}")).code == 0
}

fn make_network(world: &World) {
    world.good("network create main");
    world.good("network add main p0");
}

/// A network of somebody else, whose peer has got the port of ours, and what it holds.
fn squat(port: u16) -> World {
    let theirs = World::new();
    assert!(start_at(&theirs, port));
    make_network(&theirs);
    theirs.good("network set main k theirs");
    theirs
}

fn assert_untouched(theirs: &World) {
    assert_eq!(theirs.good("network get main k"), "theirs\n");
    assert_eq!(theirs.run("network get main new").code, 1, "nothing was written to it");
    let stats = theirs.json("peer stats p0");
    assert_eq!((stats["cmd_flush"].as_u64(), stats["cmd_set"].as_u64()), (Some(0), Some(1)), "{stats}");
}

/// Waits until the proxy does not read, for a reason that has these words.
fn wait_for_trouble(client: &mut Client, words: &str) {
    wait_for("the proxy to know who answers", || client.get("k").unwrap().contains(words));
}

/// No command of ours touches what answers at the peer's address.
fn assert_commands_keep_away(ours: &World) {
    ours.bad("network get main k", &["p0", "is down"]);
    ours.bad("network set main new ours", &["p0", "is down"]);
    ours.run("network explain main k");
    let shown = ours.json("network show main");
    assert_eq!(shown["members"][0]["phase"], "down", "{shown}");
    ours.good("network remove main p0");
    ours.good("network add main p0 --flush");
}

/// A library client of our network that shares our state directory.
fn assert_library_keeps_away(ours: &World, port: u16) {
    let peer = PeerSpec {
        id: "p0".parse().unwrap(),
        address: ([127, 0, 0, 1], port).into(),
        weight: Weight::default(),
        engine: EngineKind::Memcached,
        ring_name: None,
        auth_file: None,
    };
    let network = NetworkSpec {
        name: "main".parse().unwrap(),
        peers: vec![peer],
        replication: Replication::default(),
        vnodes: Vnodes::default(),
        hash: HashKind::Xxh3,
        policy: Policy::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = peercache::Client::open_with_state(&network, &ours.state()).unwrap();
        assert!(client.get(b"k").await.is_err());
        assert!(client.set(b"new", b"ours", peercache::SetOptions::default()).await.is_err());
    });
}

/// While a peer is being brought back it takes writes, and is emptied of them at the end.
fn serves(client: &mut Client) -> bool {
    client.set("k", "ours").unwrap() == "STORED" && client.get("k").unwrap() == "ours"
}

#[test]
fn p33_another_cache_on_the_port_of_a_dead_peer_is_not_read_and_not_emptied() {
    let ours = World::new();
    let port = network_apart(&ours);
    let proxy = Running::of(&ours, "--workers 2");
    let mut client = proxy.client();
    assert_eq!(client.set("k", "ours").unwrap(), "STORED");
    let before = ours.kill("p0");
    let theirs = squat(port);
    let (met, expected) = (theirs.pid("p0"), format!("was pid {before}"));
    wait_for_trouble(&mut client, &format!("another daemon (pid {met}) answers at this address"));
    assert!(client.get("k").unwrap().contains(&expected));
    assert!(client.set("new", "ours").unwrap().starts_with("SERVER_ERROR"));
    client.ask("flush_all").unwrap();
    assert_eq!(client.ask("flush_all 1").unwrap(), "OK");
    wait_for("the flush to have been due", || !ours.state().join("flush/main.json").exists());
    assert_library_keeps_away(&ours, port);
    assert_commands_keep_away(&ours);
    wait_for_trouble(&mut client, "another daemon");
    assert_untouched(&theirs);

    ours.bad("peer start p0", &[&port.to_string(), "is taken by another program"]);
    wait_for("another port", || start_at(&ours, free_port()));
    wait_for("the proxy to serve", || serves(&mut client));
    assert_eq!(ours.good("network get main k"), "ours\n");
    assert_untouched(&theirs);
}

#[test]
fn p33_the_port_of_a_stopped_peer_may_be_anybodys() {
    let ours = World::new();
    let port = network_apart(&ours);
    let proxy = Running::of(&ours, "");
    let mut client = proxy.client();
    assert_eq!(client.set("k", "ours").unwrap(), "STORED");
    ours.good("peer stop p0");
    let theirs = squat(port);
    wait_for_trouble(&mut client, "it does not run");
    assert_commands_keep_away(&ours);
    let late = Running::of(&ours, "");
    wait_for_trouble(&mut late.client(), "it does not run");
    assert_untouched(&theirs);

    theirs.good("peer stop p0");
    wait_for("the port", || start_at(&ours, port));
    wait_for("the proxy to serve", || serves(&mut client));
    wait_for("the other one too", || serves(&mut late.client()));
}

#[test]
fn p33_a_peer_that_is_started_again_is_known_again_by_all_who_run() {
    let world = World::new();
    world.good("peer start p0 p1 --engine memcached");
    world.good("network create main --replication 2");
    world.good("network add main p0 p1");
    let proxy = Running::of(&world, "--workers 2");
    let mut client = proxy.client();
    for round in 0..3 {
        for peer in ["p0", "p1"] {
            if round == 1 {
                world.kill(peer);
            }
            world.good(&format!("peer restart {peer}"));
            let address = world.json(&format!("peer show {peer}"))["address"].as_str().unwrap().to_owned();
            let mut daemon = Client::connect(&address);
            let value = format!("{peer}-{round}");
            wait_for("the new daemon to get what is written", || {
                assert_eq!(client.set("k", &value).unwrap(), "STORED", "the other one is there");
                daemon.get("k").unwrap() == value
            });
            assert!([value.as_str(), "END"].contains(&client.get("k").unwrap().as_str()));
        }
    }
}
