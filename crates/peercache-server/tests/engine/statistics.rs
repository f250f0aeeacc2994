//! `stats` tells the truth, in memcached's words.

use crate::client::Client;
use crate::programs::{Memcached, Running, eventually, options};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::net::SocketAddr;

fn stats(address: SocketAddr) -> HashMap<String, String> {
    let answer = Client::connect(address).ask(b"stats\r\n");
    let text = String::from_utf8(answer.bytes).expect("stats are text");
    let lines = text.lines().filter_map(|line| line.strip_prefix("STAT ")?.split_once(' '));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A little of everything that is counted.
const WORK: &[u8] = b"set a 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\nadd a 0 0 1\r\nx\r\nget a b c\r\nincr a 1\r\n\
    incr c 1\r\ndecr a 1\r\ndecr c 1\r\ndecr c 1\r\ntouch a 0\r\ntouch c 0\r\ngat 0 b\r\ndelete b\r\n\
    delete b\r\ncas a 0 0 1 999\r\nx\r\ncas c 0 0 1 1\r\nx\r\nappend a 0 0 1\r\n0\r\nset d 0 -1 1\r\nx\r\n\
    get d\r\nset e 0 0 2000000\r\n";

#[test]
fn the_counts_are_memcacheds() {
    let memcached = Memcached::start();
    let running = Running::start(options());
    let work = [WORK, &[b'x'; 2_000_000], b"\r\nflush_all\r\nget a\r\n"].concat();
    Client::connect(memcached.address).ask(&work);
    Client::connect(running.address).ask(&work);
    let (theirs, ours) = (stats(memcached.address), stats(running.address));
    for name in [
        "cmd_get",
        "cmd_set",
        "cmd_flush",
        "cmd_touch",
        "get_hits",
        "get_misses",
        "get_expired",
        "delete_misses",
        "delete_hits",
        "incr_misses",
        "incr_hits",
        "decr_misses",
        "decr_hits",
        "cas_misses",
        "cas_hits",
        "cas_badval",
        "touch_hits",
        "touch_misses",
        "store_too_large",
        "store_no_memory",
        "evictions",
        "max_connections",
        "limit_maxbytes",
        "total_items",
        "pointer_size",
    ] {
        assert_eq!(ours.get(name), theirs.get(name), "{name}");
    }
    for name in [
        "bytes",
        "curr_items",
        "time",
        "uptime",
        "curr_connections",
        "total_connections",
        "threads",
        "hash_bytes",
        "conn_yields",
        "rusage_user",
        "auth_cmds",
        "crawler_reclaimed",
        "accepting_conns",
    ] {
        assert!(ours.contains_key(name) && theirs.contains_key(name), "{name}");
    }
}

#[test]
fn it_says_who_it_is() {
    let running = Running::start(options());
    let stats = stats(running.address);
    assert_eq!(stats["pid"], std::process::id().to_string());
    assert!(stats["version"].starts_with("1.6."), "clients read memcached's version in it");
    assert_eq!(stats["threads"], "2");
    assert_eq!(stats["limit_maxbytes"], (64 << 20).to_string());
    assert_eq!(stats["curr_connections"], "1");
}

#[test]
fn dead_items_leave_the_memory_without_anybody_asking_for_them() {
    let running = Running::start(options());
    let mut client = Client::connect(running.address);
    for n in 0..500 {
        client.expect(format!("set k{n} 0 {} 1\r\na\r\n", n % 2).as_bytes(), b"STORED\r\n");
    }
    eventually("what expired is gone", || stats(running.address)["curr_items"] == "250");
    client.expect(b"flush_all\r\n", b"OK\r\n");
    eventually("what was flushed is gone", || stats(running.address)["curr_items"] == "0");
    assert_eq!(stats(running.address)["bytes"], "0");
}

#[test]
fn items_are_counted_in_memcacheds_size_classes() {
    let memcached = Memcached::start();
    let running = Running::start(options());
    let about = |address: SocketAddr, what: &str| {
        let mut client = Client::connect(address);
        for (key, bytes) in [("a", 10), ("b", 10), ("c", 500), ("d", 66_560), ("e", 70_000), ("f", 700_000)] {
            let set = format!("set {key} 0 0 {bytes}\r\n{}\r\n", "x".repeat(bytes));
            client.expect(set.as_bytes(), b"STORED\r\n");
        }
        client.expect(b"set d 1 0 1\r\nx\r\ndelete e\r\n", b"STORED\r\nDELETED\r\n");
        let text = String::from_utf8(client.ask(what.as_bytes()).bytes).expect("stats are text");
        let lines = text.lines().filter_map(|line| line.strip_prefix("STAT ")?.split_once(' '));
        let told = |name: &str| {
            name.ends_with(":number") || name.ends_with(":mem_requested") || name.ends_with(":chunk_size")
        };
        let told = lines.filter(|(name, _)| told(name));
        told.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<HashMap<_, _>>()
    };
    let (theirs, ours) =
        (about(memcached.address, "stats items\r\n"), about(running.address, "stats items\r\n"));
    // 1.6.18 tells no mem_requested there.
    for (name, value) in &theirs {
        assert_eq!(ours.get(name), Some(value), "{name}");
    }
    let numbers = |all: &HashMap<String, String>| all.keys().filter(|name| name.ends_with(":number")).count();
    assert_eq!(numbers(&ours), numbers(&theirs));
    assert_eq!(about(running.address, "stats slabs\r\n")["1:chunk_size"], "96");
}

/// What `stats conns` tells of each descriptor.
fn connections(asker: &mut Client) -> Vec<HashMap<String, String>> {
    let text = String::from_utf8(asker.ask(b"stats conns\r\n").bytes).expect("stats are text");
    let mut all: BTreeMap<String, HashMap<String, String>> = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("STAT ")) {
        let (fd, told) = line.split_once(':').expect("a descriptor comes first");
        let (name, value) = told.split_once(' ').expect("a name has a value");
        all.entry(fd.to_owned()).or_default().insert(name.to_owned(), value.to_owned());
    }
    all.into_values().collect()
}

