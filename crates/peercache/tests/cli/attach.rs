//! Peers that somebody else runs.

use crate::world::{Stranger, World, free_port};
use std::fs;
use std::net::TcpListener;

#[test]
fn an_attached_peer_serves_and_is_never_ours_to_stop() {
    let world = World::new();
    let mut stranger = Stranger::start();
    let out = world.good(&format!("peer attach far {}", stranger.address));
    assert!(out.starts_with("attached far: memcached 1."), "{out}");
    let list = world.json("peer list");
    assert_eq!((list[0]["managed"].as_bool(), list[0]["pid"].as_u64()), (Some(false), None));
    assert_eq!(list[0]["state"], "running");

    let ran = world.bad("peer stop far", &["peer far is attached"]);
    assert!(ran.err.contains("hint: peercache peer detach far"), "{ran:?}");
    world.bad("peer start far", &["peer far is attached"]);
    world.bad("peer restart far", &["peer far is attached"]);

    world.good("network create main");
    world.good("network add main far");
    assert_eq!(world.good("network set main k v"), "SET k replicated to ['far']\n");
    world.bad("peer detach far", &["peer far is in network main"]);
    world.good("network remove main far");
    assert_eq!(world.good("peer detach far"), "detached far; its daemon goes on running\n");
    assert_eq!(world.json("peer list").as_array().unwrap().len(), 0);
    assert!(stranger.is_alive());
}

#[test]
fn what_does_not_answer_as_memcached_is_not_attached() {
    let world = World::new();
    world.bad(&format!("peer attach a 127.0.0.1:{}", free_port()), &["127.0.0.1"]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    world.bad(&format!("peer attach a {}", silent.local_addr().unwrap()), &["127.0.0.1"]);
    assert_eq!(world.json("peer list").as_array().unwrap().len(), 0);
}

#[test]
fn one_daemon_is_one_peer_and_one_id_one_daemon() {
    let world = World::new();
    let (first, second) = (Stranger::start(), Stranger::start());
    world.good(&format!("peer attach a {}", first.address));
    world.bad(&format!("peer attach b {}", first.address), &["is peer a already"]);
    world.bad(&format!("peer attach a {}", second.address), &["there is a peer a already"]);
}

#[test]
fn p40_a_peer_that_holds_items_enters_only_flushed_or_as_a_whole_fleet() {
    let world = World::new();
    let (first, second) = (Stranger::start(), Stranger::start());
    world.good(&format!("peer attach a {}", first.address));
    world.good(&format!("peer attach b {}", second.address));
    world.good("network create one");
    world.good("network add one a b");
    for number in 0..20 {
        world.good(&format!("network set one key{number} value"));
    }
    world.good("network delete one");

    world.good("network create two");
    let ran = world.bad("network add two a b", &["holds", "items"]);
    assert!(ran.err.contains("--flush"), "{ran:?}");
    assert_eq!(world.json("network show two")["peers"], serde_json::json!([]));
    world.good("network add two a b --adopt");
    assert_eq!(world.good("network get two key0"), "value\n", "the same ids are the same placement");
    world.good("network remove two b");
    world.bad("network add two b --adopt", &["only a whole fleet can be adopted"]);
    world.good("network remove two a");
    world.good("network add two a b --flush");
    assert_eq!(world.run("network get two key0").code, 1);
}

#[test]
fn a_stopped_peer_of_ours_can_be_forgotten_and_a_running_one_not() {
    let world = World::new();
    world.good("peer start p0 --engine memcached");
    world.bad("peer detach p0", &["peer p0 is not stopped"]);
    world.good("peer stop p0");
    world.good("peer detach p0");
    world.bad("peer show p0", &["there is no peer p0"]);
}

#[test]
fn several_peers_are_attached_all_or_none() {
    let world = World::new();
    let (first, second) = (Stranger::start(), Stranger::start());
    let (a, b, gone) = (&first.address, &second.address, format!("127.0.0.1:{}", free_port()));
    world.bad(&format!("peer attach a {a} b {gone}"), &[&gone]);
    world.bad(&format!("peer attach a={a} b={a}"), &["is peer a already"]);
    world.bad(&format!("peer attach a={a} a={b}"), &["peer a is given twice"]);
    world.bad(&format!("peer attach a={a} b={b} --ring-name x"), &["one ring name", "several peers"]);
    assert_eq!(world.json("peer list").as_array().unwrap().len(), 0);

    let both = world.json(&format!("peer attach a {a} b={b} --weight 3"));
    assert_eq!((&both[0]["id"], &both[1]["weight"]), (&"a".into(), &3.into()));
    assert_eq!(both[1]["ring_name"], b.as_str(), "what twemproxy would call it");
    world.good("peer detach a");
    assert_eq!(world.json(&format!("peer attach a {a} --ring-name cache-1"))["ring_name"], "cache-1");
}

/// A command that is gone had missed a write on the daemon that had the id before.
#[test]
fn p11_a_daemon_is_not_emptied_for_what_another_one_of_its_id_missed() {
    let world = World::new();
    let (first, second) = (Stranger::start(), Stranger::start());
    world.good("network create main");
    let change_to = |stranger: &Stranger| {
        world.good(&format!("peer attach a {}", stranger.address));
        world.good("network add main a --adopt");
    };
    let leave = || {
        world.good("network remove main a");
        world.good("peer detach a");
    };
    change_to(&second);
    world.good("network set main k v");
    leave();
    change_to(&first);
    fs::create_dir_all(world.state().join("outage/a")).unwrap();
    fs::write(world.state().join("outage/a/1-0000002a"), "").unwrap();
    leave();
    change_to(&first);
    let shown = world.good("network show main");
    assert!(shown.contains("a is not read: somebody missed writes on it"), "{shown}");
    leave();
    change_to(&second);
    let read = world.run("network get main k");
    assert_eq!((read.out.as_str(), read.err.as_str()), ("v\n", ""));
}
