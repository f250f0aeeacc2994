//! Help, usage and exit codes.

use crate::world::{Ran, World};

#[test]
fn p70_a_wrong_command_line_is_2_with_one_reason() {
    let world = World::new();
    for (args, words) in [
        ("peer start", "required"),
        ("peer fly p0", "unrecognized subcommand 'fly'"),
        ("peer start ../p0", "cannot be a peer id"),
        ("peer start registry", "the list of peers is kept under that name"),
        ("peer start p0 --engine memcache", "auto, memcached, embedded"),
        ("peer start p0 --engine redis", "in a later version"),
        ("peer start p0 --memory 0", "--memory"),
        ("peer start p0 --port 70000", "--port"),
        ("peer start p0 --weight 0", "weight must be a whole number from 1 to 1000"),
        ("peer attach p0 nowhere", "is not HOST:PORT"),
        ("peer attach registry 127.0.0.1:1", "the list of peers is kept under that name"),
        ("network add n registry", "the list of peers is kept under that name"),
        ("peer attach p0 1.2.3.4:5 p1", "\"p1\" has no HOST:PORT behind it"),
        ("network create a/b", "cannot be a network name"),
        ("network create n --replication 9", "replication must be a whole number from 1 to 8"),
        ("network create n --hash jump", "the choices are xxh3, md5, ketama, ketama-libmemcached"),
        ("network add n p0 --flush --adopt", "cannot be used with"),
        ("network set n k v --ttl -1", "--ttl"),
        ("-o xml peer list", "possible values"),
        ("up --peers 0", "--peers"),
    ] {
        let ran = world.run(args);
        assert_eq!(ran.code, 2, "{args}: {ran:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains(words), "{args}: {ran:?}");
        assert_eq!(ran.out, "", "{args}");
    }
    assert_eq!(world.daemons(), []);
}

#[test]
fn one_port_or_one_id_for_two_peers_is_refused() {
    let world = World::new();
    world.bad("peer start p0 p0", &["peer p0 is given twice"]);
    world.bad("peer start p0 p1 --port 12345", &["one port cannot be given to several peers"]);
    world.bad("peer start p0 --engine memcached --memory 1", &["1 MB"]);
    world.bad("peer start p0 --engine memcached --memory 4000000000", &["memory"]);
    assert_eq!(world.json("peer list").as_array().unwrap().len(), 0);
}

#[test]
fn help_lists_the_nouns_and_each_verb_explains_itself() {
    let world = World::new();
    let help = world.good("--help");
    for noun in ["up", "down", "peer", "network", "lab", "config", "engine", "completions"] {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(&format!("{noun} "))),
            "{noun}: {help}"
        );
    }
    for verb in ["peer start", "network add", "network explain", "lab replay", "up"] {
        let help = world.good(&format!("{verb} --help"));
        assert!(help.contains("Usage: peercache"), "{verb}: {help}");
    }
    assert!(world.good("--version").starts_with("peercache "));
    assert!(world.good("completions bash").contains("peercache"));
    assert!(world.good("engine --help").contains("-m"));
}

#[test]
fn nothing_but_the_document_is_on_standard_output() {
    let world = World::new();
    let ran = world.run("-o json peer start p0 --engine memcached");
    let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document[0]["id"], "p0");
    assert!(ran.err.contains("started p0"), "{ran:?}");
    for args in ["peer list", "peer show p0", "peer stats p0", "peer logs p0", "network list", "config show"]
    {
        world.json(args);
    }
    world.json("network create main");
    world.json("network add main p0");
    for args in ["network show main", "network set main k v", "network get main k", "network unset main k"] {
        world.json(args);
    }
    world.json("peer stop p0");
    world.json("down");
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let world = World::new();
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg("\"$0\" completions bash | head -c 1").arg(env!("CARGO_BIN_EXE_peercache"));
    let ran = Ran::of(shell.current_dir(world.path("")).output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
}

#[test]
fn an_engine_with_a_wrong_flag_is_a_wrong_command_line() {
    let world = World::new();
    let ran = world.run("engine --no-such-flag");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.starts_with("error: "), "{ran:?}");
}
