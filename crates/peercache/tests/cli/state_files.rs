//! State files that are torn, empty, foreign, newer or links: named, never replaced.

use crate::world::World;
use std::fs;
use std::os::unix::fs::symlink;

/// A world with a stopped peer and a network, and no daemon.
fn quiet() -> World {
    let world = World::new();
    world.good("peer start p0 --engine memcached");
    world.good("network create main");
    world.good("network add main p0");
    world.good("peer stop p0");
    world
}

#[test]
fn p70_a_record_torn_at_any_byte_is_named_and_left_alone() {
    let world = quiet();
    let path = world.state().join("peer/p0.json");
    let whole = fs::read(&path).unwrap();
    // Without its last byte, a newline, it is still whole.
    for length in 0..whole.len() - 1 {
        fs::write(&path, &whole[..length]).unwrap();
        let ran = world.bad("peer start p0", &[&path.display().to_string()]);
        assert!(ran.err.contains("hint: restore"), "{length}: {ran:?}");
        assert_eq!(fs::read(&path).unwrap(), whole[..length], "{length}: it was replaced");
    }
    assert_eq!(world.daemons(), []);
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    world.good("peer start p0");
}

#[test]
fn p70_every_kind_of_wrong_file_has_its_sentence() {
    let world = quiet();
    for (file, command) in [
        ("peer/p0.json", "peer show p0"),
        ("peer/registry.json", "peer list"),
        ("network/main.json", "network show main"),
        ("network.json", "network list"),
    ] {
        let path = world.state().join(file);
        let whole = fs::read_to_string(&path).unwrap();
        let newer = whole.replace("\"schema\": 1", "\"schema\": 2");
        for (text, words) in [
            ("", "is empty"),
            ("{\"schema\": 1,", "is torn"),
            ("not ours", "is torn"),
            ("{\"name\": \"somebody else's\"}", "was not written by peercache"),
            ("{\"schema\": 1}", "was not written by peercache"),
            (newer.as_str(), "was written by a newer peercache (schema 2; this one knows 1)"),
        ] {
            fs::write(&path, text).unwrap();
            world.bad(command, &[&path.display().to_string(), words]);
            assert_eq!(fs::read_to_string(&path).unwrap(), text, "{file} was replaced");
        }
        fs::write(&path, whole).unwrap();
        world.good(command);
    }
}

#[test]
fn links_are_not_followed() {
    let world = quiet();
    let elsewhere = world.path("elsewhere.json");
    fs::write(&elsewhere, "{}").unwrap();
    for (file, command) in [("peer/p0.json", "peer start p0"), (".lock", "network create other")] {
        let path = world.state().join(file);
        fs::remove_file(&path).unwrap();
        symlink(&elsewhere, &path).unwrap();
        world.bad(command, &[&path.display().to_string(), "symbolic link"]);
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "{}");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn fields_of_later_versions_survive() {
    let world = quiet();
    let path = world.state().join("peer/p0.json");
    let text = fs::read_to_string(&path).unwrap().replacen('{', "{\n  \"rack\": \"r7\",", 1);
    fs::write(&path, text).unwrap();
    world.good("peer start p0");
    assert_eq!(world.record("p0")["rack"], "r7");
}
