//! Networks and their keys.

use crate::world::{Ran, World, is_there};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::thread;

fn network_of(world: &World, peers: &[&str], replication: u8) {
    world.good(&format!("peer start {} --engine memcached", peers.join(" ")));
    world.good(&format!("network create main --replication {replication}"));
    world.good(&format!("network add main {}", peers.join(" ")));
}

#[test]
fn a_key_is_set_read_explained_and_unset() {
    let world = World::new();
    network_of(&world, &["p0", "p1", "p2"], 2);
    let set = world.json("network set main greeting hello --ttl 600");
    let replicas = set["replicated_to"].clone();
    assert_eq!(replicas.as_array().unwrap().len(), 2);
    let line = world.good("network set main greeting hello");
    let ids: Vec<&str> = replicas.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(line, format!("SET greeting replicated to ['{}', '{}']\n", ids[0], ids[1]));
    assert_eq!(world.good("network get main greeting"), "hello\n");
    let got = world.json("network get main greeting");
    assert_eq!((&got["value"], &got["from"], &got["found"]), (&json!("hello"), &replicas[0], &json!(true)));

    let explained = world.json("network explain main greeting");
    assert_eq!((&explained["replicas"], &explained["serves"]), (&replicas, &replicas[0]));
    assert_eq!(explained["copies"][1]["present"], true);

    assert_eq!(
        world.good("network unset main greeting"),
        format!("UNSET greeting on ['{}', '{}']\n", ids[0], ids[1])
    );
    let missing = world.run("network unset main greeting");
    assert_eq!((missing.code, missing.out.as_str()), (1, "MISS\n"));
    let missing = world.run("network get main greeting");
    assert_eq!((missing.code, missing.out.as_str()), (1, "MISS\n"));
    let document = world.run("-o json network get main greeting");
    let document_json: serde_json::Value = serde_json::from_str(&document.out).unwrap();
    assert_eq!((document.code, &document_json["found"]), (1, &json!(false)));
}

#[test]
fn values_are_bytes_and_come_back_as_they_were() {
    let world = World::new();
    network_of(&world, &["p0"], 1);
    let value = b"\0\xff\r\nEND\r\n";
    let ran = world.with_input("network set main k -", value);
    assert_eq!(ran.code, 0, "{ran:?}");
    let got = world.command("network get main k").output().unwrap();
    assert_eq!(got.stdout, [value.as_slice(), b"\n"].concat());
    assert_eq!(world.json("network get main k")["value_hex"], "00ff0d0a454e440d0a");
    assert_eq!(world.good("network set main n -5"), "SET n replicated to ['p0']\n");
    assert_eq!(world.good("network get main n"), "-5\n");
}

#[test]
fn p60_bad_keys_and_values_are_refused_before_anything_is_sent() {
    let world = World::new();
    network_of(&world, &["p0"], 1);
    let run = |key: &str| {
        let mut command = world.command("network get main");
        Ran::of(command.arg(key).output().unwrap())
    };
    run("").assert_failed(&["the key is empty"]);
    run(&"k".repeat(251)).assert_failed(&["the key is 251 bytes long"]);
    run("a b").assert_failed(&["0x20 at position 1"]);
    run("a\r\nflush_all").assert_failed(&["0x0d at position 1"]);
    assert_eq!(run(&"k".repeat(250)).out, "MISS\n");
    let large = vec![b'x'; (1 << 20) + 1];
    world
        .with_input("network set main k -", &large)
        .assert_failed(&["longer than the limit of 1048576 bytes"]);
    assert_eq!(world.json("peer stats p0")["cmd_set"], 0);
}

#[test]
fn p21_an_empty_network_says_so() {
    let world = World::new();
    world.good("network create main");
    for words in ["set main k v", "get main k", "unset main k", "explain main k"] {
        let ran = world.run(&format!("network {words}"));
        assert_eq!((ran.code, ran.out.as_str()), (1, "No peers available.\n"), "{words}: {ran:?}");
        let ran = world.run(&format!("-o json network {words}"));
        ran.assert_failed(&["No peers available."]);
        assert_eq!(ran.out, "");
    }
}

#[test]
fn what_does_not_exist_is_named() {
    let world = World::new();
    world.bad("network get main k", &["there is no network main"]);
    world.bad("network add main p0", &["there is no network main"]);
    world.bad("network delete main", &["there is no network main"]);
    world.good("network create main");
    world.bad("network create main", &["there is a network main already"]);
    world.bad("network add main p0", &["there is no peer p0"]);
    world.bad("network remove main p0", &["peer p0 is not in network main"]);
    world.bad("network add main p0 p0", &["peer p0 is given twice"]);
    world.bad("peer show p0", &["there is no peer p0"]);
}

