//! Peers that know no meta commands are sent none (S2).

use super::stage::Stage;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::command::Dialect;
use peercache_core::protocol::memcached::request::MetaKey;
use peercache_core::router::{self, Mode};

/// What memcached's predecessors would execute if it stood behind a line that they refuse.
const EVIL: &str = "flush_all\r\n";

fn ms(key: &str) -> String {
    format!("ms {key} {}\r\n{EVIL}\r\n", EVIL.len())
}

#[test]
fn s2_a_peer_that_knows_no_meta_commands_is_sent_none() {
    let mut stage = Stage::of_meta(2, 2);
    stage.lose(1);
    stage.connect(1, Dialect::Classic);
    let (key, client) = (stage.key(&[0, 1]), stage.client());
    for asked in [ms(&key), format!("mg {key} v\r\n"), format!("md {key}\r\n"), format!("ma {key}\r\n")] {
        stage.says(client, &asked);
        let told = stage.told(client);
        assert!(told.starts_with("SERVER_ERROR p1 (127.0.0.1:1) knows no meta commands"), "{told}");
        assert_eq!((stage.sent(0), stage.sent(1)), (String::new(), String::new()), "{asked}");
    }
    let body = "x".repeat(2_000_000);
    stage.says(client, &format!("ms {} 2000000 b\r\n{body}\r\nversion\r\n", base64_of(&stage, &[0, 1])));
    let told = stage.told(client);
    assert!(told.starts_with("SERVER_ERROR p1 (127.0.0.1:1) knows no meta commands"), "{told}");
    assert!(told.ends_with("\r\n") && told.lines().nth(1).unwrap().starts_with("VERSION "), "{told}");
    stage.says(client, &format!("set {key} 0 0 1\r\na\r\n"));
    assert_eq!(stage.sent(1), format!("set {key} 0 0 1\r\na\r\n"), "what it knows it is asked");
    assert!([0, 1].iter().all(|&peer| stage.cell(peer).state().is_live()));
}

/// A key in base64 with these replicas: what stands for three bytes has no padding, and any four letters do.
fn base64_of(stage: &Stage, replicas: &[usize]) -> String {
    let texts = (0..26u8).map(|letter| format!("{}m9v", char::from(b'A' + letter)));
    let is_theirs = |text: &String| {
        let key = MetaKey::base64(Key::new(text.as_bytes()).unwrap()).unwrap();
        let topology = stage.hub.topology();
        let plan = router::plan_named(topology, key.placement().as_ref(), Mode::Read, 0).unwrap();
        plan.set.as_slice().iter().map(|peer| peer.get()).eq(replicas.iter().copied())
    };
    texts.into_iter().find(is_theirs).unwrap()
}

#[test]
fn s2_what_waits_for_a_connection_is_not_sent_to_whoever_does_not_know_it() {
    let mut stage = Stage::unmet(1, 1);
    let client = stage.client();
    stage.says(client, &format!("{}set k 0 0 1\r\na\r\nmg k v\r\nget k\r\n", ms("k")));
    stage.connect(0, Dialect::Classic);
    assert_eq!(stage.sent(0), "set k 0 0 1\r\na\r\nget k\r\n");
    stage.answers(0, "STORED\r\nEND\r\n");
    let told = stage.told(client);
    let starts = ["SERVER_ERROR ", "STORED", "SERVER_ERROR ", "END"];
    assert!(told.lines().zip(starts).all(|(line, start)| line.starts_with(start)), "{told}");
    assert_eq!(told.lines().count(), 4, "{told}");
}

#[test]
fn s2_a_follower_that_turns_out_not_to_know_a_command_misses_it_as_if_it_were_down() {
    let mut stage = Stage::of_meta(2, 2);
    let (key, client) = (stage.key(&[0, 1]), stage.client());
    stage.says(client, &format!("ma {key} q\r\nmn\r\n"));
    stage.lose(1);
    stage.connect(1, Dialect::Classic);
    assert!(stage.cell(1).state().is_readable());
    stage.answers(0, "VA 1\r\n5\r\n");
    assert_eq!(stage.sent(1), "");
    assert!(!stage.cell(1).state().is_readable(), "it is emptied before it is read");
    assert_eq!(stage.told(client), "MN\r\n");
}
