//! What is taken over from a configuration, and what is said of one that cannot be.

use super::*;
use peercache_core::spec::KeyHash;

const ONE: &str = "\
alpha:
  listen: 127.0.0.1:22121
  hash: murmur
  hash_tag: \"{}\"
  distribution: ketama
  auto_eject_hosts: true
  timeout: 400
  redis: false
  servers:
   - 10.0.0.1:11211:1
   - cache2.example:11212:3
   - ::1:11213:100000 third
";

fn said(text: &str) -> String {
    read(text, None).unwrap_err().to_string()
}

#[test]
fn a_fleet_is_read_with_what_decides_where_keys_are() {
    let fleet = read(ONE, None).unwrap();
    assert_eq!((fleet.name.as_str(), fleet.listen.as_deref()), ("alpha", Some("127.0.0.1:22121")));
    assert_eq!(fleet.ketama.key_hash, KeyHash::Murmur);
    assert_eq!(fleet.ketama.hash_tag.unwrap().to_string(), "{}");
    assert_eq!(fleet.left_out, ["auto_eject_hosts", "timeout"]);
    assert!(fleet.ejects);
    let shown = |daemon: &Daemon| {
        let Daemon { line, host, port, weight, ring_name, .. } = daemon;
        format!("{line}: {host} {port} {weight} {ring_name}")
    };
    let daemons: Vec<_> = fleet.daemons.iter().map(shown).collect();
    assert_eq!(
        daemons,
        [
            "10: 10.0.0.1 11211 1 10.0.0.1",
            "11: cache2.example 11212 3 cache2.example:11212",
            "12: ::1 11213 100000 third"
        ]
    );
}

#[test]
fn what_is_not_written_is_as_twemproxy_has_it() {
    let fleet = read("a:\n  servers:\n  - h:1:1\n", None).unwrap();
    assert_eq!(fleet.ketama, Ketama::TWEMPROXY);
}

#[test]
fn one_of_several_fleets_must_be_named() {
    let two = format!("{ONE}beta:\n  redis: true\n  servers:\n   - h:1:1\n");
    assert_eq!(said(&two), "the file has the pools alpha, beta; name one of them with --pool");
    assert_eq!(read(&two, Some("alpha")).unwrap().daemons.len(), 3);
    let error = read(&two, Some("gamma")).unwrap_err().to_string();
    assert_eq!(error, "there is no pool gamma; the file has the pools alpha, beta");
    assert_eq!(said(""), "the file has no pools; name one of them with --pool");
}

#[test]
fn what_cannot_be_adopted_is_refused_with_its_line() {
    let with = |line: &str| said(&format!("a:\n  {line}\n  servers:\n   - h:1:1\n"));
    for (line, words) in [
        ("distribution: modula", "pool a, line 2: distribution modula places keys by no ring"),
        ("distribution: random", "pool a, line 2: distribution random places keys by no ring"),
        ("redis: true", "pool a, line 2: its daemons are Redis"),
        (
            "hash: sha1",
            "pool a, line 2: \"sha1\" is not a known key hash; the choices are one_at_a_time, md5",
        ),
        ("hash_tag: {}", "pool a, line 2: write the hash tag in quotes"),
        ("hash_tag: \"{\"", "pool a, line 2: \"{\" is not a hash tag"),
        ("timeout: [1, 2]", "pool a, line 2: timeout must be a single word"),
        ("hash: md5\n  hash: md5", "line 3 has hash again, after line 2"),
        ("hash: *x", "line 2"),
        ("hash: {a: {b: c}}", "line 2 is not what twemproxy takes there"),
    ] {
        assert!(with(line).starts_with(words), "{line}: {}", with(line));
    }
}

#[test]
fn a_daemon_that_is_none_is_refused_with_its_line() {
    let with = |word: &str| said(&format!("a:\n  servers:\n   - h:1:1\n   - {word}\n"));
    for (word, words) in [
        ("/run/memcached.sock:1", "is a unix socket"),
        ("h:1", "is not HOST:PORT:WEIGHT"),
        ("h:0:1", "needs a port from 1 to 65535"),
        ("h:70000:1", "needs a port from 1 to 65535"),
        ("h:2:0", "weight must be a whole number from 1 to"),
        ("h:2:-1", "is not HOST:PORT:WEIGHT"),
        ("\"h:2:1  \"", "is not HOST:PORT:WEIGHT"),
        ("h:2:1 h:1", "h:1 is the server of line 3 already"),
    ] {
        let said = with(word);
        assert!(said.starts_with("pool a, line 4: ") && said.contains(words), "{word}: {said}");
    }
    assert_eq!(said("a:\n  servers: []\n"), "pool a has no servers");
    assert!(said("a:\n  servers: h:1:1\n").contains("servers must be a list"));
}

#[test]
fn what_is_not_yaml_or_another_shape_is_refused() {
    for text in
        ["a: [", "- a", "a", "a: b", "a:\n  - b", "a:\n  b: c\n---\nd: e", "a: 1\na: 2", "\t{", "? [x]"]
    {
        assert!(read(text, None).is_err(), "{text:?}");
    }
    let deep = format!("a:\n  b: {}", "[".repeat(100_000));
    assert!(read(&deep, None).is_err());
}

#[test]
fn a_damaged_file_is_an_error_or_another_fleet_and_never_a_panic() {
    for at in 0..ONE.len() {
        // Whatever it says, it says it.
        let _ = read(&ONE[..at], None);
        for damage in [
            ":", "\n", " ", "\t", "{", "]", "\"", "-", "&a ", "*a", "!", "|", "%", "#", "\u{feff}", "é", "\0",
        ] {
            let _ = read(&format!("{}{damage}{}", &ONE[..at], &ONE[at + 1..]), None);
            let _ = read(&format!("{}{damage}{}", &ONE[..at], &ONE[at..]), None);
        }
    }
}
