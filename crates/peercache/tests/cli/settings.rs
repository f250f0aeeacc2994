//! Flags over environment over file over defaults.

use crate::world::{Ran, World};
use std::fs;

#[test]
fn each_value_says_where_it_came_from() {
    let world = World::new();
    fs::write(world.path("peercache.toml"), "# ours\nvnodes = 50\nmemory_mb = 32\nengine = \"embedded\"\n")
        .unwrap();
    let mut command = world.bare("-o json --state-dir mine config show");
    let out = command.env("PEERCACHE_MEMORY_MB", "16").output().unwrap();
    let show: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let of = |key: &str| (show[key]["value"].as_str().unwrap(), show[key]["source"].as_str().unwrap());
    assert_eq!(of("vnodes"), ("50", "peercache.toml:2"));
    assert_eq!(of("memory_mb"), ("16", "environment PEERCACHE_MEMORY_MB"));
    assert_eq!(of("state_dir"), ("mine", "flag"));
    assert_eq!(of("hash"), ("xxh3", "default"));
}

#[test]
fn settings_become_what_commands_do() {
    let world = World::new();
    fs::write(world.path("peercache.toml"), "vnodes = 50\nreplication = 3\nstate_dir = \"state\"\n").unwrap();
    let ran = Ran::of(world.bare("network create main --vnodes 7").output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    let show = world.json("network show main");
    assert_eq!((show["vnodes"].as_u64(), show["replication"].as_u64()), (Some(7), Some(3)));
}

#[test]
fn an_unknown_setting_is_an_error_with_its_line_and_the_nearest_name() {
    let world = World::new();
    fs::write(world.path("peercache.toml"), "hash = \"md5\"\nvnode = 5\n").unwrap();
    let ran = world.bad("peer list", &["peercache.toml:2", "\"vnode\""]);
    assert!(ran.err.contains("hint: did you mean vnodes?"), "{ran:?}");
}

#[test]
fn a_wrong_value_names_the_setting_and_its_source() {
    let world = World::new();
    let ran = Ran::of(world.command("peer list").env("PEERCACHE_VNODES", "many").output().unwrap());
    ran.assert_failed(&["vnodes", "\"many\"", "environment PEERCACHE_VNODES", "from 1 to 10000"]);
    let ran = Ran::of(world.bare("--config nowhere.toml peer list").output().unwrap());
    ran.assert_failed(&["nowhere.toml cannot be read"]);
}

#[test]
fn a_proxy_is_set_up_by_settings_and_flags_prevail() {
    let world = World::new();
    fs::write(world.path("peercache.toml"), "listen = \"127.0.0.1:11999\"\nidle_timeout_s = 60\n").unwrap();
    let mut command = world.bare("-o json config show");
    let out = command.env("PEERCACHE_PROXY_WORKERS", "2").output().unwrap();
    let show: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let of = |key: &str| (show[key]["value"].as_str().unwrap(), show[key]["source"].as_str().unwrap());
    assert_eq!(of("listen"), ("127.0.0.1:11999", "peercache.toml:1"));
    assert_eq!(of("idle_timeout_s"), ("60", "peercache.toml:2"));
    assert_eq!(of("proxy_workers"), ("2", "environment PEERCACHE_PROXY_WORKERS"));
    assert_eq!((of("connections_max"), of("metrics")), (("10000", "default"), ("none", "default")));
    let ran = Ran::of(world.command("peer list").env("PEERCACHE_LISTEN", "localhost").output().unwrap());
    ran.assert_failed(&["listen", "\"localhost\"", "environment PEERCACHE_LISTEN"]);
}

#[test]
fn an_unknown_variable_is_told_with_the_nearest_name_and_passed_over() {
    let world = World::new();
    let mut command = world.command("-o json config show");
    for known in ["LOG", "PEER", "PROXY", "LONG", "TOOLS", "SIM_SEEDS", "TEST_WRITER", "STATE_DIR", "HASH"] {
        command.env(format!("PEERCACHE_{known}"), if known == "HASH" { "md5" } else { "warn" });
    }
    let ran = Ran::of(command.output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    command.env("PEERCACHE_VNODE", "7").env("PEERCACHE_VNOD", "");
    let ran = Ran::of(command.output().unwrap());
    let words = "warning: there is no setting PEERCACHE_VNODE, so it changes nothing: did you mean \
                 PEERCACHE_VNODES?\n";
    assert_eq!((ran.code, ran.err.as_str()), (0, words), "{ran:?}");
    let show: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(show["vnodes"]["value"], "100");
}
