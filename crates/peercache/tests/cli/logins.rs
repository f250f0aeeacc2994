//! Peers that want to know who asks (S4), as memcached does with `-Y FILE`: started by us and by others, used
//! by proxies and commands.

use crate::client::Client;
use crate::proxy::Running;
use crate::world::{Ran, Stranger, World, wait_for};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const USERS: &str = "ann:secret\nbob:builder\n";

/// Writes a file of users that nobody else can read.
fn write(world: &World, name: &str, text: &str) -> PathBuf {
    let path = world.path(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn has_secret(ran: &Ran) -> bool {
    ["secret", "builder"].iter().any(|word| ran.out.contains(word) || ran.err.contains(word))
}

/// What a client is told that says to be `ann`, and then something.
fn as_ann(address: &str, line: &str) -> String {
    let mut client = Client::connect(address);
    assert_eq!(client.set("anything", "ann secret").unwrap(), "STORED");
    client.ask(line).unwrap()
}

/// Waits until the proxy has brought the peer back: what is written before that is emptied with it.
fn wait_until_served(client: &mut Client, peer: &str) {
    let name = format!("{peer}:readable");
    wait_for("the peer to serve", || {
        client.stats("peers").contains(&(name.clone(), "yes".to_owned()))
            && client.set("k", "v").unwrap() == "STORED"
            && client.get("k").unwrap() == "v"
    });
}

#[test]
fn peers_that_we_start_ask_who_is_there_and_everything_of_ours_says_so() {
    let world = World::new();
    write(&world, "users", USERS);
    let ran = world.run("peer start p0 p1 --engine memcached --auth-file users");
    assert!(ran.code == 0 && !has_secret(&ran) && !ran.err.contains("others can read"), "{ran:?}");
    let users = world.path("users").display().to_string();
    assert_eq!(world.record("p0")["auth_file"], users.as_str(), "wherever later commands run");
    world.good("network create main --replication 2");
    world.good("network add main p0 p1");
    assert_eq!(world.good("network set main k v"), "SET k replicated to ['p0', 'p1']\n");
    assert_eq!(world.good("network get main k"), "v\n");
    assert_eq!(world.json("network show main")["members"][0]["phase"], "up");
    assert!(world.json("peer stats p0")["curr_items"].is_number());
    assert!(world.good("peer show p0").contains(&users));

    let address = world.json("peer show p0")["address"].as_str().unwrap().to_owned();
    let mut stranger = Client::connect(&address);
    assert_eq!(stranger.ask("get k").unwrap(), "CLIENT_ERROR unauthenticated");
    assert!(as_ann(&address, "mg k").starts_with("HD"));

    let proxy = Running::of(&world, "--workers 2");
    let mut client = proxy.client();
    for peer in ["p0", "p1"] {
        assert_eq!(client.set("k", peer).unwrap(), "STORED");
        world.kill(peer);
        assert_eq!(client.set("k", "one is left").unwrap(), "STORED");
        let ran = world.run(&format!("peer restart {peer}"));
        assert!(ran.code == 0 && !has_secret(&ran), "{ran:?}");
        wait_for("its outage to be over", || {
            world.json(&format!("peer show {peer}"))["outages"] == serde_json::json!([])
        });
        let name = format!("{peer}:readable");
        wait_for("the proxy to read it", || client.stat("peers", &name) == "yes");
    }
    for daemon in world.daemons() {
        let line = fs::read_to_string(format!("/proc/{}/cmdline", daemon.pid)).unwrap();
        assert!(line.contains(&users) && !line.contains("secret"), "{line}");
    }
    for log in ["p0", "p1"] {
        assert!(!world.read(&format!("log/{log}.log")).contains("secret"));
    }
}

#[test]
fn an_attached_peer_that_asks_is_told_and_cleaned_and_flushed() {
    let world = World::new();
    let users = write(&world, "users", USERS);
    let (mut a, b) = (Stranger::asking(&users), Stranger::asking(&users));
    let attached = world.json(&format!("peer attach a={} b={} --auth-file users", a.address, b.address));
    assert_eq!(attached[0]["auth_file"], users.display().to_string());
    world.good("network create main --replication 2");
    world.good("network add main a b --flush");
    let proxy = Running::of(&world, "");
    let mut client = proxy.client();
    assert_eq!(client.set("k", "old").unwrap(), "STORED");
    a.kill();
    assert_eq!(client.set("k", "new").unwrap(), "STORED");
    assert_eq!(world.good("network get main k"), "new\n");
    a.restart();
    assert_eq!(as_ann(&a.address, "set k 0 0 3\r\nold"), "STORED");
    wait_for("the peer to be cleaned", || as_ann(&a.address, "mg k") == "EN");
    wait_for("the peer to be read", || client.stat("peers", "a:readable") == "yes");
    assert_eq!(client.get("k").unwrap(), "new");
    assert_eq!(client.set("k", "newer").unwrap(), "STORED");
    assert_eq!(client.ask("flush_all 1").unwrap(), "OK");
    wait_for("both to be flushed", || [&a, &b].iter().all(|peer| as_ann(&peer.address, "mg k") == "EN"));
}

#[test]
fn who_cannot_be_told_is_not_attached_and_no_password_is_repeated() {
    let world = World::new();
    let users = write(&world, "users", USERS);
    let (asking, open) = (Stranger::asking(&users), Stranger::start());
    write(&world, "wrong", "ann:guess\n");
    write(&world, "empty", "\n");
    write(&world, "odd", "hunter2\n");
    let attach = |at: &str, words: &[&str]| {
        let ran = world.bad(&format!("peer attach a {at}"), words);
        assert!(!has_secret(&ran) && !ran.err.contains("guess") && !ran.err.contains("hunter2"), "{ran:?}");
        ran
    };
    let at = |file: &str| format!("{} --auth-file {file}", asking.address);
    let ran = attach(&asking.address, &["peer a", &asking.address, "wants to know who asks"]);
    assert!(ran.err.contains("--auth-file FILE"), "{ran:?}");
    attach(&at("wrong"), &["peer a", "refuses the first user of", "/wrong"]);
    attach(&at("nowhere"), &["cannot read the passwords in", "/nowhere"]);
    attach(&at("empty"), &["/empty names no user"]);
    attach(&at("odd"), &["/odd:1 is no user:password"]);
    attach(&format!("{} --auth-file users", open.address), &["peer a", "asks nobody who they are"]);
    assert_eq!(Client::connect(&open.address).stat("", "cmd_set"), "0", "it was told no password");
    assert_eq!(world.json("peer list").as_array().unwrap().len(), 0);

    fs::set_permissions(&users, fs::Permissions::from_mode(0o644)).unwrap();
    let ran = world.run(&format!("peer attach a {}", at("users")));
    assert!(ran.code == 0 && ran.err.contains("others can read the passwords"), "{ran:?}");
}

#[test]
fn a_file_that_has_become_wrong_is_the_reason_until_it_is_corrected() {
    let world = World::new();
    let users = write(&world, "users", USERS);
    let ours = write(&world, "ours", USERS);
    let mut peer = Stranger::asking(&users);
    world.good(&format!("peer attach a={} --auth-file ours", peer.address));
    world.good("network create main");
    world.good("network add main a");
    let proxy = Running::of(&world, "");
    let mut client = proxy.client();
    assert_eq!(client.set("k", "v").unwrap(), "STORED");
    for (text, words) in [
        (Some("ann:guess\n"), "it refuses the first user of"),
        (Some(""), "names no user"),
        (None, "cannot read the passwords in"),
    ] {
        peer.kill();
        match text {
            Some(text) => drop(write(&world, "ours", text)),
            None => fs::remove_file(&ours).unwrap(),
        }
        peer.restart();
        wait_for("the reason", || {
            let said = client.get("k").unwrap();
            assert!(!said.contains("guess") && !said.contains("secret"), "{said}");
            said.contains("a (127.0.0.1")
                && said.contains(words)
                && said.contains(&ours.display().to_string())
        });
        let ran = world.bad("network get main k", &["a (127.0.0.1", words]);
        assert!(!has_secret(&ran) && !ran.err.contains("guess"), "{ran:?}");
        assert!(world.good("network explain main k").contains(words));
        write(&world, "ours", USERS);
        wait_until_served(&mut client, "a");
        assert_eq!(world.good("network get main k"), "v\n");
    }
}

#[test]
fn a_peer_with_another_file_is_met_as_somebody_else() {
    let world = World::new();
    let users = write(&world, "users", USERS);
    write(&world, "bob", "bob:builder\n");
    let mut peer = Stranger::asking(&users);
    let attach = |file: &str| {
        world.good(&format!("peer attach a={} --auth-file {file}", peer.address));
        world.good("network add main a --flush");
    };
    world.good("network create main");
    attach("users");
    let proxy = Running::of(&world, "--workers 2");
    let mut client = proxy.client();
    assert_eq!(client.set("k", "v").unwrap(), "STORED");
    world.good("network remove main a");
    world.good("peer detach a");
    attach("bob");
    wait_until_served(&mut client, "a");
    peer.kill();
    write(&world, "users", "bob:builder\n");
    peer.restart();
    wait_until_served(&mut client, "a");
    assert_eq!(world.good("network get main k"), "v\n");
}

#[test]
fn a_peer_of_ours_gets_another_file_when_it_is_started_with_one() {
    let world = World::new();
    write(&world, "users", USERS);
    write(&world, "bob", "bob:builder\n");
    world.good("peer start p0 --engine memcached --auth-file users");
    world.good("network create main");
    world.good("network add main p0");
    let proxy = Running::of(&world, "");
    let mut client = proxy.client();
    assert_eq!(client.set("k", "v").unwrap(), "STORED");
    world.good("peer stop p0");
    let old = world.script("echo memcached 1.5.14");
    let ran = Ran::of(world.command("peer start p0").env("MEMCACHED_PATH", old).output().unwrap());
    ran.assert_failed(&["memcached 1.5.14 cannot ask who its clients are"]);
    assert!(ran.err.contains("another --engine"), "{ran:?}");
    world.bad("peer start p0 --auth-file nowhere", &["cannot read the passwords in"]);
    let broken = world.script("test \"$1\" = -V && echo memcached 1.6.18 || exit 1");
    let start = &mut world.command("peer start p0 --auth-file bob");
    Ran::of(start.env("MEMCACHED_PATH", broken).output().unwrap()).assert_failed(&["p0"]);
    assert!(world.record("p0")["auth_file"].as_str().unwrap().ends_with("/users"), "nothing was started");
    world.good("peer start p0 --auth-file bob");
    wait_until_served(&mut client, "p0");
    assert_eq!(world.good("network get main k"), "v\n");
    world.good("peer stop p0");
    world.good("peer start p0");
    assert!(world.record("p0")["auth_file"].as_str().unwrap().ends_with("/bob"), "as before");
    wait_until_served(&mut client, "p0");
}