#[test]
fn who_is_connected_is_told_as_memcached_tells_it() {
    let memcached = Memcached::start();
    let running = Running::start(options());
    for address in [memcached.address, running.address] {
        let mut asker = Client::connect(address);
        let mut half = Client::connect(address);
        half.stream.write_all(b"set k 0 0 5\r\nab").unwrap();
        let told = |asker: &mut Client, of: &Client| {
            let theirs = format!("tcp:{}", of.stream.local_addr().unwrap());
            connections(asker).into_iter().find(|connection| connection["addr"] == theirs)
        };
        let state =
            |asker: &mut Client, of: &Client| told(asker, of).map(|mut it| it.remove("state").unwrap());
        eventually("half a value is waited for", || {
            state(&mut asker, &half).as_deref() == Some("conn_nread")
        });
        half.stream.write_all(b"cde\r\n").unwrap();
        eventually("a request is waited for", || state(&mut asker, &half).as_deref() == Some("conn_read"));
        let here = format!("tcp:{address}");
        let mine = connections(&mut asker).into_iter().find(|it| it["state"] == "conn_parse_cmd").unwrap();
        assert_eq!((&mine["listen_addr"], &mine["secs_since_last_cmd"]), (&here, &"0".to_owned()));
        let listener =
            connections(&mut asker).into_iter().find(|it| it["state"] == "conn_listening").unwrap();
        assert_eq!((&listener["addr"], listener.get("listen_addr")), (&here, None));
        let port = half.stream.local_addr().unwrap();
        drop(half);
        let is_there = |it: &HashMap<String, String>| it["addr"] == format!("tcp:{port}");
        eventually("who has gone is not told of", || !connections(&mut asker).iter().any(is_there));
    }
}
