//! Adopting the fleet of a real twemproxy, and of libmemcached, without losing what it holds.

use crate::world::{Beside, PATIENCE, Stranger, World, free_port, wait_for};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A twemproxy in front of a fleet; ended when dropped.
struct Twemproxy {
    child: Child,
    port: u16,
}

impl Twemproxy {
    /// Starts it for the fleet `alpha` of the configuration that `settings` and `daemons` make up, which is
    /// left in the world as `nutcracker.yml`.
    fn start(world: &World, settings: &str, daemons: &[String]) -> Self {
        let (port, stats) = (free_port(), free_port());
        let list: String = daemons.iter().map(|daemon| format!("   - {daemon}\n")).collect();
        let text = format!("alpha:\n  listen: 127.0.0.1:{port}\n{settings}  servers:\n{list}");
        let path = world.path("nutcracker.yml");
        fs::write(&path, text).unwrap();
        let mut command = Command::new("nutcracker");
        // Debian keeps it where daemons are, which is not on everybody's PATH.
        let path_env = format!("{}:/usr/sbin", std::env::var("PATH").unwrap());
        command.env("PATH", path_env).arg("-c").arg(&path).args([
            "-a",
            "127.0.0.1",
            "-s",
            &stats.to_string(),
        ]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let twemproxy = Self { child: child.expect("nutcracker: cargo xtask test installs it"), port };
        wait_for("twemproxy to listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        twemproxy
    }

    /// Sets each key to itself, through it.
    fn set(&self, keys: &[String]) {
        set_through(self.port, keys);
    }
}

/// A client's connection to whatever serves at `port`.
fn dial(port: u16) -> (TcpStream, BufReader<TcpStream>) {
    let to = TcpStream::connect(("127.0.0.1", port)).unwrap();
    to.set_read_timeout(Some(PATIENCE)).unwrap();
    let from = BufReader::new(to.try_clone().unwrap());
    (to, from)
}

fn set_through(port: u16, keys: &[String]) {
    let (mut to, mut from) = dial(port);
    for key in keys {
        write!(to, "set {key} 0 0 {}\r\n{key}\r\n", key.len()).unwrap();
        assert_eq!(line(&mut from), "STORED\r\n", "{key}");
    }
}

fn assert_found_through(port: u16, keys: &[String]) {
    let (mut to, mut from) = dial(port);
    for key in keys {
        write!(to, "get {key}\r\n").unwrap();
        let answer = [line(&mut from), line(&mut from), line(&mut from)];
        let value = format!("VALUE {key} 0 {}\r\n", key.len());
        assert_eq!(answer, [value, format!("{key}\r\n"), "END\r\n".to_owned()]);
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line
}

impl Drop for Twemproxy {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keys() -> Vec<String> {
    let plain = (0..40).map(|n| format!("user:{n}"));
    plain.chain((0..20).map(|n| format!("{{tag{n}}}:field{n}"))).chain(["clé".to_owned()]).collect()
}

/// With one copy only the owner is asked: a hit is a key in its place.
fn assert_all_are_found(world: &World, network: &str) {
    for key in keys() {
        assert_eq!(world.good(&format!("network get {network} {key}")), format!("{key}\n"));
    }
}

#[test]
fn p02_the_fleet_of_a_real_twemproxy_is_adopted_with_all_that_it_holds() {
    let world = World::new();
    let fleet = [Stranger::start(), Stranger::start(), Stranger::start()];
    let weights_and_names = ["1 cache-a", "3 cache-b", "2"];
    let daemon = |(stranger, rest): (&Stranger, &str)| format!("{}:{rest}", stranger.address);
    let daemons: Vec<String> = fleet.iter().zip(weights_and_names).map(daemon).collect();
    let settings = "  hash: murmur\n  hash_tag: \"{}\"\n  distribution: ketama\n  timeout: 30000\n";
    let twemproxy = Twemproxy::start(&world, settings, &daemons);
    twemproxy.set(&keys());

    let dry = world.good("network import nutcracker.yml --dry-run --name main");
    assert!(dry.contains("pool alpha as network main") && dry.contains("nothing was changed"), "{dry}");
    assert!(dry.contains("keys by murmur, hash tag {}") && dry.contains("timeout"), "{dry}");
    assert_eq!(world.json("peer list").as_array().unwrap().len(), 0);

    // A delayed flush that an earlier network of this name left behind does not concern it (P-18).
    fs::create_dir_all(world.state().join("flush")).unwrap();
    let flush = "{\"schema\":1,\"number\":1,\"at_unix_s\":1,\"peers\":[\"cache-a\"]}";
    fs::write(world.state().join("flush/main.json"), flush).unwrap();
    world.good("network import nutcracker.yml --name main");
    assert_all_are_found(&world, "main");
    let explained = world.json("network explain main {tag3}:field3");
    assert_eq!(
        (&explained["key_hash"], &explained["copies"][0]["present"]),
        (&"murmur".into(), &true.into())
    );
    let same_tag = world.json("network explain main {tag3}:other");
    assert_eq!(explained["position"], same_tag["position"]);

    // What is written now, twemproxy finds too: both can serve while clients move from one to the other.
    world.good("network set main user:99 user:99");
    assert_found_through(twemproxy.port, &["user:99".to_owned()]);

    let shown = world.good("network show main");
    assert!(shown.contains("vnodes 160, hash ketama (keys by murmur, hash tag {})"), "{shown}");
    world.bad("network import nutcracker.yml --name main", &["there is a network main already"]);
    world.bad("network import nutcracker.yml --name other", &["is peer cache-a already"]);
}

#[test]
fn p02_clients_move_from_a_real_twemproxy_to_the_proxy_while_both_serve() {
    let world = World::new();
    let fleet = [Stranger::start(), Stranger::start(), Stranger::start()];
    let daemons: Vec<String> = fleet.iter().map(|stranger| format!("{}:1", stranger.address)).collect();
    let twemproxy = Twemproxy::start(&world, "  hash: crc32a\n  distribution: ketama\n", &daemons);
    world.good("network import nutcracker.yml");
    let port = free_port();
    let command = world.command(&format!("proxy alpha --listen 127.0.0.1:{port}"));
    let _proxy = Beside::start(&world, command);
    wait_for("the proxy to listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let (old, new): (Vec<String>, Vec<String>) = keys().into_iter().partition(|key| key.len() % 2 == 0);
    twemproxy.set(&old);
    assert_found_through(port, &old);
    set_through(port, &new);
    assert_found_through(twemproxy.port, &new);
}

#[test]
fn p02_a_fleet_is_adopted_by_hand_as_it_is_imported() {
    let world = World::new();
    let fleet = [Stranger::start(), Stranger::start(), Stranger::start()];
    let daemons: Vec<String> = fleet.iter().map(|stranger| format!("{}:1", stranger.address)).collect();
    Twemproxy::start(&world, "  hash: fnv1a_64\n  distribution: ketama\n", &daemons).set(&keys());
    let [a, b, c] = fleet.each_ref().map(|stranger| &stranger.address);
    let out = world.good(&format!("peer attach a {a} b={b} c {c}"));
    assert_eq!(out.lines().filter(|line| line.starts_with("attached ")).count(), 3, "{out}");
    let created = world.good("network create main --hash ketama");
    assert!(created.contains("ketama, keys by fnv1a_64"), "{created}");
    world.good("network add main a b c --adopt");
    assert_all_are_found(&world, "main");
}

#[test]
fn a_daemon_that_does_not_answer_is_taken_only_when_that_is_asked_for() {
    let world = World::new();
    let alive = Stranger::start();
    let gone = format!("127.0.0.1:{}", free_port());
    fs::write(
        world.path("n.yml"),
        format!("a:\n  servers:\n   - {}:1 here\n   - {gone}:1 gone\n", alive.address),
    )
    .unwrap();
    let ran = world.bad("network import n.yml", &["peer gone: no connection to", &gone]);
    assert!(ran.err.contains("--accept-unreachable"), "{ran:?}");
    assert_eq!(world.json("peer list").as_array().unwrap().len(), 0);
    let ran = world.run("network import n.yml --accept-unreachable");
    assert!(ran.code == 0 && ran.err.contains("warning: peer gone"), "{ran:?}");
    assert_eq!(world.json("network show a")["peers"], serde_json::json!(["here", "gone"]));
}

#[test]
fn what_cannot_be_imported_is_said_with_file_pool_and_line() {
    let world = World::new();
    let path = world.path("n.yml");
    for (text, words) in [
        ("a:\n  distribution: modula\n  servers:\n   - h:1:1\n", "n.yml cannot be imported: pool a, line 2"),
        ("a:\n  redis: true\n  servers:\n   - h:1:1\n", "its daemons are Redis"),
        ("a:\n  servers:\n   - h:1:1\nb:\n  servers:\n   - h:1:1\n", "name one of them with --pool"),
        ("a:\n  servers:\n   - no-such-host.invalid:1:1\n", "n.yml, line 3: no-such-host.invalid:1"),
        ("a:\n  b: [", "is not YAML"),
    ] {
        fs::write(&path, text).unwrap();
        let ran = world.bad("network import n.yml", &[words]);
        assert!(ran.err.contains("hint: "), "{ran:?}");
    }
    world.bad("network import missing.yml", &["missing.yml cannot be read"]);
    assert!(!world.state().join("network.json").exists());
}

#[test]
fn flags_that_contradict_a_hash_are_refused() {
    let world = World::new();
    world.bad("network create n --hash ketama --vnodes 100", &["--vnodes cannot be chosen with ketama"]);
    world.bad("network create n --key-hash md5", &["belong to ketama, and the hash is xxh3"]);
    world.bad("network create n --hash ketama-libmemcached --hash-tag {}", &["knows no hash tags"]);
    let out = world.good("network create n --hash ketama-libmemcached");
    assert!(out.contains("ketama-libmemcached, keys by md5"), "{out}");
    let network = world.json("network show n");
    assert_eq!((&network["hash"], &network["key_hash"]), (&"ketama-libmemcached".into(), &"md5".into()));
}