#[test]
fn create_prints_its_promises_and_delete_leaves_the_peers() {
    let world = World::new();
    let out = world.good("network create main --replication 2 --vnodes 50 --hash md5 --on-down miss");
    for words in ["2 copies", "md5, 50 points", "a plain miss", "next: ", "network add main"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    world.good("peer start p0 --engine memcached");
    world.good("network add main p0");
    let show = world.json("network show main");
    assert_eq!(
        (&show["hash"], &show["vnodes"], &show["replication"]),
        (&json!("md5"), &json!(50), &json!(2))
    );
    assert!(world.good("network delete main").contains("its peers stay as they are"));
    assert_eq!(world.daemons().len(), 1);
    assert_eq!(world.json("network list"), json!([]));
}

#[test]
fn p40_a_peer_is_in_one_network_only() {
    let world = World::new();
    network_of(&world, &["p0"], 1);
    world.good("network create other");
    world.bad("network add other p0", &["peer p0 is in network main already"]);
    world.bad("network add main p0", &["peer p0 is in network main already"]);
    world.bad("peer detach p0", &["peer p0 is in network main"]);
}

#[test]
fn p40_a_network_called_network_is_one_like_any_other() {
    let world = World::new();
    world.good("peer start p0 --engine memcached");
    for name in ["network", "registry"] {
        world.good(&format!("network create {name}"));
    }
    world.good("network add network p0");
    assert_eq!(world.json("network list")[0]["name"], "network");
    let index: serde_json::Value = serde_json::from_str(&world.read("network.json")).unwrap();
    assert_eq!(index["networks"], json!(["network", "registry"]));
    world.bad("network add registry p0", &["peer p0 is in network network already"]);
    world.bad("peer detach p0", &["peer p0 is in network network"]);
    world.good("network set network k v");
    world.good("network delete network");
    assert_eq!(world.json("network list")[0]["name"], "registry");
}

#[test]
fn thirty_adds_at_once_make_thirty_members_each_once() {
    let world = World::new();
    let ids: Vec<String> = (0..20).map(|number| format!("p{number}")).collect();
    world.good(&format!("peer start {} --engine memcached", ids.join(" ")));
    world.good("network create main");
    let ran: Vec<Ran> = thread::scope(|scope| {
        // Ten of the thirty are for one peer.
        let all = (0..30).map(|number| &ids[if number < 20 { number } else { 0 }]);
        let add = |id: &String| Ran::of(world.command(&format!("network add main {id}")).output().unwrap());
        let runs: Vec<_> = all.map(|id| scope.spawn(move || add(id))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(ran.iter().filter(|ran| ran.code == 0).count(), 20, "{ran:?}");
    for refused in ran.iter().filter(|ran| ran.code != 0) {
        refused.assert_failed(&["peer p0 is in network main already"]);
    }
    let show = world.json("network show main");
    let members: Vec<&str> =
        show["peers"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let distinct: BTreeSet<&str> = members.iter().copied().collect();
    assert_eq!((members.len(), distinct.len()), (20, 20));
    let owned: f64 =
        show["members"].as_array().unwrap().iter().map(|peer| peer["owned"].as_f64().unwrap()).sum();
    assert!((owned - 1.0).abs() < 1e-9, "{owned}");
}

#[test]
fn with_two_copies_a_killed_peer_costs_nothing_and_comes_back_warming() {
    let world = World::new();
    network_of(&world, &["p0", "p1", "p2"], 2);
    for number in 0..20 {
        world.good(&format!("network set main key{number} value{number}"));
    }
    world.kill("p1");
    for number in 0..20 {
        assert_eq!(world.good(&format!("network get main key{number}")), format!("value{number}\n"));
    }
    let out = world.good("peer restart p1");
    assert!(out.contains("warms up"), "{out}");
    assert_eq!(world.json("peer show p1")["warming"], true);
    for number in 0..20 {
        assert_eq!(world.good(&format!("network get main key{number}")), format!("value{number}\n"));
    }
    let phases = world.json("network show main");
    assert_eq!(phases["members"][1]["phase"], "warming");
    world.good("network remove main p1");
    assert_eq!(world.json("peer show p1")["warming"], false);
}

#[test]
fn p21_with_one_copy_the_error_names_the_peer() {
    let world = World::new();
    network_of(&world, &["p0"], 1);
    world.kill("p0");
    let ran = world.bad("network get main k", &["no replica can serve k", "p0"]);
    assert!(ran.err.contains("hint: "), "{ran:?}");
    world.bad("network set main k v", &["no replica can store k", "p0"]);
    world.good("peer restart p0");
    assert_eq!(world.json("peer show p0")["warming"], false, "nobody could stand in for it");
    world.good("network set main k v");
}

/// Left behind, it would empty the next network of that name when something runs on it.
#[test]
fn p18_a_delayed_flush_ends_with_its_network() {
    let world = World::new();
    network_of(&world, &["p0"], 1);
    let flush = world.state().join("flush/main.json");
    let order = || {
        fs::create_dir_all(world.state().join("flush")).unwrap();
        fs::write(&flush, "{\"schema\":1,\"number\":1,\"at_unix_s\":1,\"peers\":[\"p0\"]}").unwrap();
    };
    world.good("network set main k v");
    order();
    world.good("network delete main");
    assert!(!is_there(&flush));
    // As a version before left it.
    order();
    world.good("network create main");
    assert!(!is_there(&flush));
    world.good("network add main p0 --adopt");
    assert_eq!(world.good("network get main k"), "v\n");
}
